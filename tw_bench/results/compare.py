"""Runs against a base, point by point: what changed, and how sure that is. Pure.

Points are the same where part and swept parameters are; their repetitions, and the runs of one
side, are measurements of one thing. docs/comparing.md has the method and its limits.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np

from tw_bench.results.compare_differs import differing
from tw_bench.results.compare_document import (
    Change,
    Comparison,
    Effect,
    Pair,
    Side,
    VerdictChange,
)
from tw_bench.results.compare_intervals import (
    CONFIDENCE,
    FEWEST,
    Interval,
    Samples,
    difference,
    intervals,
)
from tw_bench.results.compare_metrics import (
    COMPARED,
    COUNTS,
    FOUND,
    GOODPUT,
    PREDICTION_ERROR,
    Better,
    Compared,
)
from tw_bench.results.compare_refusals import require_comparable
from tw_bench.results.compare_sides import SEARCH, LoadedSide
from tw_bench.results.schema import PointResult

Runs = Sequence[Sequence[PointResult]]  # of a point: the repetitions of each run

SMALLEST = 0.01  # a significant difference below it is not worth naming
_ROUNDED = 1 + 1e-9  # figures are quotients: just one step apart may be a little more
_RANKS: tuple[Effect, ...] = (
    "worse", "changed", "better", "unjudged", "negligible", "none", "same",
)  # fmt: skip
_RATES = (GOODPUT, FOUND)
_ALL_WENT_THROUGH = ("offered-load-bound", "unlimited")
_LIMITED = ("port-bound", "target-bound")


@dataclass(frozen=True, slots=True)
class _Row:
    """One figure of one point, before it is judged."""

    point: str
    part: str
    parameters: dict[str, Any]
    metric: str
    better: Better
    samples: Samples
    measurement: Literal["run", "repetition"]
    step: float  # what one measurement can tell at the least, in the unit of the difference


def compare(sides: Sequence[LoadedSide], smallest: float = SMALLEST) -> Comparison:
    """Compare every side with the first one.

    Raises:
        ResultsError: they are of different methods, paces or windows, or have no point in common.
    """
    require_comparable(sides)
    base, *others = sides
    return Comparison(
        sides=[_side(side) for side in sides],
        differs=differing(sides),
        confidence=CONFIDENCE,
        smallest=smallest,
        pairs=[_pair(base, other, smallest) for other in others],
    )


def unjudged(pair: Pair) -> list[str]:
    """Return the points of which a gate cannot tell: a rate without an interval, or without a base.

    Of one measurement a side there is no interval, and of what the base did not finish nothing.
    """
    rates = [change for change in pair.changes if change.metric in _RATES]
    if not rates:
        return ["no rate was measured on both sides"]
    return [*pair.without_base, *(change.point for change in rates if change.interval is None)]


def worse(pair: Pair) -> list[str]:
    """Return what a gate holds against a side: verdicts, rates, new refusals, points left open.

    Latencies and the like are left out: of so many, some look worse by chance in every comparison;
    so are more refusals where there were some, which say less than the goodput.
    """
    said = [
        f"{one.point}: {one.base} is now {one.other}"
        for one in pair.verdicts
        if one.effect == "worse"
    ]
    said += [
        f"{one.point}: {one.metric} {one.base:.6g} is now {one.other:.6g}"
        for one in pair.changes
        if one.effect == "worse" and (one.is_new or one.metric in _RATES)
    ]
    return [*said, *(f"{name}: was not measured to its end" for name in pair.unfinished)]


def _side(side: LoadedSide) -> Side:
    return Side(
        name=side.name,
        runs=[str(run.path) for run in side.runs],
        started_at=[run.manifest.started_at for run in side.runs],
    )


def _pair(base: LoadedSide, other: LoadedSide, smallest: float) -> Pair:
    common = [key for key in base.points if key in other.points]
    rows = [*_found_rows(base, other)]
    for key in common:
        rows += _rows(base.asked[key], base.points[key], other.points[key])
    found = intervals([row.samples for row in rows])
    changes = [_change(*pair, smallest) for pair in zip(rows, found, strict=True)]
    judged = sum(
        interval is not None and len({*row.samples.base, *row.samples.other}) > 1
        for row, interval in zip(rows, found, strict=True)
    )
    verdicts = [
        change
        for key in common
        for change in _verdict(base.asked[key], base.points[key], other.points[key])
    ]
    return Pair(
        base=base.name,
        other=other.name,
        points=len(common),
        verdicts=sorted(verdicts, key=lambda one: _RANKS.index(one.effect)),
        changes=sorted(changes, key=_order),
        not_compared=[*_lonely(base, other), *_unmeasured(base), *_unmeasured(other)],
        unfinished=[*_unfinished(base, other)],
        without_base=[*_without_base(base, other)],
        intervals=judged,
        expected_by_chance=(1 - CONFIDENCE) * judged,
    )


def _unfinished(base: LoadedSide, other: LoadedSide) -> Iterator[str]:
    """Yield the base's points that the other side left open, in one repetition or in all."""
    yield from (base.asked[key] for key in base.asked if key in other.unfinished)
    yield from other.left_out


def _without_base(base: LoadedSide, other: LoadedSide) -> Iterator[str]:
    """Yield the points that both were asked for and the base has no measurement of."""
    for key, name in base.asked.items():
        is_measured = bool(base.found) if key == SEARCH else key in base.points
        if key in other.asked and not is_measured:
            yield name


def _lonely(base: LoadedSide, other: LoadedSide) -> Iterator[str]:
    """Yield the points that only one side was asked for."""
    for side, beside in ((base, other), (other, base)):
        names = [name for key, name in side.asked.items() if key not in beside.asked]
        yield from (f"{name}: only in {side.name}" for name in names)


def _unmeasured(side: LoadedSide) -> list[str]:
    lines = [f"{name}: {why}" for name, why in side.left_out.items()]
    return [f"{side.name}: {line}" for line in chain(lines, *side.unfinished.values())]


def _found_rows(base: LoadedSide, other: LoadedSide) -> Iterator[_Row]:
    """Yield what searches found; the search itself knows it no better than its precision."""
    known = base.found, other.found
    if all(known):
        before, after = ([one.rate_per_s or 0.0 for one in side] for side in known)
        step = max(one.precision for side in known for one in side)
        yield _Row("search", "", {}, FOUND, "higher", Samples(before, after, True), "run", step)


def _rows(name: str, base: Runs, other: Runs) -> Iterator[_Row]:
    """Yield every figure that both sides of a point have; not one that is zero throughout."""
    point = base[0][0]
    for metric in COMPARED:
        values = [_values(metric, side) for side in (base, other)]
        if not all(values) or not any(one for side in values for run in side for one in run):
            continue
        by_run = min(map(len, values)) >= FEWEST
        before, after = (
            [float(np.mean(run)) for run in side] if by_run else [*chain(*side)] for side in values
        )
        samples = Samples(before, after, metric.is_share and min(before) > 0)
        every = chain(*base, *other)
        step = _ROUNDED * max(metric.step(one, metric.value(one) or 0.0) for one in every)
        yield _Row(
            point=name,
            part=point.part,
            parameters=point.parameters,
            metric=metric.name,
            better=metric.better,
            samples=samples,
            measurement="run" if by_run else "repetition",
            step=step / float(np.mean(before)) if samples.is_share else step,
        )


def _values(metric: Compared, runs: Runs) -> list[list[float]]:
    """Return the values of each run that has any.

    Repetitions of one run share its hour, so where there are runs enough a measurement is a run:
    the mean of its repetitions.
    """
    every = [
        [value for point in repetitions if (value := metric.value(point)) is not None]
        for repetitions in runs
    ]
    return [values for values in every if values]


def _change(row: _Row, interval: Interval | None, smallest: float) -> Change:
    before, after, is_share = row.samples
    wider = None
    if interval is not None:
        low, high = interval[0] - row.step, interval[1] + row.step
        wider = (max(-1.0, low) if is_share else low), high
    is_count = row.metric in COUNTS
    is_new = is_count and not any(before) and any(after)
    return Change(
        point=row.point,
        part=row.part,
        parameters=row.parameters,
        metric=row.metric,
        base=float(np.mean(before)),
        other=float(np.mean(after)),
        base_count=len(before),
        other_count=len(after),
        measurement=row.measurement,
        is_share=is_share,
        difference=difference(row.samples),
        interval=wider,
        effect="worse" if is_new else _effect(row, wider, smallest),
        is_new=is_new,
    )


def _effect(row: _Row, interval: Interval | None, smallest: float) -> Effect:
    before, after, is_share = row.samples
    apart = difference(row.samples)
    is_gone = row.metric in COUNTS and min(before) > 0 and not any(after)
    if is_gone:
        return "better"
    if abs(apart) <= row.step and (interval is None or len({*before, *after}) == 1):
        return "same"
    if interval is None:
        return "unjudged"
    if interval[0] <= 0 <= interval[1]:
        return "none"
    if abs(apart) < smallest and (is_share or row.metric == PREDICTION_ERROR):
        return "negligible"
    if row.better == "neither":
        return "changed"
    return "better" if (apart > 0) == (row.better == "higher") else "worse"


def _verdict(name: str, base: Runs, other: Runs) -> Iterator[VerdictChange]:
    """Yield that most measurements of a point have another verdict than most of the base's."""
    before, after = (
        Counter(point.verdict for point in chain(*side)).most_common(1)[0][0]
        for side in (base, other)
    )
    if before == after:
        return
    effect: Literal["worse", "better", "changed"] = "changed"
    if before in _ALL_WENT_THROUGH and after in _LIMITED:
        effect = "worse"
    elif before in _LIMITED and after in _ALL_WENT_THROUGH:
        effect = "better"
    yield VerdictChange(point=name, base=before, other=after, effect=effect)


def _order(change: Change) -> tuple[bool, int, bool, float]:
    """What is new first, then the worst; of these the rates, and then by how much."""
    rank, is_rate = _RANKS.index(change.effect), change.metric in _RATES
    return not change.is_new, rank, not is_rate, -abs(change.difference)
