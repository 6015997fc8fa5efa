"""The figures of a run as OpenMetrics text, for Prometheus and whatever reads its format.

What node_exporter shows of a host goes by its names (collector/sockstat_linux.go, netstat_linux.go)
with the side as a label: gauges as last sampled, counters as their change over the run. The rest
begins with tw_bench_, in base units. Every sample bears the time at which the run ended, so that
runs one after the other make series (docs/notebook.md).
"""

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias, get_args

from prometheus_client import Metric
from prometheus_client.openmetrics.exposition import generate_latest

from tw_bench.results.outcomes import Outcome
from tw_bench.results.schema import Manifest, Percentiles, PointResult, Summary, Verdict

Labels: TypeAlias = dict[str, str]
Figures: TypeAlias = Iterable[tuple[str, Labels, float | None]]  # suffix of the name; None: unknown
Side: TypeAlias = tuple[str, str]  # point, side

# Columns of samples.csv → node_exporter's name. It gives no type to what is in /proc/net/snmp.
SAMPLED = {
    "time_wait": "node_sockstat_TCP_tw",
    "in_use": "node_sockstat_TCP_inuse",
    "orphans": "node_sockstat_TCP_orphan",
    "established": "node_netstat_Tcp_CurrEstab",
}
_CURRENT = "Tcp.CurrEstab"  # a gauge among the counters
_QUANTILES = {"0.5": "p50", "0.9": "p90", "0.99": "p99", "0.999": "p999", "1.0": "max"}
_NO_PORT = {"phase": "connect", "errno": "EADDRNOTAVAIL"}  # is there with 0 where none was refused


class RunCollector:
    """Gives prometheus_client the families of a run."""

    def __init__(self, manifest: Manifest, summary: Summary, samples: Path, at_s: float) -> None:
        self._manifest = manifest
        self._summary = summary
        self._last = _last_rows(samples)
        self._at_s = at_s

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has a sample."""
        families = (self._run(), *self._of_points(), *self._of_kernel(), *self._of_whole())
        yield from (family for family in families if family.samples)

    def _run(self) -> Metric:
        family = Metric("tw_bench_run", "The run, and where it was measured.", "info")
        host = self._manifest.host
        labels = {
            "profile": self._summary.name,
            "status": self._summary.status,
            "started_at": self._manifest.started_at,
            "format_version": str(self._summary.format_version),
            "method_version": str(self._summary.method_version),
            "tw_bench": str(host.get("tw_bench", "")),
            "kernel": str(host.get("kernel", "")),
            "hz": str(host.get("hz", "")),
        }
        family.add_sample("tw_bench_run_info", labels, 1, self._at_s)
        return family

    def _of_points(self) -> Iterator[Metric]:
        for name, kind, help, figures in _FAMILIES:
            unit = next((unit for unit in ("seconds", "ratio") if name.endswith(f"_{unit}")), "")
            yield self._family(Metric(f"tw_bench_{name}", help, kind, unit), figures)

    def _of_kernel(self) -> Iterator[Metric]:
        for column, name in SAMPLED.items():
            kind = "gauge" if "sockstat" in name else "unknown"
            family = Metric(name, f"Last sample of {column}.", kind)
            yield self._family(family, partial(self._sampled, column=column))
        moved = {name for point in self._summary.points for name in _moved(point)}
        for counter in sorted(moved - {_CURRENT}):
            name = f"node_netstat_{counter.replace('.', '_')}"
            family = Metric(name, f"Change of {counter} over the run.", "unknown")
            yield self._family(family, partial(_changes, counter=counter))

    def _of_whole(self) -> Iterator[Metric]:
        passed = Metric("tw_bench_threshold_passed", "1: the threshold holds.", "gauge")
        for one in self._summary.thresholds:
            labels = {"point": one.point, "threshold": one.text}
            self._add(passed, "", labels, float(one.passed))
        yield passed
        found = Metric("tw_bench_found_per_second", "The interval that a search left.", "gauge")
        if self._summary.found is not None:
            ends = ("highest_clean", "lowest_not_clean")
            for end, rate in zip(ends, self._summary.found.interval_per_s, strict=True):
                self._add(found, "", {"bound": end}, rate)
        yield found

    def _sampled(self, point: PointResult, column: str) -> Figures:
        for (id, side), row in self._last.items():
            if id == point.id and row.get(column):
                yield "", {"side": side}, float(row[column])

    def _family(self, family: Metric, figures: Callable[[PointResult], Figures]) -> Metric:
        for point in self._summary.points:
            for suffix, labels, value in figures(point):
                self._add(family, suffix, {"point": point.id, **labels}, value)
        return family

    def _add(self, family: Metric, suffix: str, labels: Labels, value: float | None) -> None:
        if value is not None:
            own = {"profile": self._summary.name, **labels}
            family.add_sample(family.name + suffix, own, value, self._at_s)


def openmetrics(manifest: Manifest, summary: Summary, samples: Path, at_s: float) -> str:
    """Return the text; `samples` is samples.csv, `at_s` the end in seconds since the epoch."""
    collector = RunCollector(manifest, summary, samples, at_s)
    text: bytes = generate_latest(collector)  # type: ignore[no-untyped-call]
    return text.decode()


def _last_rows(path: Path) -> dict[Side, dict[str, str]]:
    """Return the last whole row of each side of each point.

    A row is only taken apart where it is the last: a long run has half a million.
    """
    last: dict[str, str] = {}
    with path.open(encoding="utf-8", newline="") as file:
        head = file.readline()
        for line in file:
            if not line.endswith("\n"):
                break
            first = line.find('",') + 1 if line.startswith('"') else line.find(",")
            last[line[: line.find(",", first + 1)]] = line
    rows = csv.DictReader([head, *last.values()])
    return {(row["point"], row["side"]): row for row in rows}


def _moved(point: PointResult) -> Iterator[str]:
    for values in point.counters.values():
        yield from values


def _changes(point: PointResult, counter: str) -> Figures:
    return [("", {"side": side}, values.get(counter, 0)) for side, values in point.counters.items()]


def _rates(name: str) -> Callable[[PointResult], Figures]:
    return lambda point: [("", {}, getattr(point.measured, name, None))]


def _limits(point: PointResult) -> Figures:
    for kind in ("textbook", "sustainable", "saturated"):
        if f"{kind}_per_s" in point.prediction:
            limit = point.prediction[f"{kind}_per_s"]
            yield "", {"kind": kind}, math.inf if limit is None else limit


def _expected(point: PointResult) -> Figures:
    return [("", {}, point.prediction.get("expected_per_s"))]


def _error(point: PointResult) -> Figures:
    return [("", {}, point.prediction_error)]


def _outcomes(point: PointResult) -> Figures:
    for end in point.outcomes:
        yield "_total", {"phase": end.phase, "errno": end.errno}, end.count


def _refusals(point: PointResult) -> Figures:
    refused = [end for end in point.outcomes if Outcome(end.phase, end.errno).is_refusal]
    for end in refused:
        yield "_total", {"phase": end.phase, "errno": end.errno}, end.count
    if point.outcomes and not refused:
        yield "_total", _NO_PORT, 0


def _proxy_refusals(point: PointResult) -> Figures:
    if point.forwarding is not None:
        for errno, count in point.forwarding.refusals.items():
            yield "_total", {"proxy": point.forwarding.kind, "errno": errno}, count


def _opened(point: PointResult) -> Figures:
    if point.measured is not None:
        yield "_total", {}, point.measured.connections_opened


def _not_tried(point: PointResult) -> Figures:
    if point.generator is not None:
        yield "_total", {"why": "missed"}, point.generator.missed
        yield "_total", {"why": "held_back"}, point.generator.held_back


def _time_wait(name: str) -> Callable[[PointResult], Figures]:
    return lambda point: [
        ("", {"side": side}, getattr(seen, name)) for side, seen in point.time_wait.items()
    ]


def _durations(name: str) -> Callable[[PointResult], Figures]:
    return lambda point: _summary_of(getattr(point, name))


def _lag(point: PointResult) -> Figures:
    return _summary_of(point.generator.schedule_lag_us if point.generator is not None else None)


def _summary_of(durations: Percentiles | None) -> Figures:
    """Yield quantiles, count and sum, in seconds; quantile 1 is the longest."""
    if durations is None:
        return
    for quantile, field in _QUANTILES.items():
        yield "", {"quantile": quantile}, _seconds(getattr(durations, field))
    yield "_count", {}, durations.count
    yield "_sum", {}, _seconds(durations.mean * durations.count)


def _seconds(us: float) -> float:
    return round(us / 1e6, 9)


def _ledger(point: PointResult) -> Figures:
    return [("", {"line": line.name}, line.ours - line.kernel) for line in point.ledger]


def _verdict(point: PointResult) -> Figures:
    for verdict in get_args(Verdict):
        yield "", {"tw_bench_verdict": verdict}, float(point.verdict == verdict)


# Name, type, help, and the figures of a point.
_FAMILIES: tuple[tuple[str, str, str, Callable[[PointResult], Figures]], ...] = (
    ("verdict", "stateset", "What limited the point.", _verdict),
    ("offered_per_second", "gauge", "Slots due in the window.", _rates("offered_per_s")),
    ("attempted_per_second", "gauge", "Connections tried in it.", _rates("attempted_per_s")),
    ("goodput_per_second", "gauge", "Transactions that ended ok in it.", _rates("goodput_per_s")),
    ("expected_per_second", "gauge", "Goodput by the law, where it says one.", _expected),
    ("limit_per_second", "gauge", "The limits by the law; +Inf: none.", _limits),
    ("prediction_error_ratio", "gauge", "Goodput / expected - 1.", _error),
    ("connections_opened", "counter", "Handshakes that completed.", _opened),
    ("outcomes", "counter", "Connections, by how they ended.", _outcomes),
    ("refusals", "counter", "Connections refused a port or a descriptor.", _refusals),
    ("proxy_refusals", "counter", "The same of a proxy, by its own log.", _proxy_refusals),
    ("slots_not_tried", "counter", "Slots that came due and were not tried.", _not_tried),
    ("time_wait_peak", "gauge", "Most TIME_WAIT sockets at once.", _time_wait("peak")),
    ("time_wait_mean", "gauge", "TIME_WAIT sockets, mean of the window.", _time_wait("mean")),
    ("connect_call_seconds", "summary", "Inside connect(2).", _durations("connect_call_us")),
    ("connect_seconds", "summary", "connect(2) to established.", _durations("connect_us")),
    ("latency_seconds", "summary", "Intended start to end.", _durations("latency_us")),
    ("service_time_seconds", "summary", "Real start to end.", _durations("service_time_us")),
    ("schedule_lag_seconds", "summary", "Intended start to real start.", _lag),
    ("ledger_difference", "gauge", "Counted by the load less by the kernel; 0: even.", _ledger),
)
