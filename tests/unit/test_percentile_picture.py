"""The picture of latencies by percentile: which lines, which finding, and what it leaves out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from matplotlib.text import Text

from tests.unit.synthetic import Asked, write_run
from tw_bench.report.figures import percentiles as picture
from tw_bench.report.figures import style
from tw_bench.report.figures.hits import Hit
from tw_bench.report.figures.run_data import arrays
from tw_bench.report.figures.style import Card
from tw_bench.results import histogram, percentiles
from tw_bench.results.reading import load_run

ROOT = Path(__file__).parents[2]
MS = 1_000_000  # ns


def milliseconds(*values: float) -> HdrHistogram:
    """Return a histogram of durations."""
    made = histogram.histogram()
    histogram.add(made, np.array([round(value * MS) for value in values], dtype=np.int64))
    return made


def write(folder: Path, durations: dict[str, dict[percentiles.Kind, HdrHistogram]]) -> Path:
    """Return a run folder whose points had these durations."""
    write_run(folder, [Asked(id=id, part=id, ports=100, fill_s=0, window_s=4) for id in durations])
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "percentiles").mkdir()
    for point in summary["points"]:
        for kind, values in durations[point["id"]].items():
            told = histogram.percentiles(values)
            point[f"{kind}_us"] = told and told.model_dump()
            text = percentiles.text(values, point["id"], kind)
            (folder / percentiles.file_name(point["id"], kind)).write_text(text)
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def change_loop(folder: Path, id: str) -> None:
    """Make a point one of a closed loop."""
    summary = json.loads((folder / "summary.json").read_text())
    (point,) = (point for point in summary["points"] if point["id"] == id)
    point["prediction"]["offered_per_s"] = None
    (folder / "summary.json").write_text(json.dumps(summary))


def drawn(folder: Path) -> list[Card]:
    """Return the picture of a run, or nothing."""
    with style.settings():
        return [card for _, card in picture.draw(arrays(load_run(folder)))]


def texts(card: Card) -> str:
    """Return every text of a picture."""
    return "\n".join(text.get_text() for text in card.findobj(Text) if isinstance(text, Text))


def lines(card: Card) -> list[Any]:
    """Return (rarity, value) of each line, two arrays."""
    return [np.asarray(line.get_xydata()).T for line in card.axes[0].lines]


def tail(slowest_ms: float) -> HdrHistogram:
    """Return a thousand durations from 1 to 2 ms, but for twenty that are so slow."""
    return milliseconds(*np.linspace(1, 2, 980), *[slowest_ms] * 20)


def test_one_point_shows_latency_over_service_time(tmp_path: Path) -> None:
    """What coordinated omission would hide is the finding, where there is much of it."""
    (card,) = drawn(write(tmp_path, {"a": {"latency": tail(400), "service_time": tail(20)}}))
    shown = texts(card)
    assert card.title == "p99: 400 ms from the intended start, 20 ms from the real one"
    assert "what coordinated omission hides" in shown
    assert "latency: slowest 400 ms" in shown
    assert "service time: slowest 20 ms" in shown


def test_one_point_without_lag(tmp_path: Path) -> None:
    """Where the service time says as much, the distribution is the finding."""
    (card,) = drawn(write(tmp_path, {"a": {"latency": tail(20), "service_time": tail(20)}}))
    assert card.title == "Half of the transactions took 1.51 ms, 99 % up to 20 ms"


def test_a_closed_loop_intends_nothing(tmp_path: Path) -> None:
    """One line, from the real start, and no wait that would be hidden; of several, which."""
    folder = write(tmp_path / "one", {"a": {"latency": tail(400), "service_time": tail(20)}})
    change_loop(folder, "a")
    (card,) = drawn(folder)
    shown = texts(card)
    assert "from the start; a closed loop waits for its target" in shown
    assert "service time" not in shown
    assert "omission" not in shown
    two: dict[str, dict[percentiles.Kind, HdrHistogram]] = {
        id: {"latency": tail(20)} for id in ("a", "b")
    }
    folder = write(tmp_path / "two", two)
    change_loop(folder, "a")
    (card,) = drawn(folder)
    assert "from the intended start, of closed loops the real one" in texts(card)


def test_an_older_run_has_no_service_time(tmp_path: Path) -> None:
    """Then there is one line."""
    (card,) = drawn(write(tmp_path, {"a": {"latency": tail(20)}}))
    assert "service time" not in texts(card)


def test_a_line_ends_at_its_slowest(tmp_path: Path) -> None:
    """The slowest of 1,000 is one in 1,000, and each percentile is where it belongs."""
    (card,) = drawn(write(tmp_path, {"a": {"latency": milliseconds(*range(1, 1_001))}}))
    rarity, value_us = lines(card)[0]
    assert rarity[-1] == 1_000
    assert value_us[-1] == pytest.approx(1e6, rel=1e-3)
    for percentile in (50, 90, 99):
        found_us = np.interp(1 / (1 - percentile / 100), rarity, value_us)
        assert found_us == pytest.approx(1e4 * percentile, rel=0.01)


def test_up_to_eight_points_have_a_named_line_each(tmp_path: Path) -> None:
    """The finding is the span of their p99; each is named beside the panel, and no name hides."""
    points: dict[str, Any] = {f"p{n}": {"latency": tail(40 + n)} for n in range(8)}
    (card,) = drawn(write(tmp_path, points))
    assert card.title == "p99 latency: 40 ms (p0) to 47 ms (p7)"
    names = [text for text in card.axes[0].texts if text.get_text()]
    assert len(names) == 8
    boxes = [Text.get_window_extent(text).shrunk(1, 0.8) for text in names]  # no leaders
    for index, box in enumerate(boxes):
        assert box.count_overlaps(boxes[index + 1 :]) == 0
        assert box.x1 <= card.bbox.x1


def test_of_a_crowd_three_are_named(tmp_path: Path) -> None:
    """The lowest, the middle and the highest p99; the others are there, faint."""
    points: dict[str, Any] = {f"p{n}": {"latency": tail(40 + n)} for n in range(21)}
    (card,) = drawn(write(tmp_path, points))
    names = [text.get_text().partition(":")[0] for text in card.axes[0].texts]
    assert sorted(names) == ["p0", "p10", "p20"]
    colours = [line.get_color() for line in card.axes[0].lines if np.size(line.get_xydata()) > 4]
    assert colours.count(style.FAINT) == 18


def test_values_are_those_of_the_summary(tmp_path: Path) -> None:
    """What is pointed at says the percentiles of the tables, not those between two steps."""
    (card,) = drawn(write(tmp_path, {"a": {"latency": milliseconds(*range(1, 1_001))}}))
    said = [one.text for one in card.findobj(Hit) if isinstance(one, Hit)]
    assert said[0] == "50 %\nlatency: 500 ms, at most 1 s"
    assert [text.partition(" ")[0] for text in said] == ["50", "90", "99", "99.9"]


def test_without_enough_there_is_no_picture(tmp_path: Path) -> None:
    """Of nineteen transactions there is no tail; of a run that kept no durations nothing at all."""
    assert drawn(write(tmp_path / "few", {"a": {"latency": milliseconds(*range(1, 20))}})) == []
    assert drawn(write(tmp_path / "none", {"a": {}})) == []


def test_a_run_of_format_1_is_read_from_its_log() -> None:
    """The finding of a committed run is its summary's p99."""
    folder = ROOT / "results/reference/port-range-curve"
    (card,) = drawn(folder)
    p99 = {point.id: point.latency_us for point in load_run(folder).points}
    last = p99["ports=28232"]
    assert last is not None
    assert f"{last.p99 / 1e3:.3g} ms (ports=28232)" in card.title


def test_parts_without_an_order_have_no_scale(tmp_path: Path) -> None:
    """A scale says many and few; of a comparison each line is unlike its neighbours."""
    some: dict[str, dict[percentiles.Kind, HdrHistogram]] = {
        name: {"latency": milliseconds(*range(1, 101))} for name in ("a", "b", "c")
    }
    (card,) = drawn(write(tmp_path, some))
    colours = {line.get_color() for line in card.axes[0].lines}
    assert not colours & set(style.STEPS)
    assert "b: slowest 100 ms" in texts(card)
    sizes = {text.get_fontsize() for text in card.axes[0].texts}
    assert len(sizes) == 1
