"""Points that were run several times (`repeat: N`): the one that stands for them, and their spread.

Pure. A repetition is a point like any other, in a lab of its own; what it shares with its siblings
is its group (schema.py), the id without `#2`.
"""

from collections.abc import Sequence

from tw_bench.results.schema import PointResult


def groups(points: Sequence[PointResult]) -> dict[str, list[PointResult]]:
    """Return group → its repetitions, both in the order of the points."""
    found: dict[str, list[PointResult]] = {}
    for point in points:
        found.setdefault(point.group, []).append(point)
    return found


class Representative(PointResult):
    """The repetition that stands for its group."""

    spread: float | None  # largest share by which a sibling's goodput differs; None: no sibling


def representative(points: Sequence[PointResult]) -> list[PointResult]:
    """Return one point for each group: the middle repetition by goodput, with all its figures.

    A repetition that was really run, so that its figures belong together: of an even count the
    lower one of the two in the middle, of none that was measured the first. Where nothing is
    repeated these are the points themselves.
    """
    return [
        point
        if point.repetition is None
        else Representative.model_construct(**dict(point), spread=spread(group))
        for group in groups(points).values()
        for point in [_middle(group)]
    ]


def is_repeated(points: Sequence[PointResult]) -> bool:
    """Whether any of the points is one of several repetitions."""
    return any(point.repetition is not None for point in points)


def spread(repetitions: Sequence[PointResult]) -> float | None:
    """Return the largest share by which a goodput of a group differs from its representative's.

    None where fewer than two were measured to their end, or nothing came through.
    """
    measured = _measured(repetitions)
    middle = _goodput(_middle(repetitions)) if measured else 0.0
    if len(measured) < 2 or not middle:
        return None
    return max(abs(_goodput(point) / middle - 1) for point in measured)


def repetitions_text(points: Sequence[PointResult]) -> str:
    """Return what a table or picture shows of repeated points, or nothing where none is.

    Such as `median of 5 repetitions, goodput ±0.1 %`: the widest spread of all groups.
    """
    if not is_repeated(points):
        return ""
    every = groups(points).values()
    counts = [len(_measured(group)) for group in every]
    least, most = min(counts), max(counts)
    times = f"{most}" if least == most else f"{least} to {most}"
    text = f"median of {times} repetition{'' if times == '1' else 's'}"
    spreads = [share for share in map(spread, every) if share is not None]
    return f"{text}, goodput ±{spread_text(max(spreads))} %" if spreads else text


def times_text(points: Sequence[PointResult]) -> str:
    """Return how often each point was run: `3 times each`; nothing where none is repeated."""
    if not is_repeated(points):
        return ""
    counts = sorted({len(group) for group in groups(points).values()})
    text = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return "once" if text == "1" else f"{text} times each"


def spread_text(share: float) -> str:
    """Return a spread in percent, with the digits that matter.

    >>> [spread_text(share) for share in (0, 0.00004, 0.0012, 0.034, 0.51, 1.2)]
    ['0', '0.004', '0.12', '3.4', '51', '120']
    """
    percent = 100 * share
    return f"{percent:.0f}" if percent >= 9.95 else f"{percent:.2g}"


def _measured(repetitions: Sequence[PointResult]) -> list[PointResult]:
    return [
        point for point in repetitions if point.measured is not None and point.status == "complete"
    ]


def _middle(repetitions: Sequence[PointResult]) -> PointResult:
    measured = sorted(_measured(repetitions), key=_goodput)
    return measured[(len(measured) - 1) // 2] if measured else repetitions[0]


def _goodput(point: PointResult) -> float:
    return point.measured.goodput_per_s if point.measured is not None else 0.0
