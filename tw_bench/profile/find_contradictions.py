"""What a search asks that cannot be, beside what one point can see. Pure."""

from collections.abc import Iterator

from tw_bench.profile.contradictions import wrong_rate
from tw_bench.profile.find_section import MaxRateSpec
from tw_bench.profile.model import Point, Profile

_PRECISION = (0.001, 0.5)  # least, most
_LATENCY_S = (10e-6, 600)
_PLACE = "find.max_rate"


def wrong_find(profile: Profile, points: tuple[Point, ...]) -> Iterator[tuple[str, str]]:
    """Yield (dotted path, message) for a search that has no answer."""
    if profile.find is None:
        return
    if profile.parts or profile.sweep:
        path = "parts" if profile.parts else "sweep"
        yield path, "find looks for the rate of one point: want no parts and no sweep"
        return
    if profile.repeat > 1:
        yield "repeat", f"got {profile.repeat}: a search is repeated by running it again: want 1"
    load = points[0].load
    for name in ("rate", "ramp", "steps", "closed_loop", "command"):
        if getattr(load, name) is not None:
            yield f"load.{name}", "find: max_rate offers rates of its own: want it left away"
    if load.arrivals != "constant":  # by chance drawn ones are refused below the limit too
        yield "load.arrivals", f"got {load.arrivals!r}: find: max_rate is of constant ones"
    yield from _out_of_bounds(profile.find.max_rate)


def _out_of_bounds(asked: MaxRateSpec) -> Iterator[tuple[str, str]]:
    least, most = _PRECISION
    if not least <= asked.precision.number <= most:
        yield f"{_PLACE}.precision", f"got {asked.precision}: want 0.1% to 50%"
    for name in ("latency_p50", "latency_p99"):
        time = getattr(asked, name)
        if time is not None and not (
            time.unit == "s" and _LATENCY_S[0] <= time.number <= _LATENCY_S[1]
        ):
            yield f"{_PLACE}.{name}", f"got {time}: want 10us to 600s"
    for name in ("start", "most"):
        rate = getattr(asked, name)
        if rate is not None:
            yield from wrong_rate(f"{_PLACE}.{name}", rate)
    start, most_rate = asked.start, asked.most
    if start and most_rate and start.unit == most_rate.unit and start.number >= most_rate.number:
        yield f"{_PLACE}.most", f"got {most_rate}: want more than the start, {start}"
