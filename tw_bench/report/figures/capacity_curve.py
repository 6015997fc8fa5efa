"""The walls of a plan over the ports, as the model gives them: what the picture draws. Pure.

No law is written down here: the model is asked again, with as many ports as a place on the axis.
"""

import math
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

from tw_bench.plan import walls
from tw_bench.plan.capacity_plan import CapacityPlan
from tw_bench.profile.quantities import PortRange

MOST_PORTS = 64_512  # from ip_unprivileged_port_start, 1024, to 65535
_LAST_PORT = 65_535
_SAMPLES = 160
_FEW_PORTS = 2_000  # where the axis begins, unless there are fewer
_LEFT_OF_PRESENT = 10  # times
_JUMP = 1.5  # beyond what the ports grew by: here another rule begins to hold

Walls = dict[str, walls.Wall]  # by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A wall over the ports."""

    name: str
    ports: list[int]
    limits_per_s: list[float]  # nan where the wall does not stand
    refuses: bool

    @property
    def is_level(self) -> bool:
        """Whether it is everywhere as high, however many ports there are."""
        found = [limit for limit in self.limits_per_s if not math.isnan(limit)]
        return max(found) < min(found) * (1 + 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The limit over the ports, and each wall for itself."""

    ports: list[int]  # ascending; usable ones of one source address
    limits_per_s: list[float]  # the lowest wall
    refused_from_per_s: list[float]  # the lowest wall that refuses
    lines: list[Line]


def curve(plan: CapacityPlan) -> Curve:
    """Return the walls of a plan's demand from few ports to as many as there can be."""
    low, high = _ends(plan)

    @cache
    def at(ports: int) -> Walls:
        narrowed = PortRange(_LAST_PORT - ports + 1, _LAST_PORT)
        environment = replace(plan.environment, ports=narrowed, taken=())
        return {wall.name: wall for wall in walls.walls(plan.demand, environment)}

    counts = _spread_evenly(low, high)
    for below, above in pairwise(tuple(counts)):
        while above - below > 1 and _is_jump(at(below), at(above), above / below):
            middle = (below + above) // 2
            counts.append(middle)
            is_before = _is_jump(at(below), at(middle), middle / below)
            below, above = (below, middle) if is_before else (middle, above)
    counts.sort()
    names = dict.fromkeys(name for ports in counts for name in at(ports))
    lines = [_line(name, {ports: at(ports).get(name) for ports in counts}) for name in names]
    return Curve(
        ports=counts,
        limits_per_s=[min(wall.limit_per_s for wall in at(ports).values()) for ports in counts],
        refused_from_per_s=[
            min(wall.limit_per_s for wall in at(ports).values() if wall.refuses) for ports in counts
        ],
        lines=lines,
    )


def _ends(plan: CapacityPlan) -> tuple[int, int]:
    present = plan.environment.usable_ports
    few = present // _LEFT_OF_PRESENT if present else _FEW_PORTS
    low = min(_FEW_PORTS, max(1, few - few % 2))
    return low, max(MOST_PORTS, present, *(remedy.ports for remedy in plan.remedies))


def _spread_evenly(low: int, high: int) -> list[int]:
    """Return counts from low to high, each about as many times the one before.

    Even ones: connect() may miss one port of an odd range (capacity.sure_share), which would
    make a saw of the line.
    """
    factor = (high / low) ** (1 / (_SAMPLES - 1))
    between = {round(low * factor**step / 2) * 2 for step in range(1, _SAMPLES - 1)}
    return sorted({low, *(ports for ports in between if low < ports < high), high})


def _is_jump(before: Walls, after: Walls, growth: float) -> bool:
    """Whether a wall begins, ends or jumps between two numbers of ports."""
    if before.keys() != after.keys():
        return True
    both = [(before[name].limit_per_s, after[name].limit_per_s) for name in before]
    return any(max(pair) > min(pair) * growth * _JUMP for pair in both)


def _line(name: str, found: dict[int, walls.Wall | None]) -> Line:
    return Line(
        name=name,
        ports=list(found),
        limits_per_s=[wall.limit_per_s if wall else math.nan for wall in found.values()],
        refuses=all(wall.refuses for wall in found.values() if wall),
    )
