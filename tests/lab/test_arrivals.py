"""Each kind of arrivals offers what was asked, in a real lab: every slot ends as one row."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from tw_bench.load.schedule import NS_PER_S, slots
from tw_bench.plan.pace import Pace

# Far below the limit of the default range, 455/s: nothing is refused, whatever the rate does.
KINDS = """
method: {fill: 500ms, window: 1500ms}
load: {workers: 2}
parts:
  - {name: constant, load: {rate: 60/s}}
  - {name: ramp, load: {ramp: 20/s to 100/s}}
  - {name: down, load: {ramp: 100/s to 20/s over 1s}}
  - {name: steps, load: {steps: [20/s for 500ms, 100/s for 500ms, 40/s]}}
  - {name: poisson, load: {rate: 60/s, arrivals: poisson}}
  - {name: drawn-ramp, load: {ramp: 20/s to 100/s, arrivals: poisson}}
"""
PACES: dict[str, tuple[str, Pace]] = {
    "constant": ("constant", [(60, 60, 2)]),
    "ramp": ("constant", [(20, 100, 2)]),
    "down": ("constant", [(100, 20, 1), (20, 20, 1)]),
    "steps": ("constant", [(20, 20, 0.5), (100, 100, 0.5), (40, 40, 1)]),
    "poisson": ("poisson", [(60, 60, 2)]),
    "drawn-ramp": ("poisson", [(20, 100, 2)]),
}


@pytest.fixture(scope="module")
def found(measure_once):
    """Run all kinds once, side by side; return what came of each by its name."""
    return {point.id: point for point in measure_once(KINDS).points}


@pytest.mark.parametrize("kind", PACES)
def test_each_kind_offers_exactly_what_was_asked(found, kind):
    """Two workers offer each slot of the schedule once, in the window by its intended start."""
    arrivals, pace = PACES[kind]
    point = found[kind]
    due = [
        slot
        for share in (0, 1)
        for slot in slots(pace, 0, 2 * NS_PER_S, arrivals=arrivals, share=share, shares=2)
    ]
    in_window = sum(slot >= NS_PER_S // 2 for slot in due)
    assert point.generator.workers == 2
    assert round(point.measured.offered_per_s * 1.5, 6) == in_window
    ended = sum(end.count for end in point.outcomes)
    assert ended + point.generator.missed + point.generator.held_back == len(due)


@pytest.mark.parametrize("kind", ["constant", "ramp", "down", "steps"])
def test_the_plan_knows_the_mean_of_the_window(found, kind):
    """What is predicted as offered is what came due in the window, within a slot."""
    point = found[kind]
    predicted = point.prediction["offered_per_s"]
    assert point.measured.offered_per_s == pytest.approx(predicted, abs=1.01 / 1.5)
    assert point.prediction["expected_per_s"] == predicted


@pytest.mark.parametrize("kind", ["poisson", "drawn-ramp"])
def test_what_was_drawn_is_no_error_of_the_prediction(found, kind):
    """How many slots chance gave is not the model's business: that all went through is."""
    point = found[kind]
    assert point.measured.offered_per_s != point.prediction["offered_per_s"]
    assert point.measured.goodput_per_s == point.measured.offered_per_s
    assert point.prediction_error == 0


def test_a_slot_that_cannot_start_is_missed_and_counted(measure_point):
    """With one connection at a time, the slots that come due meanwhile are rows of their own."""
    point = measure_point(
        "load: {steps: [40/s for 500ms, 4k/s for 500ms], arrivals: poisson}\n"
        "method: {fill: 0s, window: 1s}\nconnection: {response_bytes: 1MiB}\n",
        "load.max_in_flight=1",
        "load.workers=1",
    )
    due = len(list(slots([(40, 40, 0.5), (4_000, 4_000, 0.5)], 0, NS_PER_S, arrivals="poisson")))
    ended = sum(end.count for end in point.outcomes)
    assert ended + point.generator.missed == due
    assert point.generator.missed > 0


def test_both_histograms_of_a_run_hold_every_transaction(measure_once):
    """Each right transaction is in the latency's histogram and in the service time's, once."""
    (point,) = measure_once("load: {rate: 50/s}\nmethod: {fill: 0s, window: 2s}\n").points
    assert point.latency_us.count == point.service_time_us.count == point.measured.transactions_ok


def test_the_logs_of_a_run_hold_the_same_seconds(measure, tmp_path: Path):
    """latency.hlog and service_time.hlog have a line for the same points and seconds."""
    measure("load: {rate: 50/s, arrivals: poisson}\nmethod: {fill: 0s, window: 2s}\n")
    lines: dict[str, list[list[str]]] = {}
    for name in ("latency", "service_time"):
        with (tmp_path / "run" / f"{name}.hlog").open(newline="") as log:
            lines[name] = [row for row in csv.reader(log) if row[0].startswith("Tag=")]
    heads = {name: Counter(tuple(row[:3]) for row in rows) for name, rows in lines.items()}
    assert heads["latency"] == heads["service_time"]
    assert len(lines["latency"]) >= 2
