"""What the pictures draw: the rows of a run as arrays, one value a second or a tick."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tw_bench.report.comparison import is_comparison
from tw_bench.report.proxied_answer import proxy_text
from tw_bench.report.safe_record import safe
from tw_bench.report.text import clean
from tw_bench.results.percentiles import Distribution, Kind, file_name
from tw_bench.results.reading import LoadedRun
from tw_bench.results.repetitions import representative
from tw_bench.results.run_folder import LATENCY, SERVICE_TIME
from tw_bench.results.schema import Manifest, PointResult, Summary

Floats = NDArray[np.float64]
_COUNTS = ("offered", "attempted", "ok", "refusals", "errors", "held_back", "missed")


@dataclass(frozen=True, slots=True)
class Seconds:
    """What the load of a point did, second by second, all workers together."""

    start_s: Floats  # (n,) 0, 1, 2...; a second without a row is left out
    counts: dict[str, Floats]  # (n,) each: offered, attempted, ok, refusals, ...
    call_p50_us: Floats  # (n,) inside connect(2), mean of the workers' medians; nan: no call
    call_p99_us: Floats  # (n,) of the slowest worker


@dataclass(frozen=True, slots=True)
class Samples:
    """TIME_WAIT sockets of one side."""

    time_s: Floats  # (n,) since the point's start
    time_wait: Floats  # (n,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What the pictures need of a prediction (plan/prediction.py), whatever else it holds."""

    usable_ports: int
    four_tuples: int  # ports x addresses
    requests_per_connection: float
    hold_s: float
    hold_reason: str
    time_lapse: bool
    textbook_per_s: float | None  # the three limits; None: unlimited
    sustainable_per_s: float | None
    saturated_per_s: float | None
    offered_per_s: float | None
    fill_s: float
    window_s: float

    @property
    def duration_s(self) -> float:
        """Fill and window together."""
        return self.fill_s + self.window_s


@dataclass(frozen=True, slots=True)
class PointData:
    """A point with everything that was kept of it."""

    result: PointResult
    prediction: Predicted
    seconds: Seconds | None
    samples: dict[str, Samples]  # side → samples
    connection: dict[str, Any]  # what was asked of a connection; nothing without a manifest
    proxy: dict[str, Any] = field(default_factory=dict)  # and of a proxy

    @property
    def own_range(self) -> bool:
        """Whether sockets have IP_LOCAL_PORT_RANGE: the port is found without a search."""
        return bool(self.connection.get("source_port") == "socket_range")

    @property
    def own_range_in_fill(self) -> bool:
        """The same of the fill."""
        window = self.connection.get("source_port", "autobind")
        return bool(self.result.prediction.get("fill_source_port", window) == "socket_range")

    @property
    def is_searched(self) -> bool:
        """Whether it is connect() that finds the port."""
        ways = ("autobind", "bind_no_port", "socket_range")
        return self.connection.get("source_port", "autobind") in ways

    @property
    def ports_text(self) -> str:
        """The usable ports, for a label."""
        return f"{self.prediction.usable_ports:,} ports"

    @property
    def is_plain(self) -> bool:
        """Whether it is a matter of ports alone: one pair of addresses, one request, a limit."""
        prediction = self.prediction
        tuples = prediction.four_tuples * prediction.requests_per_connection
        return prediction.saturated_per_s is not None and tuples == prediction.usable_ports

    @property
    def is_steady(self) -> bool:
        """Whether the window held at least one echo period: before, a range is merely filled."""
        return self.prediction.window_s > 0.99 * self.prediction.hold_s

    @property
    def last_s(self) -> float:
        """When the last row was written, since the point's start."""
        if self.samples:
            return max(float(one.time_s[-1]) for one in self.samples.values())
        return float(self.seconds.start_s[-1]) + 1 if self.seconds is not None else 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """A run with its rows."""

    summary: Summary
    manifest: Manifest
    points: list[PointData]
    source: LoadedRun

    def distribution(self, id: str, kind: Kind) -> Distribution | None:
        """Return how the durations of a point are distributed; None where the run kept none.

        Raises:
            ResultsError: the file is not what it was when the run was sealed.
        """
        id = next(point.id for point in self.source.points if clean(point.id) == id)
        whole_run = LATENCY if kind == "latency" else SERVICE_TIME
        found = (file_name(id, kind), whole_run)  # of an older run there is the log alone
        kept = [
            name in self.manifest.files or (self.source.path / name).is_file() for name in found
        ]
        return self.source.percentiles(id, kind) if any(kept) else None

    @property
    def is_comparison(self) -> bool:
        """Whether it sets single points beside each other, and not one thing in many sizes."""
        return is_comparison([point.part for point in representative(self.summary.points)])

    @property
    def proxies(self) -> list[str]:
        """The proxies that stood between client and target, with their versions."""
        ways = [point.result.forwarding for point in self.points]
        return list(dict.fromkeys(proxy_text(way) for way in ways if way is not None))


def arrays(run: LoadedRun) -> Run:
    """Return a run with the rows of each point as arrays, and every text safe to draw.

    Raises:
        ResultsError: its rows are not what they were when the run was sealed.
    """
    seconds, samples = _seconds(run), _samples(run)
    manifest, points = safe(run.manifest), []
    for result in representative(run.points):
        prediction = _prediction(result.prediction)
        if prediction is not None:
            own = seconds.get(result.id)
            sides = samples.get(result.id, {})
            asked = [_asked(result, run.manifest, name) for name in ("connection", "proxy")]
            points.append(PointData(safe(result), prediction, own, sides, *asked))
    return Run(safe(run.summary), manifest, points, run)


def _prediction(values: dict[str, Any]) -> Predicted | None:
    """Return the prediction, or None where the plan did not get so far."""
    names = {one.name for one in fields(Predicted)}
    once: dict[str, Any] = {
        "four_tuples": values.get("usable_ports"),
        "requests_per_connection": 1.0,
    }
    known = once | {name: value for name, value in values.items() if name in names}
    return Predicted(**known) if known.keys() == names else None


def _asked(result: PointResult, manifest: Manifest, section: str) -> dict[str, Any]:
    asked = [point for point in manifest.points if point["id"] == result.id]
    return dict(asked[0].get(section, {})) if asked else {}


def _seconds(run: LoadedRun) -> dict[str, Seconds]:
    names = ("second", *_COUNTS, "connect_call_us_p50", "connect_call_us_p99")
    columns = run.intervals("point", "worker", *names)
    columns["second"] = _parted(columns)
    rows = np.column_stack([columns[name] for name in names])
    return {point: _sum_over_workers(rows[own]) for point, own in _split(columns["point"]).items()}


def _parted(columns: dict[str, NDArray[Any]]) -> Floats:
    """Return the second of each row; a last row that has that of the row before is the next one.

    Runs of tw-bench 0.1 numbered the last part of a second so.
    """
    point, worker, second = (columns[name] for name in ("point", "worker", "second"))
    order = np.lexsort((worker, point))  # stable: the rows of a worker as they were written
    before, after = order[:-1], order[1:]
    is_same = (worker[before] == worker[after]) & (point[before] == point[after])
    is_last = np.append(~is_same[1:], True)[: len(after)]
    again = is_same & is_last & (second[before] == second[after])
    parted: Floats = second.copy()
    parted[after[again]] += 1
    return parted


def _sum_over_workers(rows: Floats) -> Seconds:
    rows = rows[rows[:, 0] >= 0]
    start_s, second = np.unique(rows[:, 0], return_inverse=True)
    counts = {
        name: np.bincount(second, np.nan_to_num(rows[:, 1 + column])).astype(np.float64)
        for column, name in enumerate(_COUNTS)
    }
    p50_us, p99_us = rows[:, -2], rows[:, -1]
    weights = np.where(np.isnan(p50_us), 0, np.maximum(rows[:, 1 + _COUNTS.index("attempted")], 1))
    calls = np.bincount(second, weights=weights)
    total_us = np.bincount(second, weights=weights * np.nan_to_num(p50_us))
    slowest_us = np.zeros(len(start_s))
    np.maximum.at(slowest_us, second, np.nan_to_num(p99_us))
    return Seconds(
        start_s,
        counts,
        np.divide(total_us, calls, out=np.full(len(start_s), np.nan), where=calls > 0),
        np.where(slowest_us > 0, slowest_us, np.nan),
    )


def _samples(run: LoadedRun) -> dict[str, dict[str, Samples]]:
    columns = run.samples("point", "side", "time_s", "time_wait")
    points: dict[str, dict[str, Samples]] = {}
    for point, rows in _split(columns["point"]).items():
        own = points.setdefault(point, {})
        for side, ticks in _split(columns["side"][rows]).items():
            at = rows[ticks]
            own[side] = Samples(columns["time_s"][at], columns["time_wait"][at])
    return points


def _split(keys: NDArray[np.str_]) -> dict[str, NDArray[np.intp]]:
    """Return key → the numbers of its rows, in their order; keys as they first appear."""
    names, first, number = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(number, kind="stable")
    ends = np.cumsum(np.bincount(number, minlength=len(names)))
    rows = np.split(order, ends[:-1])
    return {str(names[index]): rows[index] for index in np.argsort(first)}
