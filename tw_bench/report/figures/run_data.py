"""A run folder read into arrays, one value a second or a tick; what is torn or missing is left out.

Numpy and csv only: nothing here draws.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tw_bench.report.comparison import is_comparison
from tw_bench.report.proxied_answer import proxy_text
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
    """A run folder, as far as it was written."""

    summary: Summary
    manifest: Manifest | None
    points: list[PointData]

    @property
    def is_comparison(self) -> bool:
        """Whether it sets single points beside each other, and not one thing in many sizes."""
        return is_comparison([point.part for point in self.summary.points])

    @property
    def proxies(self) -> list[str]:
        """The proxies that stood between client and target, with their versions."""
        ways = [point.result.forwarding for point in self.points]
        return list(dict.fromkeys(proxy_text(way) for way in ways if way is not None))


def read_run(folder: Path) -> Run | None:
    """Return the run in `folder`, or None where it has no summary yet."""
    if not (folder / "summary.json").is_file():
        return None
    summary = Summary.model_validate_json((folder / "summary.json").read_text())
    manifest = None
    if (folder / "manifest.json").is_file():
        manifest = Manifest.model_validate_json((folder / "manifest.json").read_text())
    seconds = _read_seconds(folder / "intervals.csv")
    samples = _read_samples(folder / "samples.csv")
    points = []
    for result in summary.points:
        prediction = _prediction(result.prediction)
        if prediction is not None:
            own = seconds.get(result.id)
            sides = samples.get(result.id, {})
            asked = [_asked(result, manifest, section) for section in ("connection", "proxy")]
            points.append(PointData(result, prediction, own, sides, *asked))
    return Run(summary, manifest, points)


def _prediction(values: dict[str, Any]) -> Predicted | None:
    """Return the prediction, or None where the plan did not get so far."""
    names = {one.name for one in fields(Predicted)}
    once: dict[str, Any] = {
        "four_tuples": values.get("usable_ports"),
        "requests_per_connection": 1.0,
    }
    known = once | {name: value for name, value in values.items() if name in names}
    return Predicted(**known) if known.keys() == names else None


def _asked(result: PointResult, manifest: Manifest | None, section: str) -> dict[str, Any]:
    asked = [point for point in manifest.points if point["id"] == result.id] if manifest else []
    return dict(asked[0].get(section, {})) if asked else {}


def _rows(path: Path, keys: int, numbers: tuple[str, ...]) -> Iterator[tuple[list[str], Floats]]:
    """Yield (the first `keys` columns, the named ones as numbers, nan for an empty cell).

    A row that does not read is left out: the last one of a run that was cut off.
    """
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if not {*numbers} <= {*header}:
            return
        columns = [header.index(name) for name in numbers]
        for row in reader:
            if len(row) == len(header):
                try:
                    values = [float(row[column] or "nan") for column in columns]
                except ValueError:
                    continue
                yield row[:keys], np.array(values)


def _read_seconds(path: Path) -> dict[str, Seconds]:
    names = ("second", *_COUNTS, "connect_call_us_p50", "connect_call_us_p99")
    rows: defaultdict[str, list[Floats]] = defaultdict(list)
    for (point,), values in _rows(path, 1, names):
        rows[point].append(values)
    return {point: _sum_over_workers(np.array(values)) for point, values in rows.items()}


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


def _read_samples(path: Path) -> dict[str, dict[str, Samples]]:
    rows: defaultdict[tuple[str, str], list[Floats]] = defaultdict(list)
    for (point, side), values in _rows(path, 2, ("time_s", "time_wait")):
        rows[point, side].append(values)
    points: defaultdict[str, dict[str, Samples]] = defaultdict(dict)
    for (point, side), ticks in rows.items():
        table = np.array(ticks)
        table = table[~np.isnan(table).any(axis=1)]
        if len(table):
            points[point][side] = Samples(table[:, 0], table[:, 1])
    return dict(points)
