"""What a point offers: the rates of its profile as figures. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tw_bench.errors import ProfileError
from tw_bench.plan.capacity import Limits
from tw_bench.plan.pace import mean_per_s, varies
from tw_bench.profile.model import Point
from tw_bench.profile.quantities import Rate
from tw_bench.profile.stretches import Stretch, misfit
from tw_bench.units import duration_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The load of a point; of a closed loop, and of a command, it is no rate."""

    fill_s: float
    window_s: float
    pace: list[list[float]]  # plan/pace.py
    per_s: float | None  # mean of the window
    spread_per_s: float  # standard deviation of that mean: arrivals are drawn, or 0

    @property
    def lowest_per_s(self) -> float:
        """The lowest rate at any time; infinite where none is offered: nothing is waited for."""
        return min((min(first, last) for first, last, _ in self.pace), default=math.inf)

    @property
    def is_plain(self) -> bool:
        """Whether slots come at one rate, evenly."""
        return not varies(self.pace) and not self.spread_per_s


def offer_of(point: Point, scale: Limits, tw_s: float) -> Offer:
    """Return what a point offers; a multiple is one of `scale`, `1tw` is `tw_s` seconds.

    Raises:
        ProfileError: a ramp or steps that do not fit the fill and the window.
    """
    spans = (point.method.fill, point.method.window)
    fill_s, window_s = (span.seconds(tw_s) for span in spans)
    stretches = point.load.stretches
    if not stretches:
        return Offer(fill_s=fill_s, window_s=window_s, pace=[], per_s=None, spread_per_s=0.0)
    if any(each.lasts is not None for each in stretches):
        wrong = misfit(stretches, spans, lambda time: time.seconds(tw_s), duration_text)
        if wrong is not None:
            name = "ramp" if stretches[0].is_ramp else "steps"
            raise ProfileError(f"{point.id}: load.{name}: {wrong}")
    pace = _pace(stretches, scale, tw_s, fill_s + window_s)
    per_s = mean_per_s(pace, fill_s, fill_s + window_s)
    is_drawn = point.load.arrivals == "poisson"
    return Offer(
        fill_s=fill_s,
        window_s=window_s,
        pace=pace,
        per_s=per_s,
        spread_per_s=math.sqrt(per_s / window_s) if is_drawn else 0.0,
    )


def _pace(
    stretches: Sequence[Stretch], scale: Limits, tw_s: float, whole_s: float
) -> list[list[float]]:
    """Return the stretches in figures, the last one to the end of the window."""
    pace: list[list[float]] = []
    left_s = whole_s
    for each in stretches:
        lasts_s = left_s if each.lasts is None else min(left_s, each.lasts.seconds(tw_s))
        if lasts_s > 0:
            pace.append([_per_s(each.first, scale), _per_s(each.last, scale), lasts_s])
        left_s -= lasts_s
    return pace


def _per_s(rate: Rate, scale: Limits) -> float:
    if rate.unit == "/s":
        return rate.number
    return rate.number * float(getattr(scale, f"{rate.unit}_per_s"))
