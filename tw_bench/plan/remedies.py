"""What can be changed, to what, and what it would be worth: by the model, and as measured. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from tw_bench.plan import walls
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment
from tw_bench.plan.ways import WAYS, Measured, Way

# What the articles list and what changes nothing: point of profiles/remedies.yaml → what it is.
NO_HELP = {
    "reuse-address": "SO_REUSEADDR alone",
    "fin-timeout-5": "tcp_fin_timeout",
    "half-close": "shutdown() before close()",
    "both-close": "both ends closing at once",
}
_WORTH_IT = 1.05  # times the limit, at least
_MOST_PAIRS = 3  # that are shown where nothing is enough alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A change, or two together, that lifts the limit."""

    name: str
    to: str
    limit_per_s: float
    factor: float | None  # None: nothing gets through before
    is_enough: bool | None  # for the rate that is asked; None: none is asked
    binding: str  # the wall that comes next
    is_direct: bool  # it moves the wall that stands first, and nothing else
    needs: str
    risk: str
    severity: int  # as in Way
    measured: Measured | None  # on Linux
    ports: int  # of one source address, once changed


def remedies(demand: Demand, environment: Environment) -> list[Remedy]:
    """Return what lifts the limit, ranked.

    What is enough comes first; then what moves the first wall alone; then the least risk; then
    the most. Where nothing is enough, pairs are tried.
    """
    found = [remedy for way in WAYS for remedy in _tried((way,), demand, environment)]
    if demand.rate_per_s is not None and not any(remedy.is_enough for remedy in found):
        tried = (_tried(pair, demand, environment) for pair in combinations(WAYS, 2))
        pairs = [remedy for some in tried for remedy in some if remedy.is_enough]
        found += sorted(pairs, key=_rank)[:_MOST_PAIRS]
    return sorted(found, key=_rank)


def _rank(remedy: Remedy) -> tuple[bool, bool, int, float]:
    not_enough = remedy.is_enough is False
    return not_enough, not remedy.is_direct, remedy.severity, -remedy.limit_per_s


def _tried(ways: Sequence[Way], demand: Demand, environment: Environment) -> Iterator[Remedy]:
    """Yield what some ways make of the limit together, where all apply and it is worth it."""
    before = walls.walls(demand, environment)[0]
    changed, place, to = demand, environment, []
    for way in ways:
        change = way.change(changed, place)
        if change is None:
            return
        changed, place, what = change
        to.append(what)
    after = walls.walls(changed, place)[0]
    if after.limit_per_s <= before.limit_per_s * _WORTH_IT:
        return
    asked = demand.rate_per_s
    yield Remedy(
        name=" + ".join(way.name for way in ways),
        to="; ".join(to),
        limit_per_s=after.limit_per_s,
        factor=after.limit_per_s / before.limit_per_s if before.limit_per_s else None,
        is_enough=None if asked is None else after.limit_per_s >= asked,
        binding=after.name,
        is_direct=len(ways) == 1 and ways[0].cures == before.name,
        needs=" and ".join(dict.fromkeys(way.needs for way in ways)),
        risk="; ".join(way.risk for way in ways),
        severity=max(way.severity for way in ways),
        measured=ways[0].measured if len(ways) == 1 and environment.linux else None,
        ports=place.usable_ports,
    )
