"""What a search found: when a probe is clean, whose limit it met, and how that is said."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.unit.machines import SMALL
from tests.unit.synthetic import Asked, write_run
from tw_bench.plan.plan import make_plan
from tw_bench.plan.search import Bounds, Search
from tw_bench.profile.reader import read
from tw_bench.report.figures import draw_all
from tw_bench.report.found_text import found_answer, search_text
from tw_bench.report.terminal import show_result
from tw_bench.results.found import find, judge_probe
from tw_bench.results.schema import (
    Found,
    Generator,
    Measured,
    OutcomeCount,
    Percentiles,
    PointResult,
    Summary,
)

REFUSED = ("connect", "EADDRNOTAVAIL")


def a_search(**bounds: Any) -> Search:
    """Return a search from 100/s to 2 %."""
    return Search(
        start_per_s=100,
        least_per_s=1,
        most_per_s=1e6,
        precision=0.02,
        most_probes=16,
        side_by_side=1,
        bounds=Bounds(**bounds),
    )


def took_us(p99: float, most: float | None = None) -> Percentiles:
    """Return a distribution whose median is half of its p99."""
    return Percentiles(
        count=100, mean=p99, p50=p99 / 2, p90=p99, p99=p99, p999=p99, max=most or p99
    )


def a_probe(
    rate_per_s: float = 100.0,
    *,
    ends: dict[tuple[str, str], int] | None = None,
    lag_us: Percentiles | None = None,
    held_back: int = 0,
    missed: int = 0,
    **fields: Any,
) -> PointResult:
    """Return a probe of five seconds of which the last four are the window; a port is held 1 s."""
    outcomes = {("close", "ok"): round(5 * rate_per_s)} | (ends or {})
    refusals = (ends or {}).get(REFUSED, 0)
    values: dict[str, Any] = {
        "id": f"find/{rate_per_s:g}/s",
        "part": "find",
        "title": "",
        "parameters": {"load.rate": f"{rate_per_s:g}/s"},
        "ports": "1024-1123",
        "status": "complete",
        "prediction": {
            "sustainable_per_s": 100.0, "saturated_per_s": 110.0, "hold_s": 1.0, "fill_s": 1.0,
            "window_s": 4.0, "time_lapse": True,
        },
        "measured": Measured(
            offered_per_s=rate_per_s,
            attempted_per_s=rate_per_s - held_back / 4,
            goodput_per_s=rate_per_s,
            window_s=4.0,
            connections_opened=0,
            transactions_ok=0,
            refusals=refusals,
            refusals_in_window=refusals,
            first_refusal_s=None,
            connections_before_first_refusal=None,
        ),
        "prediction_error": 0.0,
        "outcomes": [OutcomeCount(phase=p, errno=e, count=n) for (p, e), n in outcomes.items()],
        "time_wait": {},
        "counters": {},
        "connect_call_us": None,
        "connect_us": None,
        "latency_us": took_us(800.0),
        "service_time_us": took_us(700.0),
        "generator": Generator(
            workers=1,
            cpu=0.1,
            busiest_worker_cpu=0.1,
            schedule_lag_us=lag_us or took_us(100.0),
            missed=missed,
            held_back=held_back,
            memory_peak_bytes=0,
            memory_growth_bytes=0,
        ),
        "ledger": [],
        "verdict": "offered-load-bound",
        "evidence": [],
    }  # fmt: skip
    return PointResult(**values | fields)


def found_of(*points: PointResult, **bounds: Any) -> Found:
    """Return what a search found."""
    found = find(a_search(**bounds), points)
    assert found is not None
    return found


def test_a_probe_that_met_nothing_is_clean():
    """No refusal, no error, no missed slot."""
    assert judge_probe(a_search(), a_probe()) == ("clean", "")


def test_one_refusal_is_enough():
    """Also one of the fill; with the slots that were held back after it."""
    judged = judge_probe(a_search(), a_probe(ends={REFUSED: 3}, held_back=2))
    assert judged == (
        "refusals",
        "3 of 505 slots refused (EADDRNOTAVAIL at connect), 2 held back after a refusal",
    )


def test_a_share_of_refusals_may_be_allowed():
    """Four of 400 slots of the window are 1 %."""
    probe = a_probe(ends={REFUSED: 4})
    assert judge_probe(a_search(refusals=0.01), probe).outcome == "clean"
    assert judge_probe(a_search(refusals=0.009), probe).outcome == "refusals"


def test_refusals_after_a_burst_are_the_generators():
    """100 ms of lag brings a tenth of a hold's slots at once: it may explain 1 %, but not 30 %."""
    late = took_us(2_000.0, most=100_000.0)
    judged = judge_probe(a_search(), a_probe(ends={REFUSED: 5}, lag_us=late))
    assert judged.outcome == "generator"
    assert judged.reason.endswith(
        "; slots started up to 10.0% of the hold late, and the burst may have done it"
    )
    assert judge_probe(a_search(), a_probe(ends={REFUSED: 215}, lag_us=late)).outcome == "refusals"


def test_a_late_generator_is_not_the_targets_knee():
    """What the verdict says of it is the reason."""
    lines = ["schedule lag p99 140 ms: connections started late"]
    probe = a_probe(verdict="generator-bound", evidence=lines)
    assert judge_probe(a_search(), probe) == ("generator", lines[0])


def test_errors_and_missed_slots_are_not_clean():
    """Each is named."""
    judged = judge_probe(a_search(), a_probe(ends={("receive", "timeout"): 2}))
    assert judged == ("errors", "2 timeout at receive")
    judged = judge_probe(a_search(), a_probe(missed=7))
    assert judged.outcome == "missed"
    assert judged.reason.startswith("7 slots missed")


def test_missed_slots_are_not_the_generators_lateness():
    """Nor where its ceiling is near: the target kept the connections open."""
    evidence = [
        "90 slots missed: too many connections were open",
        "ceiling: 1 worker can offer about 120/s here, less than twice the limit",
    ]
    probe = a_probe(missed=90, verdict="generator-bound", evidence=evidence)
    assert judge_probe(a_search(), probe).outcome == "missed"


def test_latency_has_a_bound_where_it_is_asked_for():
    """By the call itself it is the target's; by the lag before it the generator's."""
    slow = a_probe(latency_us=took_us(30_000.0), service_time_us=took_us(29_000.0))
    late = a_probe(latency_us=took_us(30_000.0), service_time_us=took_us(2_000.0))
    search = a_search(latency_us=(("p50", 16_000.0), ("p99", 20_000.0)))
    assert judge_probe(a_search(), slow).outcome == "clean"
    assert judge_probe(search, slow) == ("latency", "latency p99 30 ms, more than 20 ms")
    assert judge_probe(search, late) == (
        "generator",
        "latency p99 30 ms, more than 20 ms, of which the call itself took 2 ms",
    )


@pytest.mark.parametrize(
    "broken", [{"status": "interrupted"}, {"measured": None}, {"status": "failed", "error": "oh"}]
)
def test_a_probe_that_did_not_end_says_nothing(broken):
    """It is kept, and neither clean nor dirty."""
    found = found_of(a_probe(90), a_probe(180, **broken))
    assert [probe.outcome for probe in found.probes] == ["clean", "not-measured"]
    assert (found.interval_per_s, found.ended) == ((90, None), "stopped")


ANSWERS = {
    "The highest clean rate is 99/s (interval 99 to 100.5/s). At 100.5/s: 3 of 505 slots refused "
    "(EADDRNOTAVAIL at connect). The predicted limit, 100/s, lies in the interval.": [
        a_probe(99),
        a_probe(100.5, ends={REFUSED: 3}),
    ],
    "The highest clean rate is 80/s (interval 80 to 90/s). At 90/s: 3 of 453 slots refused "
    "(EADDRNOTAVAIL at connect). The interval is wider than asked: the search was stopped. "
    "The predicted limit, 100/s, is 11 % above 90/s.": [
        a_probe(80),
        a_probe(90, ends={REFUSED: 3}),
    ],
    "The highest clean rate is 99/s; the knee lies there or above. At 100/s it was the generator, "
    "not the target: schedule lag p99 1 s. The predicted limit, 100/s, lies in the interval.": [
        a_probe(99),
        a_probe(100, verdict="generator-bound", evidence=["schedule lag p99 1 s"]),
    ],
    "The highest clean rate is 99/s; the knee lies there or above. At 200/s it was the generator, "
    "not the target: 180/s were due. The interval is wider than asked: the search was stopped. "
    "The predicted limit, 100/s, lies in the interval.": [
        a_probe(99),
        a_probe(200, verdict="generator-bound", evidence=["generator: 180/s were due"]),
    ],
    "No rate was found clean; the lowest that was tried is 50/s. At 50/s: 1 timeout at receive. "
    "The predicted limit, 100/s, is 2 times 50/s.": [
        a_probe(50, ends={("receive", "timeout"): 1}),
    ],
    "110/s is clean: the knee lies above it. The predicted limit, 100/s, is 9.1 % below 110/s.": [
        a_probe(110)
    ],
    "50/s is clean: the knee lies above it. The predicted limit, 100/s, is not contradicted.": [
        a_probe(50)
    ],
}


@pytest.mark.parametrize(("words", "points"), ANSWERS.items())
def test_the_answer_is_one_sentence_a_fact(words, points):
    """The rate, what lies above, and where the model has its limit."""
    assert found_answer(found_of(*points)) == words


def test_without_a_search_nothing_was_found():
    """An ordinary run has no such field to show."""
    assert find(None, [a_probe()]) is None
    assert find(a_search(), []) is None


def test_what_will_be_tried_is_said_before_the_run(tmp_path):
    """The first rate, the precision, and how long it may take."""
    path = tmp_path / "p.yaml"
    path.write_text("title: x\nlab: {ports: 500}\nfind: {max_rate: {side_by_side: 2}}\n")
    assert search_text(make_plan(read(path), SMALL)) == (
        "search for the highest clean rate: 4.42/s first, doubled until a probe is not clean, then "
        "divided down to 2 %; at most 16 probes of 3 min 04 s, 2 side by side; 49 min 09 s of "
        "load at the most"
    )
    path.write_text("title: x\n")
    assert search_text(make_plan(read(path), SMALL)) == ""


def a_summary(points: list[PointResult], **bounds: Any) -> Summary:
    """Return the summary of a search."""
    return Summary(
        name="max-rate",
        title="The knee",
        question="",
        status="complete",
        points=points,
        found=find(a_search(**bounds), points),
    )


def test_the_table_has_the_probes_as_they_were_run():
    """Each with what it met, and the two ends of the interval marked."""
    points = [a_probe(60), a_probe(120, ends={REFUSED: 90}), a_probe(99), a_probe(100.5, missed=1)]
    out = io.StringIO()
    summary = a_summary(points, latency_us=(("p99", 20_000.0),))
    show_result(Console(file=out, width=100), summary, Path("run"), [])
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["60/s", "60.00", "0", "0.40", "0.80", "0.10", "clean"] in lines
    assert ["120/s", "120.0", "90", "0.40", "0.80", "0.10", "refusals"] in lines
    assert "99/s 99.00 0 0.40 0.80 0.10 clean highest clean".split() in lines
    assert "100.5/s 100.5 0 0.40 0.80 0.10 missed lowest that is not".split() in lines
    legend = "clean: no refusal, no error, no missed slot, latency p99 up to 20 ms, for 5 s"
    assert legend in out.getvalue()
    assert "time-lapse, not the real pace" in out.getvalue()


def test_a_probe_near_the_ceiling_is_marked():
    """The footnote has its star in the table."""
    probe = a_probe(60)
    assert probe.generator is not None
    busy = probe.generator.model_copy(update={"ceiling_per_s": 80.0, "ceiling_share": 0.75})
    out = io.StringIO()
    summary = a_summary([probe.model_copy(update={"generator": busy})])
    show_result(Console(file=out, width=100), summary, Path("run"), [])
    assert "\n60/s *" in out.getvalue()
    assert "*: attempted more than half" in out.getvalue()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_search_has_one_picture(tmp_path, count):
    """Whatever was found; and no other picture beside it."""
    ids = [f"find/{rate}/s" for rate in (60, 120, 99, 101)][:count]
    folder = write_run(
        tmp_path / "run", [Asked(id=name, part="find", ports=100, window_s=4.0) for name in ids]
    )
    rates = (60.0, 120.0, 99.0, 101.0)[:count]
    judged = [
        a_probe(rate, ends={REFUSED: 9} if rate > 100 else None, id=name)
        for rate, name in zip(rates, ids, strict=True)
    ]
    summary = Summary.model_validate_json((folder / "summary.json").read_text())
    found = find(a_search(latency_us=(("p99", 900.0),)), judged)
    text = summary.model_copy(update={"points": judged, "found": found}).model_dump_json()
    (folder / "summary.json").write_text(text)
    svg, png = draw_all(folder)
    assert [svg.name, png.name] == ["max-rate.svg", "max-rate.png"]
    assert "<title>probe 1: 60/s\nclean\ngoodput 100.00 % of what was offered" in svg.read_text()
