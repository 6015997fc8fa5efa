"""How many sockets there are in each state, and what they take: Little's law. Pure.

L = rate x time: what comes c times a second and stays t seconds is there c x t times on average
(J. D. C. Little, Operations Research 9, 1961).
"""

import math
from dataclasses import dataclass

from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment
from tw_bench.plan.walls import leaves_time_wait, port_hold

# A TIME_WAIT socket and its two bind buckets: 531 to 540 bytes of slab each, measured on Linux
# 6.18 over 50,000 (the socket alone: tw_sock_TCP, 256).
TIME_WAIT_BYTES = 540
_SERVER_BYTES = 256  # there the port's buckets are the listener's
_SELDOM = 0.001  # how often a pool may be too small


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The sockets of a service in its steady state, on average."""

    rate_per_s: float  # requests, that this is the population of
    connecting: float  # SYN_SENT
    established: float  # with a request under way
    closing: float  # FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK
    time_wait: dict[str, float]  # side → count: client and server, or the gateway
    time_wait_bytes: dict[str, float]  # side → memory, of Linux


def population(demand: Demand, environment: Environment, rate_per_s: float) -> Population:
    """Return who is there when `rate_per_s` requests a second get through."""
    connections = demand.connections_per_s(rate_per_s)
    time_wait = _time_wait(demand, environment, connections)
    is_known = environment.linux is not None
    return Population(
        rate_per_s=rate_per_s,
        connecting=connections * demand.round_trip_s,
        established=rate_per_s * demand.response_time_s,
        closing=connections * demand.round_trip_s,
        time_wait=time_wait,
        time_wait_bytes={
            side: count * (_SERVER_BYTES if side == "server" else TIME_WAIT_BYTES)
            for side, count in time_wait.items()
            if is_known
        },
    )


def _time_wait(
    demand: Demand, environment: Environment, connections_per_s: float
) -> dict[str, float]:
    """Return side → how many are held there; a gateway holds them whoever closes."""
    tuples = demand.four_tuples(environment)
    if environment.is_gateway:
        length = port_hold(demand, environment)
        return {"gateway": min(connections_per_s * length.longest_s, tuples)}
    length = environment.time_wait
    mean_s = (length.shortest_s + length.longest_s) / 2
    made = min(connections_per_s * mean_s, _in_turn(demand, environment, connections_per_s))
    bound = environment.max_tw_buckets
    kept = made if bound is None else min(made, bound)
    server_holds = demand.active_closer != "client" and demand.close == "fin"
    return {
        "client": kept if leaves_time_wait(demand) else 0.0,
        "server": made if server_holds else 0.0,
    }


def _in_turn(demand: Demand, environment: Environment, connections_per_s: float) -> float:
    """Return how many four-tuples are used in turn.

    connect() takes ports of one parity while it finds any (__inet_hash_connect): where ports come
    back so soon that one half is never used up, the other is never touched.
    """
    tuples = demand.four_tuples(environment)
    held_s = port_hold(demand, environment).longest_s + demand.open_s
    is_half = is_by_parity(demand, environment) and connections_per_s * held_s < tuples / 2
    return tuples / 2 if is_half else tuples


def is_by_parity(demand: Demand, environment: Environment) -> bool:
    """Whether it is connect() that looks for a port, first among those of one parity."""
    return environment.linux is not None and demand.source_port in ("autobind", "bind_no_port")


def enough(mean: float) -> int:
    """Return the least count that a Poisson number of `mean` seldom exceeds.

    The number of requests under way is Poisson whatever the distribution of their times, if they
    come at random (M/G/infinity).

    >>> enough(24), enough(0.8), enough(0)
    (40, 5, 1)
    """
    if mean > 500:  # near enough to normal, and exp(-mean) to zero
        return math.ceil(mean + 3.2 * math.sqrt(mean))
    count, term = 0, math.exp(-mean)
    total = term
    while total < 1 - _SELDOM:
        count += 1
        term *= mean / count
        total += term
    return max(1, count)
