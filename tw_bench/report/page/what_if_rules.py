"""What the what-if panel calculates with: the model's rules, decided here, as plain figures. Pure.

Who holds a port, how long and why, and which walls there are, is asked of the functions that
`plan` asks, for each way to close and each tcp_tw_reuse. So what_if.js knows no rule: it only
multiplies, divides and compares.
"""

from dataclasses import replace
from typing import Any

from tw_bench.plan import capacity, walls
from tw_bench.plan.capacity import Hold
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment
from tw_bench.plan.population import is_by_parity, population
from tw_bench.plan.walls import Wall
from tw_bench.profile.quantities import PortRange

CLOSERS = ("client", "server", "both")
CLOSES = ("fin", "rst")
TW_REUSE = (0, 1, 2)
_CLOSES_OF = {
    "client": ("fin", "rst", "half", "unread"),
    "server": ("fin", "rst"),
    "both": ("fin",),
}

# Beyond these all goes through in the end: without a TIME_WAIT, after a SYN more, or slower.
_AT_A_PRICE = ("TIME_WAIT buckets", "accept queue", "port search")

_MANY = 10**9  # addresses: so many that there are fewer TIME_WAIT buckets than four-tuples
# The two that depend on how many ports there are; what_if.js has their arithmetic.
_OF_PORTS = (walls.ports, walls.port_search)

Case = dict[str, Any]  # ports, sources, destinations, requests, closer, close, tw_reuse, rate


def own_case(demand: Demand, environment: Environment) -> Case:
    """Return what the panel's controls say of a point as it was run."""
    return {
        "ports": environment.usable_ports,
        "sources": demand.sources,
        "destinations": demand.destinations,
        "requests": demand.requests_per_connection,
        "closer": demand.active_closer,
        "close": demand.close,
        "tw_reuse": environment.tw_reuse,
        "rate": demand.rate_per_s,  # None: only the limits are asked for
    }


def place(demand: Demand, environment: Environment) -> dict[str, Any]:
    """Return what does not change with the controls, and the table of rules.

    `rules` has the key `closer close tw_reuse`, for what can be asked; in each, `held` is how long
    a port is held, and `full` the same once there are `max_tw_buckets` TIME_WAIT.
    """
    once = replace(demand, requests_per_connection=1.0, destinations=1)
    three = replace(environment, ports=PortRange(1, 3), taken=())
    searched = walls.port_search(demand, environment)
    return {
        "taken": environment.ports.count - environment.usable_ports,
        "is_early": once.four_tuples(environment)
        == replace(once, destinations=2).four_tuples(environment),
        "misses_odd": (walls.ports(replace(once, sources=1), three).room or 0) < 3,
        "is_by_parity": is_by_parity(demand, environment),
        "open_s": once.open_s,
        "time_wait_mean_s": (environment.time_wait.shortest_s + environment.time_wait.longest_s)
        / 2,
        "max_tw_buckets": environment.max_tw_buckets,
        "search_s": capacity.search_cpu_s(1, 1.0, socket_range=False) if searched else None,
        "cpus": environment.cpus,
        "beyond": walls.ports(demand, environment).beyond,
        "beyond_search": searched.beyond if searched else "",
        "rules": {
            f"{closer} {close} {tw_reuse}": _rule(
                replace(once, active_closer=closer, close=close),
                replace(environment, tw_reuse=tw_reuse),
            )
            for closer, close in manners(demand)
            for tw_reuse in TW_REUSE
        },
    }


def refuses(wall: Wall) -> bool:
    """Return whether what is beyond a wall does not get through."""
    return wall.name not in _AT_A_PRICE


def manners(demand: Demand) -> list[tuple[str, str]]:
    """Return the pairs of closer and close that a profile may ask for, and the point's own.

    The others are those of profile/contradictions.py (_wrong_closing).
    """
    own = (demand.active_closer, demand.close)
    possible = [(closer, close) for closer in CLOSERS for close in closes(demand)]
    return [pair for pair in possible if pair[1] in _CLOSES_OF[pair[0]] or pair == own]


def closes(demand: Demand) -> list[str]:
    """Return the ways to close that the panel offers: FIN, RST, and the point's own."""
    return list(dict.fromkeys([*CLOSES, demand.close]))


def _rule(once: Demand, environment: Environment) -> dict[str, Any]:
    """Return what is so for one way to close; `once` has one request on each connection."""
    wide = replace(once, sources=_MANY)
    there = population(wide, environment, 1.0).time_wait
    return {
        "held": _figures(walls.port_hold(once, replace(environment, max_tw_buckets=None))),
        "full": _figures(walls.port_hold(wide, environment)),
        "walls": [
            {
                "name": wall.name,
                "connections_per_s": wall.limit_per_s,
                "connections": wall.room,
                "beyond": wall.beyond,
                "refuses": refuses(wall),
                # This one is met only where there are more four-tuples than buckets.
                "is_of_buckets": law is walls.tw_buckets,
            }
            for law in walls.WALLS
            if law not in _OF_PORTS and (wall := law(wide, environment)) is not None
        ],
        "leaves": {side: count > 0 for side, count in there.items()},
    }


def _figures(held: Hold) -> dict[str, Any]:
    return {
        "shortest_s": held.shortest_s,
        "longest_s": held.longest_s,
        "echo_s": held.echo_period_s,
        "reason": held.reason,
    }
