"""How long things took: percentiles of each point, in milliseconds. Pure."""

from collections.abc import Callable, Iterator, Sequence

from tw_bench.report.page.table import Table, of_texts
from tw_bench.report.text import DASH
from tw_bench.results.schema import Percentiles, PointResult

_HEADS = [
    ("point", False),
    ("count", True),
    ("mean", True),
    ("p50", True),
    ("p90", True),
    ("p99", True),
    ("p99.9", True),
    ("max", True),
]
_WHOLE = "Of the whole run, its fill included"
_WENT_WELL = f"{_WHOLE}: the transactions that went well."
_FEWEST = 1_000  # for a p99.9: below, it is the maximum
# Caption, what it covers, and where it is.
_KINDS: list[tuple[str, str, Callable[[PointResult], Percentiles | None]]] = [
    (
        "Latency, from the intended start to the end [ms]",
        _WENT_WELL,
        lambda point: point.latency_us,
    ),
    (
        "Service time, from the real start to the end [ms]",
        _WENT_WELL,
        lambda point: point.service_time_us,
    ),
    (
        "Connect, from connect() to established [ms]",
        f"{_WHOLE}: the handshakes that completed.",
        lambda point: point.connect_us,
    ),
    (
        "Inside connect(): the port search and the SYN [ms]",
        f"{_WHOLE}: every call, those that were refused too.",
        lambda point: point.connect_call_us,
    ),
]
_FEW = f"{DASH}: of so few, this percentile is the longest."


def duration_tables(points: Sequence[PointResult]) -> list[Table]:
    """Return a table for each kind of duration that any point has; the latency first."""
    return list(_tables(points))


def worst_text(points: Sequence[PointResult]) -> str:
    """Return the highest p99 of the latency, and whose it is; nothing where none was timed."""
    found = [(point.latency_us.p99, point.id) for point in points if point.latency_us is not None]
    if not found:
        return ""
    p99, id = max(found)
    return f"The highest p99 of the latency was {milliseconds(p99)} ms, at {id}."


def _tables(points: Sequence[PointResult]) -> Iterator[Table]:
    for caption, covers, of in _KINDS:
        found = [(point.id, of(point)) for point in points]
        counts = [values.count for _, values in found if values is not None]
        if counts:
            notes = [covers, _FEW] if min(counts) < _FEWEST else [covers]
            rows = [[id, *_cells(values)] for id, values in found]
            yield of_texts(caption, _HEADS, rows, notes)


def _cells(values: Percentiles | None) -> Sequence[str]:
    if values is None:
        return [DASH] * (len(_HEADS) - 1)
    shown = (values.mean, values.p50, values.p90, values.p99)
    slow = milliseconds(values.p999) if values.count >= _FEWEST else DASH
    return [f"{values.count:,}", *map(milliseconds, shown), slow, milliseconds(values.max)]


def milliseconds(us: float) -> str:
    """Return microseconds as milliseconds, three digits of those after the point that matter.

    >>> milliseconds(94.97), milliseconds(4337.66), milliseconds(1_234_567.0)
    ('0.095', '4.34', '1,235')
    """
    ms = us / 1e3
    return f"{ms:,.{0 if ms >= 100 else 1 if ms >= 10 else 2 if ms >= 1 else 3}f}"
