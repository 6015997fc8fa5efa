"""The tally of one point: takes what workers and sampler hand over, keeps sums, never rows.

Each frame is folded into counts and histograms as it comes, and leaves one line for
intervals.csv; so the memory of a run does not grow with its length.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram

from tw_bench.results import histogram
from tw_bench.results.histogram import Column
from tw_bench.results.outcomes import BIND, CONNECT, OK, SOCKET, STATUS, decode
from tw_bench.results.rows import FIELDS, HELD_BACK, MISSED

NS_PER_S = 1_000_000_000

INTERVAL_COLUMNS = (
    "point,worker,second,offered,attempted,ok,refusals,errors,held_back,missed,"
    "connect_call_us_mean,connect_call_us_p50,connect_call_us_p99,connect_call_us_max,"
    "connect_us_mean,latency_us_mean,latency_us_p99,schedule_lag_us_p99,cpu,memory_bytes"
).split(",")


@dataclass
class Worker:
    """What one worker has used."""

    at_ns: int = 0  # of its last frame
    cpu_ns: int = 0
    busiest_cpu: float = 0.0  # share of a processor in its busiest second
    second: int = -1  # of its last frame; before the first
    memory_early_bytes: int = 0  # after ten seconds, when everything is warm
    memory_peak_bytes: int = 0


@dataclass
class SideTally:
    """TIME_WAIT of one side, sample by sample."""

    time_wait: int = 0  # last sample
    peak: int = 0
    sum_in_window: int = 0
    samples_in_window: int = 0
    opened_before_window: int = 0  # by the kernel: ActiveOpens since the start
    opened_in_time: int = 0  # the same, last sample of the window
    last_ns: int = 0  # of that sample, since the start
    opened: int = 0  # last sample of all


@dataclass
class Tally:
    """The sums of one point."""

    point_id: str
    start_ns: int
    window_start_ns: int
    window_end_ns: int
    counts_transactions: bool = False  # before the first refusal: where a proxy opens connections
    outcomes: Counter[int] = field(default_factory=Counter)  # whole run, by code
    in_window: Counter[int] = field(default_factory=Counter)  # by intended start
    opened: int = 0  # handshakes that completed
    syn_sent: int = 0  # connects that the kernel took on
    closed_early: int = 0  # kept connections closed by the client before their last request
    first_refusal_ns: int | None = None
    before_first_refusal: int | None = None  # handshakes (or transactions) started before it
    _settled: int = 0  # of the same, in frames that are not kept any more
    _recent: dict[int, list[Column]] = field(default_factory=dict)  # worker → when they started
    workers: dict[int, Worker] = field(default_factory=dict)
    sides: dict[str, SideTally] = field(default_factory=dict)
    connect_call: HdrHistogram = field(default_factory=histogram.histogram)
    connect: HdrHistogram = field(default_factory=histogram.histogram)
    latency: HdrHistogram = field(default_factory=histogram.histogram)
    service_time: HdrHistogram = field(default_factory=histogram.histogram)
    schedule_lag: HdrHistogram = field(default_factory=histogram.histogram)

    def add_frame(self, number: int, head: dict[str, Any], rows: bytes) -> "Interval":
        """Fold one frame of one worker and return its interval."""
        table = np.frombuffer(rows, dtype=np.int64).reshape(-1, len(FIELDS))
        columns = dict(zip(FIELDS, table.T, strict=True))
        interval = Interval(columns)
        self._count(columns)
        self._note_first_refusal(number, columns)
        histogram.add(self.connect_call, interval.connect_call)
        histogram.add(self.connect, interval.connect)
        histogram.add(self.latency, interval.latency)
        histogram.add(self.service_time, interval.service_time)
        histogram.add(self.schedule_lag, interval.schedule_lag)
        interval.usage = self._use(self.workers.setdefault(number, Worker()), head)
        return interval

    def add_sample(self, side: str, at_ns: int, time_wait: int, opened: int = 0) -> None:
        """Fold one sample of a side: TIME_WAIT now, connections opened since the start."""
        tally = self.sides.setdefault(side, SideTally())
        tally.time_wait = time_wait
        tally.peak = max(tally.peak, time_wait)
        if at_ns + self.start_ns <= self.window_end_ns:
            tally.opened_in_time, tally.last_ns = opened, at_ns
        tally.opened = opened
        if at_ns + self.start_ns < self.window_start_ns:
            tally.opened_before_window = opened
        if self.window_start_ns <= at_ns + self.start_ns < self.window_end_ns:
            tally.sum_in_window += time_wait
            tally.samples_in_window += 1

    def _count(self, columns: dict[str, Column]) -> None:
        codes = columns["outcome"]
        _add_counts(self.outcomes, codes)
        due = columns["intended_ns"]
        _add_counts(
            self.in_window, codes[(self.window_start_ns <= due) & (due < self.window_end_ns)]
        )
        connected = columns["connected_ns"] > 0
        self.opened += int(np.count_nonzero(connected))
        called = columns["connect_call_ns"] > 0
        self.syn_sent += int(np.count_nonzero(called & ~(_is_refusal(codes) & (codes < STATUS))))

    def _note_first_refusal(self, number: int, columns: dict[str, Column]) -> None:
        """Find the first refusal of all workers, and what had been started before it.

        Workers hand over a second at a time, in any order: the last frame of each is kept until
        what it holds is surely before the first refusal, or after.
        """
        started, codes = columns["started_ns"], columns["outcome"]
        counted = codes == OK if self.counts_transactions else columns["connected_ns"] > 0
        frames = self._recent.setdefault(number, [])
        if self.first_refusal_ns is None:
            self._settled += sum(map(len, frames))
            frames.clear()
        elif len(started) and started.min() > self.first_refusal_ns + 2 * NS_PER_S:
            return
        frames.append(started[counted])
        refused = started[_is_refusal(codes)]
        if len(refused):
            first = int(refused.min())
            self.first_refusal_ns = min(first, self.first_refusal_ns or first)
        if self.first_refusal_ns is not None:
            self.before_first_refusal = self._settled + sum(
                int(np.count_nonzero(frame <= self.first_refusal_ns))
                for kept in self._recent.values()
                for frame in kept
            )

    def _use(self, worker: Worker, head: dict[str, Any]) -> tuple[int, float, int]:
        """Note what the worker used; return (second, share of a processor, bytes)."""
        begun = worker.at_ns or self.start_ns
        elapsed = head["at_ns"] - begun
        share = (head["cpu_ns"] - worker.cpu_ns) / elapsed if elapsed > 0 else 0.0
        # A frame a second, empty ones too (load/worker.py); the last one comes before its time.
        second = worker.second + 1
        if worker.at_ns and elapsed > NS_PER_S // 2:
            worker.busiest_cpu = max(worker.busiest_cpu, share)
        worker.at_ns, worker.cpu_ns, worker.second = head["at_ns"], head["cpu_ns"], second
        memory = head["memory_bytes"]
        worker.memory_peak_bytes = max(worker.memory_peak_bytes, memory)
        if second <= 10:
            worker.memory_early_bytes = memory
        return second, share, memory


class Interval:
    """What one worker did between two frames, for one line of intervals.csv."""

    def __init__(self, columns: dict[str, Column]) -> None:
        codes = columns["outcome"]
        tried = codes >= 0
        started, ended = columns["started_ns"], columns["ended_ns"]
        connected = columns["connected_ns"]
        is_ok = codes == OK
        called = columns["connect_call_ns"] > 0
        established = connected > 0
        self.counts = {
            "offered": len(codes),
            "attempted": int(np.count_nonzero(tried)),
            "ok": int(np.count_nonzero(is_ok)),
            "refusals": int(np.count_nonzero(_is_refusal(codes))),
            "held_back": int(np.count_nonzero(codes == HELD_BACK)),
            "missed": int(np.count_nonzero(codes == MISSED)),
        }
        self.counts["errors"] = (
            self.counts["attempted"] - self.counts["ok"] - self.counts["refusals"]
        )
        self.connect_call = columns["connect_call_ns"][called]
        self.connect = (connected - started)[established]
        self.latency = (ended - columns["intended_ns"])[is_ok]
        self.service_time = (ended - started)[is_ok]
        self.schedule_lag = (started - columns["intended_ns"])[tried]
        self.usage = (0, 0.0, 0)

    def row(self, point: str, worker: int) -> list[object]:
        """Return the line of intervals.csv, in the order of INTERVAL_COLUMNS."""
        second, cpu, memory = self.usage
        values: dict[str, object] = {
            "point": point,
            "worker": worker,
            "second": second,
            **self.counts,
            "connect_call_us_mean": _us(self.connect_call, np.mean),
            "connect_call_us_p50": _us(self.connect_call, np.median),
            "connect_call_us_p99": _us(self.connect_call, _p99),
            "connect_call_us_max": _us(self.connect_call, np.max),
            "connect_us_mean": _us(self.connect, np.mean),
            "latency_us_mean": _us(self.latency, np.mean),
            "latency_us_p99": _us(self.latency, _p99),
            "schedule_lag_us_p99": _us(self.schedule_lag, _p99),
            "cpu": f"{cpu:.4f}",
            "memory_bytes": memory,
        }
        return [values[name] for name in INTERVAL_COLUMNS]


def _add_counts(counter: Counter[int], codes: Column) -> None:
    for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
        counter[int(code)] += int(count)


_REFUSAL_CODES = np.array(
    [
        code
        for phase in (SOCKET, BIND, CONNECT, STATUS)
        for code in range(phase, phase + 1000)
        if decode(code).is_refusal
    ],
    dtype=np.int64,
)


def _is_refusal(codes: Column) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.isin(codes, _REFUSAL_CODES)


def _p99(values: Column) -> Any:
    return np.percentile(values, 99)


def _us(values: Column, figure: Any) -> str:
    return f"{figure(values) / 1e3:.1f}" if len(values) else ""
