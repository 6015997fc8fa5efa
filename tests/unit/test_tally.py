"""From rows to figures: what counts, in which window, and what is kept of it."""

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdrh.log import HistogramLogReader

from tests.unit.run_folders import end
from tw_bench.errors import ResultsError
from tw_bench.profile.model import Point
from tw_bench.results import histogram
from tw_bench.results.ledger import ledger
from tw_bench.results.outcomes import CONNECT, OK, RECEIVE, TIMEOUT
from tw_bench.results.rows import HELD_BACK, MISSED
from tw_bench.results.run_folder import RunFolder, choose_path
from tw_bench.results.schema import FORMAT_VERSION, Generator, Measured, TimeWait
from tw_bench.results.tally import NS_PER_S, Tally
from tw_bench.results.verdict import judge

REFUSED = CONNECT + errno.EADDRNOTAVAIL
START = 1_000 * NS_PER_S


def tally(window=(10, 20)) -> Tally:
    """Return an empty tally whose window is in seconds since the start."""
    low, high = (START + second * NS_PER_S for second in window)
    return Tally("point", START, low, high)


def rows(*ends: tuple[float, int]) -> bytes:
    """Return rows of (intended second, outcome): a connection takes 2 ms, its call 10 µs."""
    table = []
    for second, outcome in ends:
        due = START + round(second * NS_PER_S)
        tried = outcome >= 0
        established = outcome == OK or outcome > RECEIVE
        table.append(
            (
                due,
                due + 1_000_000 if tried else 0,
                10_000 if tried else 0,
                due + 1_500_000 if established else 0,
                due + 3_000_000 if tried else 0,
                outcome,
            )
        )
    return np.array(table, dtype=np.int64).tobytes()


def head(second: float) -> dict[str, Any]:
    """Return the head of a frame handed over at a second."""
    at_ns = START + round(second * NS_PER_S)
    return {"rows": 0, "at_ns": at_ns, "cpu_ns": round(second * 5e8), "memory_bytes": 1 << 20}


def frames_of_two(*starts: list[tuple[int, bool]]) -> Tally:
    """Return the tally of frames of worker 0 and 1 in turn: (started at, whether refused)."""
    tally = Tally("p", 0, 0, 10 * NS_PER_S)
    for number, rows in enumerate(starts):
        table = [
            (at, at, 1, 0 if refused else at + 1, at + 2, CONNECT + 99 if refused else OK)
            for at, refused in rows
        ]
        data = np.array(table, dtype=np.int64).tobytes()
        head = {"at_ns": (number + 1) * NS_PER_S, "cpu_ns": 0, "memory_bytes": 0}
        tally.add_frame(number % 2, head, data)
    return tally


@pytest.mark.parametrize(
    ("frames", "first", "before"),
    [
        (
            ([(10, False)], [(11, False)], [(20, False), (30, True)], [(25, False), (35, False)]),
            30,
            4,
        ),
        (([(10, False), (30, True)], [(20, True), (15, False), (25, False)]), 20, 2),
        (([(30, True)], [(10, False)], [(40, False)], [(12, False)]), 30, 2),
    ],
)
def test_what_was_started_before_the_first_refusal_of_all_workers(frames, first, before):
    """Frames come in any order: those of another worker count too, also when they come later."""
    tally = frames_of_two(*frames)
    assert (first, before) == (tally.first_refusal_ns, tally.before_first_refusal)


def test_the_window_takes_its_first_instant_and_not_its_last():
    """A connection counts in the window by its intended start."""
    counted = tally()
    counted.add_frame(0, head(21), rows((9.999, OK), (10, OK), (19.999, OK), (20, OK)))
    assert (4, 2) == (counted.outcomes[OK], counted.in_window[OK])


def test_each_slot_is_counted_as_what_it_was():
    """Ok, refused, held back, missed and other ends are told apart; only tried ones are timed."""
    counted = tally()
    interval = counted.add_frame(
        0,
        head(11),
        rows((10, OK), (10, REFUSED), (10, HELD_BACK), (10, MISSED), (10, RECEIVE + TIMEOUT)),
    )
    assert {
        "offered": 5, "attempted": 3, "ok": 1, "refusals": 1, "held_back": 1, "missed": 1,
        "errors": 1,
    } == interval.counts  # fmt: skip
    assert (2, 2) == (counted.opened, counted.syn_sent)
    assert counted.schedule_lag.get_total_count() == 3
    assert counted.latency.get_total_count() == 1


def test_a_frame_is_the_second_after_the_one_before():
    """The last one comes before its second is over, and is not that of the frame before."""
    counted = tally()
    ends = [(at_s, worker) for at_s in (1, 2, 2.4) for worker in (0, 1)]
    frames = [counted.add_frame(worker, head(at_s), b"") for at_s, worker in ends]
    assert [frame.row("p", 0)[2] for frame in frames] == [0, 0, 1, 1, 2, 2]


def test_latency_counts_from_the_intended_start():
    """Latency has the schedule's lag in it, service time has not."""
    counted = tally()
    counted.add_frame(0, head(11), rows((10, OK)))
    latency = histogram.percentiles(counted.latency)
    service_time = histogram.percentiles(counted.service_time)
    assert latency is not None
    assert service_time is not None
    assert (latency.p50, service_time.p50) == pytest.approx((3000, 2000), rel=1e-3)


def test_the_first_refusal_and_what_went_before():
    """Connections that started before the first refusal, whatever frame they came in."""
    counted = tally()
    counted.add_frame(0, head(1), rows((0.1, OK), (0.2, OK)))
    counted.add_frame(0, head(2), rows((1.1, OK), (1.2, REFUSED), (1.3, OK)))
    assert 3 == counted.before_first_refusal
    assert counted.first_refusal_ns == START + 1_201_000_000


def test_a_histogram_keeps_three_digits():
    """Folding a column loses less than a thousandth of a value, and clips what is out of range."""
    values = np.array([150, 12_345, 9_876_543, 123_456_789_012, 10**15], dtype=np.int64)
    into = histogram.histogram()
    histogram.add(into, values)
    for rank, value in enumerate(values[1:-1].tolist(), 2):
        assert into.get_value_at_percentile(20 * rank) == pytest.approx(value, rel=2e-3)
    assert into.get_max_value() == pytest.approx(600e9, rel=1e-3)


POINT = Point.model_validate({"id": "point"})


@pytest.mark.parametrize(
    ("connection", "counters"),
    [
        ({}, {"client": {"TcpExt.TW": 3}}),
        ({"close": "rst"}, {"client": {"TcpExt.TCPAbortOnData": 2, "TcpExt.TW": 1}}),
        ({"close": "unread"}, {"client": {"TcpExt.TCPAbortOnClose": 2, "TcpExt.TW": 1}}),
        ({"active_closer": "server"}, {"server": {"TcpExt.TW": 2}, "client": {"TcpExt.TW": 1}}),
        ({"active_closer": "both"}, {"server": {"TcpExt.TW": 2}, "client": {"TcpExt.TW": 3}}),
        ({}, {"client": {"TcpExt.TW": 1, "TcpExt.TCPTimeWaitOverflow": 2}}),
    ],
)
def test_the_ledger_knows_who_closed(connection, counters):
    """Three connections, one of them closed early by the client's pool: even for each way."""
    counted = tally()
    counted.add_frame(0, head(1), rows((0.1, OK), (0.2, OK), (0.3, OK)))
    counted.closed_early = 1
    sides = {
        "client": {"Tcp.ActiveOpens": 3, **counters.get("client", {})},
        "server": {"Tcp.PassiveOpens": 3, **counters.get("server", {})},
    }
    point = Point.model_validate({"id": "point", "connection": connection})
    lines = ledger(point, {"hold_s": 61.44}, counted, sides)
    assert [] == [line for line in lines if not line.is_even]
    sides["client"]["TcpExt.TW"] = sides["client"].get("TcpExt.TW", 0) + 1
    assert 1 == len(
        [line for line in ledger(point, {"hold_s": 0}, counted, sides) if not line.is_even]
    )


def judged(**changes: Any) -> tuple[str, list[str]]:
    """Return the verdict on a point of 1,000 ports, by default bound by them."""
    measured = {
        "offered_per_s": 20.0, "attempted_per_s": 18.0, "goodput_per_s": 16.28, "window_s": 122.88,
        "connections_opened": 3000, "transactions_ok": 3000, "refusals": 200,
        "refusals_in_window": 150, "first_refusal_s": 50.0,
        "connections_before_first_refusal": 1000,
    }  # fmt: skip
    generator = {
        "workers": 1, "cpu": 0.01, "busiest_worker_cpu": 0.1, "schedule_lag_us": None, "missed": 0,
        "held_back": 0, "memory_peak_bytes": 0, "memory_growth_bytes": 0,
    }  # fmt: skip
    prediction = {
        "four_tuples": 1000, "saturated_per_s": 16.276, "expected_per_s": 16.276,
        "offered_per_s": 20.0, "offered_spread_per_s": 0.0,
        "pace": [[20.0, 20.0, 184.32]], "fill_s": 61.44,
    }  # fmt: skip
    return judge(
        prediction | changes.pop("prediction", {}),
        Measured(**measured | changes.pop("measured", {})),
        {"client": TimeWait(peak=1000, mean=1000, made=3000)},
        {"server": changes.pop("server", {})},
        Generator(**generator | changes.pop("generator", {})),
    )


def test_drawn_arrivals_may_be_fewer_than_asked_for_by_chance_alone():
    """Four standard deviations below the mean is no fault of the generator's; more is."""
    for offered, is_late in ((18.5, False), (18.0, True)):
        _, evidence = judged(
            prediction={"offered_spread_per_s": 0.4}, measured={"offered_per_s": offered}
        )
        assert any("were due, not the 20.00/s" in line for line in evidence) == is_late


def test_a_ramp_that_was_cut_short_is_judged_by_what_was_asked_until_then():
    """Half of a ramp from 10/s to 50/s offers 20 a second on average, and not 30."""
    ramp = {"pace": [[10.0, 50.0, 100.0]], "fill_s": 0.0, "offered_per_s": 30.0}
    _, evidence = judged(
        prediction=ramp, measured={"offered_per_s": 20.0, "window_s": 50.0, "goodput_per_s": 16.3}
    )
    assert not any("were due" in line for line in evidence)


LATE = {"count": 9, "mean": 1, "p50": 1, "p90": 1, "p99": 200_000, "p999": 1, "max": 1}
CLEAN = {"refusals_in_window": 0, "goodput_per_s": 20.0}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "port-bound"),
        ({"measured": CLEAN, "prediction": {"expected_per_s": 20.0}}, "offered-load-bound"),
        ({"generator": {"schedule_lag_us": LATE}}, "port-bound"),
        (
            {"generator": {"schedule_lag_us": LATE}, "measured": {"goodput_per_s": 15.0}},
            "generator-bound",
        ),
        ({"generator": {"missed": 100}, "measured": {"goodput_per_s": 15.0}}, "generator-bound"),
        (
            {"server": {"TcpExt.ListenOverflows": 5}, "measured": {"goodput_per_s": 15.0}},
            "target-bound",
        ),
        (
            {"prediction": {"offered_per_s": None, "expected_per_s": None}, "measured": CLEAN},
            "unlimited",
        ),
        (
            {"measured": {"refusals_in_window": 0, "goodput_per_s": 10.0},
             "prediction": {"expected_per_s": 20.0}},
            "target-bound",
        ),
    ],
)  # fmt: skip
def test_what_limited_a_point(changes, verdict):
    """Each verdict, from what speaks for it."""
    found, evidence = judged(**changes)
    assert verdict == found
    assert evidence or verdict in ("offered-load-bound", "unlimited", "target-bound")


def test_slots_that_never_came_due_are_the_generators():
    """A worker that stopped early offered less than was asked: its point is generator-bound."""
    verdict, evidence = judged(
        measured={**CLEAN, "offered_per_s": 6.7, "goodput_per_s": 6.7},
        prediction={"expected_per_s": 20.0},
    )
    assert verdict == "generator-bound"
    assert "6.70/s were due, not the 20.00/s" in evidence[0]


def test_refusals_of_a_range_that_is_half_empty_are_not_for_want_of_ports():
    """EMFILE and its like are refusals too, but without TIME_WAIT not for want of ports."""
    verdict, evidence = judged(
        prediction={"four_tuples": 28_232, "expected_per_s": 20.0},
        measured={"goodput_per_s": 12.0},
    )
    assert verdict == "generator-bound"
    assert "not half full" in evidence[0]


def test_a_generator_near_its_ceiling_says_so():
    """A point whose generator could not have offered twice the limit is marked."""
    _, evidence = judged(generator={"cpu": 0.8})
    assert any("less than twice the limit" in line for line in evidence)


def test_a_latency_log_is_read_by_the_hdr_tools(tmp_path: Path):
    """What was added comes out of the package's own log reader, with its tag."""
    folder = RunFolder(tmp_path / "run", ("time_wait",))
    folder.begin_latency_log(1_700_000_000.0)
    for second in range(3):
        values = histogram.histogram()
        histogram.add(values, np.array([1_000_000 * (second + 1)] * 10, dtype=np.int64))
        folder.add_latency("part/ports=5", second, second + 1, values)
    end(folder)
    reader = HistogramLogReader(str(tmp_path / "run" / "latency.hlog"), histogram.histogram())
    read = [reader.get_next_interval_histogram() for _ in range(3)]
    assert ["part/ports=5"] * 3 == [one.get_tag() for one in read]
    assert [10, 10, 10] == [one.get_total_count() for one in read]
    assert [1, 2, 3] == pytest.approx([one.get_max_value() / 1e6 for one in read], rel=1e-2)
    reader.close()


def test_latency_and_service_time_have_a_log_each(tmp_path: Path):
    """Both logs name the point alike, and each holds its own values."""
    folder = RunFolder(tmp_path / "run", ("time_wait",))
    folder.begin_latency_log(1_700_000_000.0)
    for add, value_ns in ((folder.add_latency, 5_000_000), (folder.add_service_time, 2_000_000)):
        values = histogram.histogram()
        histogram.add(values, np.array([value_ns] * 10, dtype=np.int64))
        add("part", 0, 1, values)
    end(folder)
    read = {}
    for name in ("latency", "service_time"):
        reader = HistogramLogReader(str(tmp_path / "run" / f"{name}.hlog"), histogram.histogram())
        one = reader.get_next_interval_histogram()
        assert reader.get_next_interval_histogram() is None
        read[name] = one.get_tag(), one.get_total_count(), one.get_max_value() / 1e6
        reader.close()
    assert read == {
        "latency": ("part", 10, pytest.approx(5, rel=1e-3)),
        "service_time": ("part", 10, pytest.approx(2, rel=1e-3)),
    }


def test_a_run_that_was_killed_is_seen_as_one(tmp_path: Path):
    """Until it is sealed the summary is not there."""
    folder = RunFolder(tmp_path / "run", ("time_wait",))
    assert not (tmp_path / "run" / "summary.json").exists()
    end(folder)
    kept = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert kept["format_version"] == FORMAT_VERSION
    assert not list((tmp_path / "run").glob("*.tmp"))


def test_a_folder_that_exists_is_left_alone(tmp_path: Path):
    """--out names a new folder."""
    with pytest.raises(ResultsError, match="exists already"):
        choose_path(tmp_path, "x")
