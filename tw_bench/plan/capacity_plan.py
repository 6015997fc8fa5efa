"""The plan for a service: which wall stands first, how far it is, and what to change. Pure."""

from dataclasses import dataclass, replace

from tw_bench.plan import walls
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment
from tw_bench.plan.population import Population, enough, population
from tw_bench.plan.remedies import Remedy, remedies
from tw_bench.plan.walls import Wall


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityPlan:
    """What the model says of a demand in an environment. Rates are of requests."""

    demand: Demand
    environment: Environment
    four_tuples: int  # connections that may be held at once
    hold_s: float  # the longest that a port is held after its connection; 0: not at all
    hold_reason: str
    saturated_per_s: float | None  # what the ports let through when more is offered
    walls: list[Wall]  # the lowest first
    binding: str  # the lowest
    limit_per_s: float  # where it stands
    headroom: float | None  # limit / rate: below 1 is not enough; None: no rate is asked
    exhausted: str | None  # the wall that a cold start runs into first; None: none
    exhausted_after_s: float | None
    population: Population  # at the rate that gets through
    pool: int  # kept connections to each destination that are enough in 999 of 1,000 moments
    remedies: list[Remedy]


def make_capacity_plan(demand: Demand, environment: Environment) -> CapacityPlan:
    """Return what the model says."""
    found = walls.walls(demand, environment)
    first = found[0]
    # Below the wall of the buckets TIME_WAIT lasts: what holds a port is asked without them.
    held = walls.port_hold(demand, replace(environment, max_tw_buckets=None))
    tuples = demand.four_tuples(environment)
    asked = demand.rate_per_s
    lasts = ((wall.lasts_s(asked or 0.0), wall.name) for wall in found)
    ends = sorted((after_s, name) for after_s, name in lasts if after_s is not None)
    passing = first.limit_per_s if asked is None else min(asked, first.limit_per_s)
    return CapacityPlan(
        demand=demand,
        environment=environment,
        four_tuples=tuples,
        hold_s=held.longest_s,
        hold_reason=held.reason,
        saturated_per_s=_saturated_per_s(demand, tuples, held.echo_period_s),
        walls=found,
        binding=first.name,
        limit_per_s=first.limit_per_s,
        headroom=first.limit_per_s / asked if asked else None,
        exhausted=ends[0][1] if ends else None,
        exhausted_after_s=ends[0][0] if ends else None,
        population=population(demand, environment, passing),
        pool=enough((asked or passing) * demand.response_time_s / demand.destinations),
        remedies=remedies(demand, environment),
    )


def _saturated_per_s(demand: Demand, tuples: int, echo_period_s: float) -> float | None:
    """Return the saturated limit, where connections are short beside their hold (method.md)."""
    if not echo_period_s:
        return None
    return tuples * demand.requests_per_connection / (echo_period_s + demand.open_s)
