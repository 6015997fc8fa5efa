"""Thresholds × points → which were kept. Pure.

What was not measured keeps no threshold: a run that ended early, or a figure that a point does not
have, is a failure that says so.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tw_bench.errors import ProfileError
from tw_bench.profile.asked_bounds import AskedBound
from tw_bench.profile.complaints import nearest
from tw_bench.profile.document import complaint
from tw_bench.profile.model import Point
from tw_bench.results.metrics import ONLY_GROW, Metric, Unit, metrics
from tw_bench.results.outcomes import Outcome
from tw_bench.results.schema import Found, PointResult, ThresholdResult

# Unit of a figure → (what a value may be written in, how many of the figure's unit that is)
_FITS: dict[Unit, dict[str, float]] = {
    "": {"number": 1},
    "/s": {"number": 1, "rate": 1},
    "us": {"number": 1, "time": 1e6},
    "s": {"number": 1, "time": 1},
    "bytes": {"number": 1, "size": 1},
    "share": {"share": 1},
    "processors": {"number": 1, "share": 1},
}
_WANTED: dict[Unit, str] = {
    "": "a plain number such as 10",
    "/s": "a rate such as 450/s",
    "us": "a time such as 5ms",
    "s": "a time such as 30s",
    "bytes": "a size such as 64MiB",
    "share": "a share such as 2%, or 0",
    "processors": "processors such as 0.5, or 50%",
}
_ROOM = "a count such as 1000, or a share of what the range holds such as 80%"
_FIRST_REFUSAL = ("measured.first_refusal_s", "measured.connections_before_first_refusal")
_REFUSALS = ("measured.refusals", "measured.refusals_in_window")
_FROM_ABOVE = ("<", "<=", "==")  # once a growing count is beyond these, it stays there
_OF_CALLS = ("latency_us", "service_time_us", "connect_us", "connect_call_us", "generator")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound on a figure that there is, in a unit that fits."""

    asked: AskedBound
    metric: Metric
    amount: float  # in the unit of the value
    is_of_room: bool  # the value is a share of what the point's range can hold

    @property
    def unit(self) -> Unit:
        """The unit of value and amount."""
        return "share" if self.is_of_room else self.metric.unit


def settle(asked: Iterable[AskedBound], points: Sequence[Point] = ()) -> list[Threshold]:
    """Return the thresholds, each with its figure.

    `points` are those to be checked for having it: of a search, the one whose rate is looked for.

    Raises:
        ProfileError: a name or a unit is wrong, or one of its points never has such a figure.
    """
    return [_settled(each, points) for each in asked]


def check_thresholds(
    asked: Iterable[AskedBound], points: Sequence[Point], *, is_search: bool
) -> None:
    """Check the thresholds of a profile.

    Raises:
        ProfileError: as of `settle`; or one is of points where a search is asked for, whose probes
            are refused on purpose, or of a search where none is.
    """
    for each in settle(asked, points):
        if each.metric.is_of_search != is_search:
            told = (
                "is of a point, and a search tries rates that fail: want found.rate_per_s"
                if is_search
                else "is of a search, and this profile has no find: want one of a point"
            )
            raise complaint(each.asked.place, f"{each.asked.bound.metric} {told}")


def metric_of(asked: AskedBound) -> Metric:
    """Return the figure that a bound is on, or raise the ProfileError that names the nearest."""
    known = metrics()
    name = asked.bound.metric
    if name not in known:
        near = nearest(name, list(known))
        hint = f"did you mean {near!r}?" if near else "want one such as refusals or goodput_per_s"
        raise complaint(asked.place, f"no such metric {name!r}: {hint}")
    return known[name]


def judge(
    thresholds: Sequence[Threshold], points: Sequence[PointResult], found: Found | None
) -> list[ThresholdResult]:
    """Return what became of each threshold on each point that it is for, in the order written."""
    return [
        result
        for threshold in thresholds
        for result in (
            [_judged(threshold, found, "", _missing_of_search(found))]
            if threshold.metric.is_of_search
            else _judged_points(threshold, points)
        )
    ]


def _settled(asked: AskedBound, points: Sequence[Point]) -> Threshold:
    bound, metric = asked.bound, metric_of(asked)
    for point in points:
        lacks = _never_has(metric, point) if asked.is_for(point.id, point.part) else ""
        if lacks:
            raise complaint(asked.place, f"{bound.metric}: point {point.id!r} {lacks}")
    fits = _FITS[metric.unit]
    is_of_room = metric.has_room and bound.measures == "share"
    if is_of_room or (metric.unit == "share" and bound.number == 0):
        return Threshold(asked, metric, bound.amount, is_of_room)
    if bound.measures not in fits:
        raise _misfit(asked, metric)
    return Threshold(asked, metric, bound.amount * fits[bound.measures], is_of_room)


def _misfit(asked: AskedBound, metric: Metric) -> ProfileError:
    got = f"{asked.bound.number:f}{asked.bound.unit}"
    want = _ROOM if metric.has_room else _WANTED[metric.unit]
    return complaint(asked.place, f"{asked.bound.metric}: got {got}: want {want}")


def _never_has(metric: Metric, point: Point) -> str:
    """Return why a point can have no such figure, or nothing where it can."""
    if metric.head == "time_wait" and (side := metric.name.split(".")[1]) not in point.sides:
        return f"has no side {side}: it has {' and '.join(point.sides)}"
    if metric.head == "forwarding" and not point.has_proxy:
        return "has no proxy"
    of_calls = metric.head in _OF_CALLS or metric.name in ("errors", *_FIRST_REFUSAL)
    if metric.name in _REFUSALS:
        of_calls = not point.has_proxy
    if of_calls and point.load.command is not None:
        return "runs a command of yours, and only the command knows what became of each call"
    return ""


def _judged_points(
    threshold: Threshold, points: Sequence[PointResult]
) -> Iterator[ThresholdResult]:
    for point in points:
        if threshold.asked.is_for(point.id, point.part):
            yield _judged(threshold, point, point.id, _missing(threshold, point))


def _judged(
    threshold: Threshold, of: PointResult | Found | None, id: str, missing: str
) -> ThresholdResult:
    value, reason = None, missing
    if not missing:
        value, reason = _value(threshold, of)
    elif isinstance(of, PointResult):
        value = _broken_for_good(threshold, of)
        reason = missing if value is None else ""
    passes = value is not None and threshold.asked.bound.holds(value, threshold.amount)
    return ThresholdResult(
        point=id,
        text=str(threshold.asked.bound),
        metric=threshold.metric.name,
        unit=threshold.unit,
        value=None if value == math.inf else value,
        bound=threshold.amount,
        passed=passes,
        reason=reason,
    )


def _value(threshold: Threshold, of: PointResult | Found | None) -> tuple[float | None, str]:
    """Return the figure, and what is to be said of it; without a figure, why there is none."""
    name = threshold.metric.name
    value = threshold.metric.read(of)
    if value is None and name in _FIRST_REFUSAL and _none_was_refused(of):
        return math.inf, "none was refused"
    if value is None:
        return None, f"not measured: {_WHY_NOT.get(name, f'there is no {name}')}"
    if threshold.is_of_room and isinstance(of, PointResult):
        room = of.prediction.get("four_tuples")
        return (value / room, "") if room else (None, "not measured: the range holds nothing")
    return value, ""


def _broken_for_good(threshold: Threshold, point: PointResult) -> float | None:
    """Return the count of a point that ended too soon where it is beyond its bound already."""
    bound, amount = threshold.asked.bound, threshold.amount
    if threshold.metric.name not in ONLY_GROW or bound.comparison not in _FROM_ABOVE:
        return None
    if threshold.metric.name == "measured.refusals" and point.measured is None:
        ends = ((Outcome(end.phase, end.errno), end.count) for end in point.outcomes)
        value: float | None = sum(count for end, count in ends if end.is_refusal)
    else:
        value = _value(threshold, point)[0]
    if value is None or value < amount or bound.holds(value, amount):
        return None
    return value


def _none_was_refused(of: PointResult | Found | None) -> bool:
    """Whether it is known of a point that nothing was refused; of a command nobody knows."""
    if not isinstance(of, PointResult) or of.measured is None:
        return False
    return of.generator is not None and of.measured.refusals == 0


_WHY_NOT = {
    "prediction_error": "no goodput was predicted",
    "prediction_error.abs": "no goodput was predicted",
    "found.rate_per_s": "no clean rate was found",
    "generator.ceiling_share": "the generator was never calibrated on this host",
    "generator.ceiling_per_s": "the generator was never calibrated on this host",
    "ledger_uneven": "there was no sum to check",
}


def _missing(threshold: Threshold, point: PointResult) -> str:
    """Return why nothing of a point can be judged."""
    if point.status != "complete":
        return f"not measured: the point {_ENDED.get(point.status, point.status)}"
    if point.measured is None:
        return "not measured: the window was not reached"
    if threshold.metric.name in _REFUSALS and (point.generator, point.forwarding) == (None, None):
        return "not measured: only the command knows what became of each call"
    return ""


_ENDED = {"failed": "failed", "interrupted": "was stopped", "running": "was not ended"}


def _missing_of_search(found: Found | None) -> str:
    if found is None or found.ended == "stopped":
        return "not measured: the search was not ended"
    return ""
