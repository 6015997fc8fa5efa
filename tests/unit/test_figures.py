"""The pictures of a run: which are drawn, what they say, and that no run folder breaks them."""

import csv
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from tests.unit import synthetic
from tests.unit.synthetic import Asked, write_run
from tw_bench.errors import ResultsError
from tw_bench.observe.counters import COLUMNS
from tw_bench.plan.prediction import Prediction
from tw_bench.report.figures import (
    connect_cost,
    draw_all,
    fates,
    labels,
    port_range,
    rates,
    remedies,
    run_data,
    small_multiples,
    style,
    time_wait,
    upstreams,
)
from tw_bench.report.figures.remedy_rows import make_rows
from tw_bench.report.figures.run_data import Predicted, Run
from tw_bench.results.reading import load_run
from tw_bench.results.schema import Summary
from tw_bench.results.tally import INTERVAL_COLUMNS

KINDS = (port_range, remedies, upstreams, time_wait, rates, connect_cost)


def read(folder: Path) -> Run:
    """Return the run of a folder that has a summary."""
    return run_data.arrays(load_run(folder))


def names(folder: Path) -> list[str]:
    """Return the names of the pictures that a run folder has, in the order of the report."""
    run = read(folder)
    with style.settings():
        return [name for kind in KINDS for name, _ in kind.draw(run)]


def drawn(drawing: Iterator[tuple[str, Figure]]) -> dict[str, str]:
    """Return picture name → every text in it."""
    with style.settings():
        return {
            name: "\n".join(text.get_text() for text in figure.findobj(Text))
            for name, figure in drawing
        }


@pytest.fixture(scope="module")
def curve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight ranges in real minutes."""
    return write_run(tmp_path_factory.mktemp("runs") / "curve", synthetic.curve())


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One range running dry, and six in time-lapse."""
    return write_run(tmp_path_factory.mktemp("runs") / "quickstart", synthetic.quickstart())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ranges in real minutes, as little as gives every picture."""
    points = [Asked(id=str(ports), ports=ports) for ports in (100, 200)]
    return write_run(tmp_path_factory.mktemp("runs") / "small", points)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline and seventeen other parts, of every kind."""
    return write_run(tmp_path_factory.mktemp("runs") / "remedies", synthetic.remedies())


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six ways through nginx, of every end."""
    return write_run(tmp_path_factory.mktemp("runs") / "upstreams", synthetic.upstreams())


def a_part(name: str, **fields: Any) -> Asked:
    """Return a part that is one point, a few seconds long."""
    return Asked(id=name, part=name, **{"ports": 100, "fill_s": 0, "window_s": 4, **fields})


class TestWhichPicturesAreDrawn:
    def test_comparison_of_many(self, compared: Path) -> None:
        """Of many different things, eight panels of rates or one line of costs say nothing."""
        assert names(compared) == ["remedies", "time-wait"]

    def test_ways_through_a_proxy(self, proxied: Path) -> None:
        """They have a picture of their own, and a curve of two of them would be none."""
        assert names(proxied) == ["upstreams", "time-wait", "rates"]

    def test_comparison_of_few(self, tmp_path: Path) -> None:
        """Few parts have a panel each; two are no picture of their own."""
        parts = [a_part("a"), a_part("b", closer="server"), a_part("c", closer="nowhere")]
        assert names(write_run(tmp_path / "3", parts)) == ["remedies", "time-wait", "rates"]
        assert names(write_run(tmp_path / "2", parts[:2])) == ["time-wait", "rates"]

    def test_curve(self, curve: Path) -> None:
        """A curve in real minutes has all four."""
        assert names(curve) == ["port-range", "time-wait", "rates", "connect-cost"]

    def test_quickstart(self, quickstart: Path) -> None:
        """Time-lapse has a curve of its own name, and no cost of the call."""
        assert names(quickstart) == ["port-range-time-lapse", "time-wait", "rates"]

    def test_one_point(self, tmp_path: Path) -> None:
        """One range is no curve."""
        folder = write_run(tmp_path, synthetic.one_point())
        assert names(folder) == ["time-wait", "rates", "connect-cost"]

    def test_interrupted(self, tmp_path: Path) -> None:
        """An interrupted run shows what it had kept."""
        folder = write_run(tmp_path, synthetic.interrupted(), "interrupted")
        assert names(folder) == ["port-range", "time-wait", "rates", "connect-cost"]

    def test_real_and_time_lapse_curves_are_two_pictures(self, tmp_path: Path) -> None:
        """Ranges that come back after a minute and after a second never share a curve."""
        points = [
            Asked(id=f"{lapse}/{ports}", ports=ports, time_lapse=lapse)
            for lapse in (False, True)
            for ports in (100, 200)
        ]
        pictures = drawn(port_range.draw(read(write_run(tmp_path, points))))
        assert list(pictures) == ["port-range", "port-range-time-lapse"]

    @pytest.mark.parametrize(
        "missing", ["manifest.json", "summary.json", "intervals.csv", "samples.csv"]
    )
    def test_a_missing_file_is_said(self, small: Path, tmp_path: Path, missing: str) -> None:
        """Nothing is drawn from half a run folder; the error names the file."""
        folder = shutil.copytree(small, tmp_path / "run")
        (folder / missing).unlink()
        with pytest.raises(ResultsError, match=missing):
            draw_all(folder)

    def test_a_plan_without_predictions(self, tmp_path: Path) -> None:
        """A point that failed before it was predicted is left out."""
        write_run(tmp_path, [Asked(id="a", ports=100), Asked(id="b", ports=200)])
        summary = json.loads((tmp_path / "summary.json").read_text())
        summary["points"][0]["prediction"] = {}
        (tmp_path / "summary.json").write_text(json.dumps(summary))
        assert [point.result.id for point in read(tmp_path).points] == ["b"]

    @pytest.mark.parametrize("torn", ["intervals.csv", "samples.csv"])
    def test_a_torn_last_row_is_left_out(self, small: Path, tmp_path: Path, torn: str) -> None:
        """What a killed run left behind is read up to its last whole row."""
        folder = shutil.copytree(small, tmp_path / "run")
        rows = (folder / torn).read_text().splitlines()
        (folder / torn).write_text("\n".join([*rows[:-1], rows[-1][: len(rows[-1]) // 2]]))
        assert names(folder) == ["port-range", "time-wait", "rates", "connect-cost"]


class TestWhatTheySay:
    def test_remedies(self, compared: Path) -> None:
        """The title counts what the parts do; each bar says how far it got and why."""
        (text,) = drawn(remedies.draw(read(compared))).values()
        assert "Of 17 ways, 7 change nothing, 1 lowers the limit, 5 raise it, 3 remove it" in text
        assert "baseline: 500 ports let 8.14/s through (dashed)." in text
        for words in ("8.14/s", "+0.0 %", "≥ 199.9/s", "all that was offered", "≥ 25", "61", "0.5"):
            assert words in text.split("\n")
        assert "▲ generator-bound" in text
        assert "the client's worker 1 was killed" in text
        assert set(fates.FATES) < set(text.split("\n"))

    def test_time_lapse_among_remedies(self, compared: Path) -> None:
        """Ports that come back after a second are labelled, in bold beside the others."""
        (text,) = drawn(remedies.draw(read(compared))).values()
        assert "tinted: time-lapse (1 s)" in text
        assert text.split("\n").count("1 s") == 2

    def test_remedies_from_what_runs_out_to_what_does_not(self, compared: Path) -> None:
        """The baseline comes first; groups follow TIME_WAIT, in each the lowest comes first."""
        rows = make_rows(read(compared).points)
        order = [row.point.result.part for row in rows]
        assert order[:2] == ["baseline", "reserved"]
        assert order[-1] == "dead"
        found = list(dict.fromkeys(row.fate for row in rows))
        assert found == list(fates.FATES)

    def test_a_limit_far_above_the_load_is_named(self, tmp_path: Path) -> None:
        """It does not stretch the axis, nor hide the bars."""
        parts = [a_part("a"), a_part("b"), a_part("kept", requests=100_000, rate_per_s=50)]
        run = read(write_run(tmp_path, parts))
        (text,) = drawn(remedies.draw(run)).values()
        assert "limit 162,760/s" in text
        (text,) = drawn(rates.draw(run)).values()
        assert "limit 162,760/s, far above" in text
        assert "transactions a second [1/s], stacked" in text

    def test_no_limit(self, tmp_path: Path) -> None:
        """A point without a limit says so, and its goodput all the same."""
        points = [Asked(id="x", ports=100, closer="server", fill_s=1, window_s=4, rate_per_s=50)]
        run = read(write_run(tmp_path, points))
        (text,) = drawn(rates.draw(run)).values()
        assert "unlimited" in text
        assert "goodput 50.00/s" in text
        assert "limit" not in text.replace("unlimited", "").replace("saturated limit", "")

    def test_the_ceiling_of_several_addresses(self, tmp_path: Path) -> None:
        """As many TIME_WAIT as ports on each pair of addresses."""
        points = [Asked(id="x", ports=100, pairs=3)]
        (text,) = drawn(time_wait.draw(read(write_run(tmp_path, points)))).values()
        assert "300 four-tuples" in text
        assert "TIME_WAIT fills the whole range of the client" in text
        assert "dashed: ports × addresses" in text

    def test_some_of_each_kind(self, compared: Path) -> None:
        """Of many parts, the panels of TIME_WAIT show every place where it went."""
        run = read(compared)
        shown = fates.some_of_each(run.points, 8)
        assert {fates.fate(point) for point in shown} == set(fates.FATES)
        assert shown[0].result.part == "baseline"
        (text,) = drawn(time_wait.draw(run)).values()
        assert "8 of 18 points, some of each kind" in text

    def test_curve(self, curve: Path) -> None:
        """The curve names the range, its rate, the three limits and the folklore."""
        (text,) = drawn(port_range.draw(read(curve))).values()
        assert "28,232 ports let 459.5/s through, not 500" in text
        assert "8 port-bound" in text
        assert "each within 0.1 % of ports / 61.44 s" in text
        assert "no Linux kernel does exactly that:\n30,000 / 61.44 s = 488/s" in text
        for limit in ("textbook", "saturated", "sustainable", "ports / 62.05 s"):
            assert limit in text
        assert "4.07/s" in text

    def test_time_lapse(self, quickstart: Path) -> None:
        """Time-lapse says what it is, and has one limit."""
        (text,) = drawn(port_range.draw(read(quickstart))).values()
        assert (
            "time-lapse: tcp_tw_reuse=1 frees a port after 1 s; the real limit is 61 times lower"
        ) in text
        assert "folklore" not in text
        assert "sustainable" not in text

    def test_time_lapse_panels_are_told_apart(self, quickstart: Path) -> None:
        """Beside a real minute each panel in time-lapse carries the word."""
        run = read(quickstart)
        for drawing in (time_wait.draw(run), rates.draw(run)):
            (text,) = drawn(drawing).values()
            assert text.count("TIME-LAPSE · ") == 6
            assert "tinted panels are time-lapse" in text

    def test_where_time_wait_stands(self, curve: Path, tmp_path: Path) -> None:
        """The title says which side holds TIME_WAIT."""
        (text,) = drawn(time_wait.draw(read(curve))).values()
        assert "TIME_WAIT fills every range of the client; the server holds none" in text
        points = [Asked(id="x", ports=1000, closer="server")]
        (text,) = drawn(time_wait.draw(read(write_run(tmp_path, points)))).values()
        assert "TIME_WAIT stands on the server: the client's ports are free" in text

    def test_echo(self, curve: Path) -> None:
        """Too high a rate gives bursts of connections and of refusals."""
        (text,) = drawn(rates.draw(read(curve))).values()
        assert "The echo: 49 s of connections, 12 s of refusals, every 61 s" in text
        assert "held back after a refusal" in text
        assert "means of 4 s" in text

    def test_no_echo_where_the_rate_changes(self, curve: Path) -> None:
        """A ramp is refused more and more: that is no echo, whatever its mean."""
        run = read(curve)
        for point in run.points:
            point.result.prediction["pace"] = [[10.0, 20.0, 184.32]]
        (text,) = drawn(rates.draw(run)).values()
        assert "The echo" not in text
        assert "What exceeds ports / 61.44 s is refused" in text

    def test_running_dry(self, quickstart: Path) -> None:
        """A range that was only filled ran dry."""
        (text,) = drawn(rates.draw(read(quickstart))).values()
        assert "500 ports ran dry after 12.5 s" in text

    def test_no_refusal(self, tmp_path: Path) -> None:
        """Below the limit everything goes through."""
        points = [Asked(id="x", ports=1000, rate_per_s=10)]
        (text,) = drawn(rates.draw(read(write_run(tmp_path, points)))).values()
        assert "Everything that was offered went through" in text

    def test_jump_of_the_connect_call(self, curve: Path) -> None:
        """The call jumps at half of the range, each range to its own height."""
        (text,) = drawn(connect_cost.draw(read(curve))).values()
        assert "connect(): 19 µs below half of the range, up to 2.1 ms above" in text
        assert "28,232 ports: 2.1 ms" in text
        assert "IP_LOCAL_PORT_RANGE" not in text

    def test_an_even_fill_is_not_the_cost_of_the_search(self, tmp_path: Path) -> None:
        """A fill by sockets with their own range is shown as that, and no jump is made of it."""
        points = [Asked(id="x", ports=28232, fills_evenly=True)]
        (text,) = drawn(connect_cost.draw(read(write_run(tmp_path, points)))).values()
        assert "connect() takes 2.1 ms above half of a range" in text
        assert "own range: 20 µs" in text

    def test_what_an_interrupted_run_says(self, tmp_path: Path) -> None:
        """Every picture says that the run is not whole, and where a point's rows end."""
        run = read(write_run(tmp_path, synthetic.interrupted(), "interrupted"))
        for kind in (port_range, time_wait, rates, connect_cost):
            (text,) = drawn(kind.draw(run)).values()
            assert "This run is interrupted" in text
        (text,) = drawn(rates.draw(run)).values()
        assert text.count("ends at 95 s") == 4
        assert "failed: the client's" in text

    def test_nothing_is_said_of_seconds_that_were_not(self, tmp_path: Path) -> None:
        """Where no second is whole there is no picture of rates, and no limit far above it."""
        write_run(tmp_path, [Asked(id="x", ports=1_000, stop_s=0.9, status="interrupted")])
        assert not list(rates.draw(read(tmp_path)))

    def test_a_line_does_not_cross_its_name(self) -> None:
        """A slow ramp leaves room above it; and where rows end there is a line as well."""
        old = read(Path(__file__).parents[1] / "data/runs/format-1")
        with style.settings():
            ((_, figure),) = time_wait.draw(old)
            figure.canvas.draw()
            for axes in figure.axes:
                for text in axes.texts:
                    if text.get_text() not in ("client", "server"):
                        continue
                    box = text.get_window_extent()
                    for line in axes.lines[1:]:  # the first is the ceiling
                        way = axes.transData.transform(line.get_xydata())
                        fine = np.linspace(way[0, 0], way[-1, 0], 2_000)
                        heights = np.interp(fine, *way.T)
                        inside = (box.x0 < fine) & (fine < box.x1)
                        assert not ((box.y0 < heights) & (heights < box.y1) & inside).any()

    def test_far_points_are_shown_at_the_edge(self, tmp_path: Path) -> None:
        """A point far off every limit keeps the magnified panel magnified."""
        late = Asked(id="b", ports=8000, slowdown=0.3, verdict="generator-bound")
        run = read(write_run(tmp_path, [Asked(id="a", ports=1000), late]))
        (text,) = drawn(port_range.draw(run)).values()
        assert "36 %" in text
        assert "1 generator-bound" in text

    def test_more_points_than_panels(self, tmp_path: Path) -> None:
        """Of many points eight are shown, from the first to the last, and the picture says so."""
        points = [Asked(id=f"p{n}", ports=100 + n, fill_s=1, window_s=4) for n in range(20)]
        (text,) = drawn(time_wait.draw(read(write_run(tmp_path, points)))).values()
        shown = [word for word in text.split("\n") if word in {point.id for point in points}]
        assert len(shown) == 8
        assert (shown[0], shown[-1]) == ("p0", "p19")
        assert "8 of 20 points" in text

    def test_origin(self, curve: Path) -> None:
        """The foot of a picture says where it comes from."""
        (text,) = drawn(time_wait.draw(read(curve))).values()
        for part in ("synthetic", "Linux 6.18.44", "HZ 250", "2026-03-04", "tw-bench 0.1.0"):
            assert part in text


class TestWhatTheySayOfProxies:
    def test_upstreams(self, proxied: Path) -> None:
        """The title names what runs dry and what a pool needs; each way has its figures."""
        (text,) = drawn(upstreams.draw(read(proxied))).values()
        lines = text.split("\n")
        assert "nginx 1.2.3: HTTP/1.1 without a pool runs out of ports, a pool needs 27" in text
        assert "errors (502)" in lines
        for words in ("95.9 %", "4.88", "≥ 119.9", "300 of 300", "600 of 600", "7,968", "295"):
            assert words in lines, words
        for closer in ("target", "nginx", "kept open", "nginx, RST", "failed"):
            assert closer in lines, closer
        assert "the client's worker 1 was killed" in text
        assert "nginx 1.2.3   ·   Linux 6.18.44" in text

    def test_goodput_and_errors_are_told_apart_without_colour(self, proxied: Path) -> None:
        """Errors are hatched and begin where the goodput ends; the limit stands in its bar."""
        with style.settings():
            ((_, figure),) = upstreams.draw(read(proxied))
        bars = [bar for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]
        wrong = [bar for bar in bars if bar.get_hatch()]
        assert len(wrong) == 2
        for bar in wrong:
            ends = [other.get_width() for other in bars if other.get_y() == bar.get_y()]
            assert bar.get_x() in ends
            assert bar.get_x() + bar.get_width() == pytest.approx(120, rel=0.01)
        marks = [np.atleast_1d(line.get_xdata()) for line in figure.axes[0].lines]
        limits = [mark[0] for mark in marks if len(mark) > 1]
        assert limits == pytest.approx([300 / 61.44, 600 / 61.44])

    def test_a_proxy_that_resets_runs_out_of_nothing(self, tmp_path: Path) -> None:
        """The title says why no port is missing."""
        parts = [a_part(name, proxy="haproxy", closer="nowhere") for name in "ab"]
        (text,) = drawn(upstreams.draw(read(write_run(tmp_path, parts)))).values()
        assert "HAProxy 1.2.3 does not run out of ports: where it closes first, it resets" in text
        assert "predicted limit, where" not in text
        assert "errors (" not in text

    def test_time_wait_at_a_proxy(self, proxied: Path) -> None:
        """The ports are the proxy's, so it is its TIME_WAIT that fills them."""
        (text,) = drawn(time_wait.draw(read(proxied))).values()
        assert "In 3 of 6 ways TIME_WAIT fills the ports of nginx; at the target it takes none" in (
            text
        )
        assert "dashed: usable ports of nginx" in text
        assert "client, nginx" in text.split("\n")
        assert "server" not in text

    def test_time_wait_towards_clients_costs_no_port(self, tmp_path: Path) -> None:
        """However much of it a proxy holds."""
        asked = {"closer": "server", "to_clients": True, "rate_per_s": 500}
        parts = [a_part(name, proxy="haproxy", **asked) for name in "ab"]
        (text,) = drawn(time_wait.draw(read(write_run(tmp_path, parts)))).values()
        assert "HAProxy: TIME_WAIT takes no port towards the target" in text
        assert "HAProxy,\nto clients" in text

    def test_panels_of_many_ways_show_each_end(self, tmp_path: Path) -> None:
        """Of more ways than panels, no end on the wire is missing."""
        ends = [a_part("z", proxy="nginx", closer=closer) for closer in ("server", "nowhere")]
        parts = [a_part(f"p{n}", proxy="nginx") for n in range(9)]
        parts += [replace(end, id=end.closer, part=end.closer) for end in ends]
        run = read(write_run(tmp_path, parts))
        shown = fates.some_of_each(run.points, 8)
        assert {fates.fate(point) for point in shown} == {"proxy", "target", "proxy_rst"}

    def test_a_curve_behind_proxies(self, tmp_path: Path) -> None:
        """The ports are the proxies', and what is refused is answered."""
        points = [
            Asked(id=f"{kind}/{ports}", part=kind, ports=ports, proxy=kind, rate_per_s=60)
            for kind in ("nginx", "caddy")
            for ports in (100, 200)
        ]
        run = read(write_run(tmp_path, points))
        (text,) = drawn(port_range.draw(run)).values()
        assert "200 ports of nginx or Caddy let 3.26/s through, not 3.33" in text
        assert "the rest was answered with 502" in text
        assert "goodput [responses/s]" in text
        (text,) = drawn(upstreams.draw(run)).values()
        assert {"nginx/100", "caddy/200"} < set(text.split("\n"))


class TestHowTheyAreMade:
    def test_no_text_covers_another(self, curve: Path) -> None:
        """In the two panels of the curve each label has its place to itself."""
        with style.settings():
            ((_, figure),) = port_range.draw(read(curve))
            for axes in figure.axes:
                boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
                for index, box in enumerate(boxes):
                    assert box.count_overlaps(boxes[index + 1 :]) == 0

    def test_no_text_covers_another_in_a_comparison(self, compared: Path) -> None:
        """Names, holds, figures and factors each have their place, however long the words."""
        with style.settings():
            ((_, figure),) = remedies.draw(read(compared))
            texts = [text for text in figure.axes[0].texts if text.get_text()]
            boxes = [text.get_window_extent().shrunk(1, 0.8) for text in texts]
            for index, box in enumerate(boxes):
                assert box.count_overlaps(boxes[index + 1 :]) == 0, texts[index]

    def test_no_text_covers_another_behind_a_proxy(self, proxied: Path, tmp_path: Path) -> None:
        """Names, titles and figures each have their place, however long and however many."""
        words = "far more than there is room for in the row of one way of many through a proxy"
        wide = {"proxy": "haproxy", "ports": 28232, "rate_per_s": 5000, "title": words}
        parts = [a_part(f"a-way-with-a-long-name-{n}", **wide) for n in range(14)]
        for folder in (proxied, write_run(tmp_path, parts)):
            with style.settings():
                ((_, figure),) = upstreams.draw(read(folder))
                texts = [text for text in figure.axes[0].texts if text.get_text()]
                boxes = [text.get_window_extent().shrunk(1, 0.8) for text in texts]
                for index, box in enumerate(boxes):
                    assert box.count_overlaps(boxes[index + 1 :]) == 0, texts[index]

    def test_a_card_grows_with_its_parts(self, tmp_path: Path) -> None:
        """Up to about twenty parts it is 16:9; more make it taller, and the rows stay legible."""
        heights = []
        for count in (3, 20, 40):
            parts = [a_part(f"p{n}") for n in range(count)]
            with style.settings():
                ((_, figure),) = remedies.draw(read(write_run(tmp_path / str(count), parts)))
                heights.append(figure.get_figheight())
        assert heights[0] == heights[1] == style.SIZE_IN[1]
        assert heights[2] > 40 * 0.18

    def test_every_text_is_inside(
        self, curve: Path, quickstart: Path, compared: Path, proxied: Path
    ) -> None:
        """No text runs over the edge of the card."""
        for folder in (curve, quickstart, compared, proxied):
            run = read(folder)
            with style.settings():
                for kind in KINDS:
                    for _, figure in kind.draw(run):
                        for text in figure.findobj(Text):
                            assert isinstance(text, Text)
                            if text.get_text() and text.get_visible():
                                box = text.get_window_extent()
                                assert box.x1 <= figure.bbox.x1, text
                                assert box.y1 <= figure.bbox.y1, text

    def test_files(self, small: Path) -> None:
        """Each picture is an SVG and a PNG; the same run gives the same bytes."""
        before = matplotlib.rcParams["svg.hashsalt"]
        paths = draw_all(small)
        expected = ["port-range", "time-wait", "rates", "connect-cost"]
        assert [f"{name}{kind}" for name in expected for kind in (".svg", ".png")] == [
            path.name for path in paths
        ]
        assert {path.parent for path in paths} == {small / "figures"}
        first = [path.read_bytes() for path in paths]
        assert [path.read_bytes() for path in draw_all(small)] == first
        assert matplotlib.rcParams["svg.hashsalt"] == before, "our settings leak"
        root = ElementTree.fromstring(first[0])
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not list(root.iter("{http://www.w3.org/2000/svg}text")), "needs a font"
        width, height = first[1][16:20], first[1][20:24]  # of the PNG, its IHDR chunk
        assert (int.from_bytes(width, "big"), int.from_bytes(height, "big")) == (1600, 900)

    def test_matplotlib_is_imported_when_drawing_only(self) -> None:
        """Importing the package costs nothing."""
        code = "import sys, tw_bench.report.figures as f; f.draw_all; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert "matplotlib" not in done.stdout.decode().split()


class TestReading:
    def test_the_plan_predicts_what_is_read(self) -> None:
        """The fields that the pictures need are fields of the prediction."""
        wanted = {field.name for field in fields(Predicted)}
        assert wanted <= {field.name for field in fields(Prediction)}

    def test_samples_have_the_observers_columns(self) -> None:
        """The column that is drawn is one that the observer keeps."""
        assert "time_wait" in COLUMNS

    def test_workers_are_summed(self, tmp_path: Path) -> None:
        """Counts of a second add up; p50 is weighed by attempts, p99 is the slowest worker's."""
        write_run(tmp_path, [Asked(id="x", ports=100)])
        rows: list[dict[str, Any]] = [
            {"point": "x", "worker": 0, "second": 0, "attempted": 30, "ok": 30},
            {"point": "x", "worker": 1, "second": 0, "attempted": 10, "ok": 9},
            {"point": "x", "worker": 0, "second": 2, "attempted": 0, "ok": 0},
        ]
        rows[0] |= {"connect_call_us_p50": 20, "connect_call_us_p99": 50}
        rows[1] |= {"connect_call_us_p50": 40, "connect_call_us_p99": 90}
        with (tmp_path / "intervals.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, INTERVAL_COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        seconds = read(tmp_path).points[0].seconds
        assert seconds is not None
        assert seconds.start_s.tolist() == [0, 2]
        assert seconds.counts["ok"].tolist() == [39, 0]
        assert seconds.call_p50_us[0] == 25
        assert seconds.call_p99_us[0] == 90
        assert np.isnan(seconds.call_p50_us[1])

    def test_a_part_of_a_second_is_none_of_the_second_before(self) -> None:
        """Runs of 0.1 gave the last two rows of a worker one number: 120, then 53 in 0.44 s."""
        root = Path(__file__).parents[2]
        run = run_data.arrays(load_run(root / "results/reference/nginx-upstream"))
        (point,) = [point for point in run.points if point.result.id == "http-10-close"]
        assert point.seconds is not None
        assert point.seconds.start_s[-2:].tolist() == [67, 68]
        assert point.seconds.counts["offered"][-2:].tolist() == [120, 53]
        for one in run.points:  # nor is more offered in a second than asked for
            assert one.seconds is not None
            offered_per_s = one.prediction.offered_per_s or math.inf  # of a closed loop
            assert one.seconds.counts["offered"].max() <= offered_per_s + 1

    def test_earlier_formats_are_read(self, tmp_path: Path) -> None:
        """A prediction that knew ports only is of one pair of addresses and one request."""
        write_run(tmp_path, [Asked(id="x", ports=100)])
        summary = json.loads((tmp_path / "summary.json").read_text())
        for name in ("four_tuples", "requests_per_connection"):
            del summary["points"][0]["prediction"][name]
        (tmp_path / "summary.json").write_text(Summary(**summary).model_dump_json())
        (point,) = read(tmp_path).points
        assert point.is_plain
        assert point.prediction.four_tuples == 100

    def test_later_formats_are_read(self, tmp_path: Path) -> None:
        """What a later version adds to a prediction does no harm."""
        write_run(tmp_path, [Asked(id="x", ports=100)])
        summary = json.loads((tmp_path / "summary.json").read_text())
        summary["points"][0]["prediction"]["more"] = 1
        (tmp_path / "summary.json").write_text(Summary(**summary).model_dump_json())
        assert len(read(tmp_path).points) == 1


def test_spread_keeps_order_and_distance() -> None:
    """Labels are pushed apart as little as it takes."""
    wanted = [0.0, 1.0, 2.0, 30.0, 31.0, 60.0]
    placed = labels.spread(wanted, 10)
    assert placed == sorted(placed)
    assert all(high - low >= 10 for low, high in pairwise(placed))
    assert placed[-1] == 60.0


def test_choose_keeps_first_and_last() -> None:
    """Eight of many are spread evenly over all of them."""
    chosen, words = small_multiples.choose(range(15))
    assert chosen == [0, 2, 4, 6, 8, 10, 12, 14]
    assert words[0].text == "— 8 of 15 points, evenly chosen"
    assert small_multiples.choose("abc") == (["a", "b", "c"], [])
