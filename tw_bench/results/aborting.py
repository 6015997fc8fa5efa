"""`abort_on`: what is known of a point while it runs, and whether that ends the run. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from tw_bench.profile.asked_bounds import AskedBound
from tw_bench.profile.document import complaint
from tw_bench.profile.model import Point
from tw_bench.profile.reader import Experiment
from tw_bench.results.metrics import SIDES
from tw_bench.results.outcomes import OK, decode
from tw_bench.results.rows import HELD_BACK, MISSED
from tw_bench.results.thresholds import Threshold, check_thresholds, metric_of, settle

if TYPE_CHECKING:
    from tw_bench.results.tally import Tally

_GROWING = (">", ">=")


def _refusals(tally: "Tally") -> int:
    return sum(n for code, n in tally.outcomes.items() if code > 0 and decode(code).is_refusal)


def _errors(tally: "Tally") -> int:
    return sum(n for code, n in tally.outcomes.items() if code > 0 and not decode(code).is_refusal)


def _peak_of(side: str) -> Callable[["Tally"], int]:
    return lambda tally: tally.sides[side].peak if side in tally.sides else 0


# Whole-run counts; they only grow.
LIVE: dict[str, Callable[["Tally"], int]] = {
    "measured.refusals": _refusals,
    "errors": _errors,
    "generator.missed": lambda tally: tally.outcomes[MISSED],
    "generator.held_back": lambda tally: tally.outcomes[HELD_BACK],
    "measured.connections_opened": lambda tally: tally.opened,
    "measured.transactions_ok": lambda tally: tally.outcomes[OK],
    **{f"time_wait.{side}.peak": _peak_of(side) for side in SIDES},
}
_OF_POINT = [name.rpartition(".")[2] for name in LIVE if not name.startswith("time_wait")]
_KNOWN = ", ".join((*_OF_POINT, "time_wait.SIDE.peak"))


def settle_aborts(asked: Iterable[AskedBound], points: Sequence[Point] = ()) -> list[Threshold]:
    """Return what ends a run early; `points` are those to be checked for having it.

    Raises:
        ProfileError: a name or a unit is wrong, or the figure is not known while the run goes on.
    """
    return [_settled(each, points) for each in asked]


def first_met(aborts: Sequence[Threshold], point: Point, tally: "Tally", four_tuples: int) -> str:
    """Return the first bound that a point has come to (`abort_on refusals > 9: 10`), or nothing."""
    for abort in aborts:
        if not abort.asked.is_for(point.id, point.part):
            continue
        count = LIVE[abort.metric.name](tally)
        value = count / max(1, four_tuples) if abort.is_of_room else count
        if abort.asked.bound.holds(value, abort.amount):
            room = f" of {four_tuples:,}" if abort.is_of_room else ""
            return f"abort_on {abort.asked.bound}: {count:,}{room}"
    return ""


def check_bounds(experiment: Experiment) -> None:
    """Check what a profile asks for at its end and on its way.

    Raises:
        ProfileError: as of `check_thresholds` and `settle_aborts`.
    """
    points, is_search = experiment.points, experiment.profile.find is not None
    check_thresholds(experiment.bounds.thresholds, points, is_search=is_search)
    settle_aborts(experiment.bounds.abort_on, points)


def _settled(asked: AskedBound, points: Sequence[Point]) -> Threshold:
    metric, bound = metric_of(asked), asked.bound
    if metric.name not in LIVE:
        told = f"{bound.metric} is not known while the run goes on: want one of {_KNOWN}"
        raise complaint(asked.place, f"abort_on: {told}")
    if bound.comparison not in _GROWING:
        told = "this count starts at 0 and grows: want > or >="
        raise complaint(asked.place, f"abort_on: {bound.metric}: {told}")
    if metric.head != "time_wait":
        for point in points:
            if point.load.command is not None and asked.is_for(point.id, point.part):
                told = "runs a command of yours: while it runs only TIME_WAIT is known of it"
                raise complaint(asked.place, f"abort_on: {bound.metric}: point {point.id!r} {told}")
    (threshold,) = settle([asked], points)
    if bound.holds(0, threshold.amount):
        raise complaint(asked.place, f"abort_on: {bound} holds from the start: want more than 0")
    return threshold
