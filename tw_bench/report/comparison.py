"""A profile whose every part is one point: several ways side by side, against the first. Pure."""

from collections.abc import Iterator, Sequence
from typing import Literal

from tw_bench.results.schema import PointResult
from tw_bench.units import rate_text

Effect = Literal["unlimited", "raised", "same", "lowered", "unknown"]

_FEWEST = 2
_SAME = 0.02  # share by which a goodput may differ from the first's and still be the same
_ALL_WENT_THROUGH = ("offered-load-bound", "unlimited")
_MOST_NAMES = 6  # in one clause


def is_comparison(parts: Sequence[str]) -> bool:
    """Whether each part of a profile has exactly one point, so that one table says it all.

    >>> is_comparison(["baseline", "rst"]), is_comparison(["curve", "curve"]), is_comparison([""])
    (True, False, False)
    """
    return len(parts) >= _FEWEST and "" not in parts and len(set(parts)) == len(parts)


def is_at_least(point: PointResult) -> bool:
    """Whether all that was offered went through, so that the point could give more."""
    return point.measured is not None and point.verdict in _ALL_WENT_THROUGH


def factor(point: PointResult, first: PointResult) -> float | None:
    """Return how many times the first one's goodput a point gave, where both were measured."""
    pair = (point, first)
    if any(one.measured is None or one.status != "complete" for one in pair):
        return None
    assert point.measured is not None
    assert first.measured is not None
    if first.measured.goodput_per_s <= 0:
        return None
    return point.measured.goodput_per_s / first.measured.goodput_per_s


def effect(point: PointResult, first: PointResult) -> Effect:
    """Return what a way does to the limit of the first one."""
    times = factor(point, first)
    if times is None:
        return "unknown"
    if is_at_least(point) and point.prediction.get("saturated_per_s") is None:
        return "unlimited"
    if times > 1 + _SAME and not is_at_least(first):
        return "raised"
    if point.verdict != "port-bound":
        return "unknown"
    return "same" if abs(times - 1) <= _SAME else "lowered" if times < 1 else "unknown"


def factor_text(times: float) -> str:
    """Return a factor with the digits that matter.

    >>> [factor_text(times) for times in (1234.5, 61.44, 9.99, 2.02, 1.25, 0.0163)]
    ['1,234', '61', '10', '2', '1.2', '0.016']
    """
    return f"{times:,.0f}" if times >= 99.5 else f"{times:.2g}"


def answer(points: Sequence[PointResult]) -> str:
    """Return what the first way lets through, and what the others make of that."""
    first, *others = points
    if first.measured is None or first.status != "complete":
        return f"No answer: {first.part}, which the others are compared with, was not measured."
    clauses = "; ".join(_clauses(first, others))
    return f"{_first_text(first)} {clauses[:1].upper()}{clauses[1:]}."


def _first_text(first: PointResult) -> str:
    assert first.measured is not None
    ports, rate = first.prediction.get("usable_ports", 0), rate_text(first.measured.goodput_per_s)
    if is_at_least(first):
        return f"{first.part}: all that was offered went through, {rate}."
    text = f"{first.part}: {ports:,} ports let {rate} through"
    if first.prediction.get("window_s", 0.0) < 0.99 * first.prediction.get("hold_s", 0.0):
        text += f" in {first.measured.window_s:.3g} s, less than one TIME_WAIT"
    return f"{text}."


def _clauses(first: PointResult, others: Sequence[PointResult]) -> Iterator[str]:
    """Yield who does what, from what helps most to what does not help."""
    effects = {point.id: effect(point, first) for point in others}
    free = [point for point in others if effects[point.id] == "unlimited"]
    if free:
        yield f"unlimited (all that was offered went through): {_names(free)}"
    groups: dict[str, list[PointResult]] = {}
    for point in sorted(others, key=lambda point: -(factor(point, first) or 0)):
        times = factor(point, first)
        if times is not None and effects[point.id] in ("raised", "lowered"):
            least = "" if point.verdict == "port-bound" else "at least "
            groups.setdefault(f"{least}{factor_text(times)} x", []).append(point)
    for text, group in groups.items():
        yield f"{text}: {_names(group)}"
    for kind, text in (("same", "no gain"), ("unknown", "not to be compared")):
        group = [point for point in others if effects[point.id] == kind]
        if group:
            yield f"{text}: {_names(group)}"


def _names(points: Sequence[PointResult]) -> str:
    names = [point.part for point in points]
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
