"""From `find: max_rate` to a search, and from a rate to the point that tries it. Pure."""

from decimal import ROUND_CEILING, ROUND_FLOOR

from tw_bench.errors import ProfileError
from tw_bench.plan.prediction import Prediction
from tw_bench.plan.search import Bounds, Search, rounded
from tw_bench.profile.find_section import MaxRateSpec
from tw_bench.profile.model import Point
from tw_bench.profile.quantities import Rate
from tw_bench.units import duration_text, rate_text

PART = "find"

# Of the predicted limit. Its double is above the limit, and none of the rates that the division
# then tries down to 1 % is the limit itself, where a probe would tell nothing.
_FIRST_SHARE = 2 ** -(55.5 / 64)
_FIRST_PER_S = 100.0  # where no limit is predicted
_MOST_PER_S = 1e6
_FEWEST = 10  # slots in a window, for a probe that says anything


def make_search(asked: MaxRateSpec, point: Point, prediction: Prediction) -> Search:
    """Return the search that a profile asks for; `prediction` is of its point at any rate.

    The precision is no finer than one connection in a hold, which no probe can tell.

    Raises:
        ProfileError: no limit is predicted, and a rate is asked for as a multiple of one; or the
            probes are too short to tell a clean rate from one that is refused later.
    """
    most = _MOST_PER_S if asked.most is None else _per_s(asked.most, point, prediction)
    limit = prediction.sustainable_per_s
    start = _FIRST_PER_S if limit is None else _FIRST_SHARE * limit
    if asked.start is not None:
        start = _per_s(asked.start, point, prediction)
    _require_long_enough(point, prediction, most)
    most = rounded(most, ROUND_FLOOR)  # so that no probe is rounded to a rate beyond a bound
    start = min(rounded(start), most)
    return Search(
        start_per_s=start,
        least_per_s=min(start, rounded(_FEWEST / prediction.window_s, ROUND_CEILING)),
        most_per_s=most,
        precision=max(asked.precision.number, 1 / prediction.four_tuples),
        most_probes=asked.probes,
        side_by_side=asked.side_by_side,
        bounds=_bounds(asked),
    )


def probe_point(point: Point, rate_per_s: float) -> Point:
    """Return the point that offers a constant rate and is otherwise the same.

    Its id is `find/<rate>/s`, the rate as it is offered.
    """
    rate = Rate(rate_per_s, "/s")
    return point.model_copy(
        update={
            "id": f"{PART}/{rate}",
            "part": PART,
            "parameters": {"load.rate": str(rate)},
            "load": point.load.model_copy(update={"rate": rate}),
        }
    )


def meets_the_wall_s(prediction: Prediction) -> float:
    """Return how long a cold probe must last, so that every rate above the limit is refused in it.

    A rate that is one connection in a hold above the sustainable limit takes the last port before
    the first one is back: of those that came due in the first step of the timer wheel one is held
    for the longest time, and is missing at its end (docs/method.md, "The search for the knee").
    0 where nothing is held.
    """
    textbook, sustainable = prediction.textbook_per_s, prediction.sustainable_per_s
    if textbook is None or sustainable is None:
        return 0.0
    once = prediction.four_tuples * prediction.requests_per_connection
    longest_s, shortest_s = once / sustainable, once / textbook
    return longest_s + (longest_s - shortest_s)


def _bounds(asked: MaxRateSpec) -> Bounds:
    times = (("p50", asked.latency_p50), ("p99", asked.latency_p99))
    latency_us = tuple((name, 1e6 * time.number) for name, time in times if time is not None)
    return Bounds(refusals=asked.refusals.number, latency_us=latency_us)


def _require_long_enough(point: Point, prediction: Prediction, most_per_s: float) -> None:
    needed_s, limit = meets_the_wall_s(prediction), prediction.sustainable_per_s
    if limit is None or most_per_s <= limit or prediction.duration_s >= needed_s:
        return
    raise ProfileError(
        f"{point.id}: a probe lasts {duration_text(prediction.duration_s)} (method.fill and "
        f"window), and a rate just above the limit is refused only after {needed_s:.4g} s: want as "
        f"much or more, or find.max_rate.most of {rate_text(limit)} or less"
    )


def _per_s(rate: Rate, point: Point, prediction: Prediction) -> float:
    if rate.unit == "/s":
        return rate.number
    limit = getattr(prediction, f"{rate.unit}_per_s")
    if limit is None:
        raise ProfileError(
            f"{point.id}: find.max_rate: got {rate}: no limit is predicted here "
            f"({prediction.hold_reason}): want a rate such as 400/s"
        )
    return rate.number * float(limit)
