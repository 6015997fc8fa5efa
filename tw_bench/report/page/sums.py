"""The ledger: our own counts against the kernel's, in a sentence and line by line. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from tw_bench.report.page.table import Cell, Head, Table
from tw_bench.results.schema import LedgerLine, PointResult


@dataclass(frozen=True, slots=True)
class Sums:
    """Whether all sums come out even, what is uneven, and every line."""

    sentence: str
    uneven: Table | None
    every: Table | None


def sums(points: Sequence[PointResult]) -> Sums:
    """Return the ledger of a run."""
    lines = [(point, line) for point in points for line in point.ledger]
    uneven = [(point, line) for point, line in lines if not line.is_even]
    if not lines:
        return Sums("Nothing to check: no point kept the kernel's counters.", None, None)
    every = _table("Every sum, ours beside the kernel's", lines)
    if not uneven:
        whose = "the point" if len(points) == 1 else f"{len(points)} points"
        text = f"Even: all {len(lines):,} sums of {whose} agree with the kernel's counters."
        return Sums(text, None, every)
    text = (
        f"Uneven: {len(uneven):,} of {len(lines):,} sums differ from the kernel's. "
        "What does not add up is shown, not hidden."
    )
    return Sums(text, _table("Sums that are uneven", uneven), every)


def _table(caption: str, lines: Sequence[tuple[PointResult, LedgerLine]]) -> Table:
    heads = [
        Head("point", False),
        Head("sum", False),
        Head("ours"),
        Head("the kernel's"),
        Head("difference"),
        Head("counter", False),
    ]
    rows = [
        [
            Cell(point.id),
            Cell(line.name),
            Cell(f"{line.ours:,}"),
            Cell(f"{line.kernel:,}"),
            Cell("0", "none") if line.is_even else Cell(f"{line.kernel - line.ours:+,}", "bad"),
            Cell(line.counter),
        ]
        for point, line in lines
    ]
    return Table(caption, heads, rows)
