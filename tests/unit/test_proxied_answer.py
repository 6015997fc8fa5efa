"""The answer of a run through a proxy, and what the plan says of where it happens."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit import synthetic
from tests.unit.machines import SMALL
from tests.unit.synthetic import Asked, write_run
from tw_bench.plan.plan import make_plan
from tw_bench.profile.reader import read
from tw_bench.report import plan_text
from tw_bench.report.answer import answer
from tw_bench.report.proxied_answer import ending, error_names, proxy_text
from tw_bench.results.schema import Forwarding, OutcomeCount, PointResult, Summary

ROOT = Path(__file__).parents[2]


def results(tmp_path: Path, asked: list[Asked]) -> Summary:
    """Return the summary of a synthetic run."""
    write_run(tmp_path, asked)
    return Summary.model_validate_json((tmp_path / "summary.json").read_text())


def a_way(**fields: Any) -> Asked:
    """Return a way through nginx, a few seconds long."""
    asked: dict[str, Any] = {"id": "a", "ports": 100, "fill_s": 0, "window_s": 4, "proxy": "nginx"}
    return Asked(**asked | fields)


def with_ends(point: PointResult, each: float, **closed: int) -> PointResult:
    """Return a point whose connections ended so."""
    assert point.forwarding is not None
    update = {"closed_first": closed, "requests_per_connection": each}
    return point.model_copy(update={"forwarding": point.forwarding.model_copy(update=update)})


def test_who_closes_first_and_what_follows(tmp_path: Path) -> None:
    """From what needs few ports to what runs out of them; each with its figures."""
    assert answer(results(tmp_path, synthetic.upstreams())) == (
        "nginx keeps what it opens in http-11-pool (295 requests on each connection). "
        "The target closes first in http-11-close, and the ports of nginx stay free. "
        "nginx closes first in reset, by an RST, which leaves no TIME_WAIT. "
        "nginx closes first in http-11-no-pool (300 ports gave 300 responses, then 502; 4.88/s get "
        "through) and no-pool-600-ports (600 ports gave 600 responses, then 502; 8.40/s get "
        "through). Not measured: dead."
    )


def test_a_short_window_says_the_limit(tmp_path: Path) -> None:
    """What gets through in less than one TIME_WAIT is not what gets through."""
    text = answer(results(tmp_path, [a_way(rate_per_s=100)]))
    assert text == (
        "nginx closes first (100 ports gave 100 responses, then 502; the limit is 1.63/s)."
    )


def test_a_window_that_cuts_a_burst_says_the_limit(tmp_path: Path) -> None:
    """Where the model does not say what the window holds, its goodput is not quoted."""
    summary = results(tmp_path, [a_way(rate_per_s=20, fill_s=5, window_s=61.44)])
    assert answer(summary).endswith("; 1.40/s get through).")
    (point,) = summary.points
    cut = {"prediction": point.prediction | {"expected_per_s": None}}
    cut_summary = summary.model_copy(update={"points": [point.model_copy(update=cut)]})
    assert answer(cut_summary).endswith("; the limit is 1.63/s).")


def test_nothing_missing(tmp_path: Path) -> None:
    """A proxy that closes first at a low rate has the ports it needs; of many some are named."""
    parts = [a_way(id=f"p{n}", part=f"p{n}", rate_per_s=5) for n in range(9)]
    assert answer(results(tmp_path, parts)) == (
        "nginx closes first in p0, p1, p2, p3, p4, p5 and 3 more, and no port was missing."
    )


def test_nothing_measured(tmp_path: Path) -> None:
    """A run that was cut short has no answer, and no kept figure makes one."""
    summary = results(tmp_path, [a_way(rate_per_s=5)])
    cut = [point.model_copy(update={"status": "interrupted"}) for point in summary.points]
    assert answer(summary.model_copy(update={"points": cut})).startswith("No answer")


def test_a_curve_keeps_its_law(tmp_path: Path) -> None:
    """Several ranges behind proxies are answered by the law, after who closes first."""
    points = [
        replace(a_way(), id=f"{kind}/{ports}", part=kind, proxy=kind, ports=ports, rate_per_s=60)
        for kind in ("nginx", "caddy")
        for ports in (100, 200)
    ]
    points = [replace(point, fill_s=None, window_s=None) for point in points]
    text = answer(results(tmp_path, points))
    assert text.startswith("nginx and Caddy close first. 200 ports let 3.26 responses a second")


@pytest.mark.parametrize(
    ("each", "closed", "end"),
    [
        (1.0, {"target": 95, "proxy": 5}, "target"),
        (1.0, {"target": 80, "proxy": 20}, "either"),
        (1.0, {"proxy_rst": 100}, "proxy_rst"),
        (1.0, {"target_rst": 100}, "target_rst"),
        (1.0, {}, "unseen"),
        (200.0, {"proxy": 4}, "kept"),
        (200.0, {}, "kept"),
        (6.5, {"proxy": 1900}, "proxy"),  # a pool that is too small, and has not run dry yet
    ],
)
def test_ending(tmp_path: Path, each: float, closed: dict[str, int], end: str) -> None:
    """By nine of ten on the wire; kept ones close too, at the latest when the run is over."""
    (point,) = results(tmp_path, [a_way(rate_per_s=5)]).points
    assert ending(with_ends(point, each, **closed)) == end


def test_a_pool_that_is_too_small_is_not_kept(tmp_path: Path) -> None:
    """Some of its connections carry many requests, and yet it ran out of ports by closing."""
    (point,) = results(tmp_path, [a_way(rate_per_s=100)]).points
    assert ending(with_ends(point, 6.5, proxy=498)) == "proxy"


def test_errors_are_named_from_the_commonest(tmp_path: Path) -> None:
    """What went well is no error."""
    (point,) = results(tmp_path, [a_way(rate_per_s=5)]).points
    counts = (("status", "502", 7), ("close", "ok", 99), ("receive", "timeout", 9))
    ends = [OutcomeCount(phase=phase, errno=name, count=count) for phase, name, count in counts]
    assert error_names(point.model_copy(update={"outcomes": ends})) == ["timeout", "502"]


def test_a_proxy_is_named_as_its_makers_do(tmp_path: Path) -> None:
    """HAProxy, and its version without the program's name."""
    (point,) = results(tmp_path, [a_way(proxy="haproxy", rate_per_s=5)]).points
    assert isinstance(point.forwarding, Forwarding)
    assert proxy_text(point.forwarding) == "HAProxy 1.2.3"


def test_the_plan_names_three_namespaces() -> None:
    """A proxy has a namespace of its own, and the plan says which stand there."""
    point, *_ = make_plan(read(ROOT / "profiles/nginx-upstream.yaml"), SMALL).experiment.points
    assert plan_text._place_text(point) == (
        "topology pair: three private network namespaces: client, nginx, target, IPv4"
    )
