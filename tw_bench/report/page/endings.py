"""Refusals and errors in words: by phase and errno, in all and by point. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tw_bench.report.page.table import Cell, Head, Table, of_texts
from tw_bench.report.text import DASH
from tw_bench.results.outcomes import Outcome
from tw_bench.results.schema import PointResult

_WHERE = {
    "socket": "at socket()",
    "bind": "at bind()",
    "connect": "at connect()",
    "send": "while sending the request",
    "receive": "while waiting for the response",
    "close": "while closing",
    "status": "in the response's status",
}


@dataclass(frozen=True, slots=True)
class Endings:
    """What did not end well: a sentence, each way in words, and the same by point."""

    sentence: str
    ways: Table | None
    by_point: Table | None


def endings(points: Sequence[PointResult]) -> Endings:
    """Return how the connections of a run ended that did not end well."""
    by_point = {point.id: _failed(point) for point in points}
    every: Counter[Outcome] = Counter()
    for counts in by_point.values():
        every.update(counts)
    ways = sorted(every, key=lambda way: (not way.is_refusal, -every[way], way))
    well = sum(end.count for point in points for end in point.outcomes if end.errno == "ok")
    if not ways:
        what = (
            f"All {well:,} transactions ended well: nothing was refused." if well else "None ended."
        )
        return Endings(what, None, None)
    refused = sum(every[way] for way in ways if way.is_refusal)
    failed = sum(every.values()) - refused
    sentence = (
        f"{well:,} transactions ended well, {refused:,} were refused (the client's own kernel, or "
        f"the proxy's, had nothing to give), {failed:,} failed otherwise. Counted over the whole "
        "run, the fill included."
    )
    table = of_texts(
        "How connections ended that did not end well",
        [("what", False), ("phase", False), ("errno", False), ("count", True), ("meaning", False)],
        [
            (
                "refused" if way.is_refusal else "error",
                _WHERE.get(way.phase, way.phase),
                way.reason,
                f"{every[way]:,}",
                way.words or DASH,
            )
            for way in ways
        ],
    )
    return Endings(sentence, table, _by_point(points, by_point, ways))


def _failed(point: PointResult) -> Counter[Outcome]:
    counts: Counter[Outcome] = Counter()
    for end in point.outcomes:
        outcome = Outcome(end.phase, end.errno)
        if not outcome.is_ok and end.count:
            counts[outcome] += end.count
    return counts


def _by_point(
    points: Sequence[PointResult], counts: dict[str, Counter[Outcome]], ways: Sequence[Outcome]
) -> Table | None:
    if len(points) < 2:
        return None
    heads = [Head("point", False), Head("ended well")]
    heads += [Head(f"{way.phase} {way.reason}") for way in ways]
    rows = []
    for point in points:
        well = sum(end.count for end in point.outcomes if end.errno == "ok")
        found = counts[point.id]
        rows.append([Cell(point.id), Cell(f"{well:,}"), *(_count(found[way]) for way in ways)])
    return Table("The same by point", heads, rows)


def _count(count: int) -> Cell:
    return Cell(f"{count:,}") if count else Cell("0", "none")
