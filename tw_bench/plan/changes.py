"""What can be changed of a demand or of an environment: one function a change. Pure.

Each returns both as changed and to what, or None where it does not apply. The prices are in
ways.py; what each does in the kernel and what it risks: docs/remedies.md.
"""

import math
from dataclasses import replace

from tw_bench.kernel.tcp import STEP_BY_ONE_SINCE
from tw_bench.plan import walls
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment
from tw_bench.plan.hold import EARLY

_FEW_REQUESTS = 100  # what a kept connection carries easily
_MARGIN = 1.25  # what is proposed carries so many times the rate that is asked
_MOST_ADDRESSES = 1_000

Change = tuple[Demand, Environment, str]  # as changed, and to what


def _times(demand: Demand, environment: Environment) -> int:
    """Return how many times the ports are wanted: for the rate with a margin, twice at least."""
    if demand.rate_per_s is None:
        return 2
    limit = walls.ports(demand, environment).limit_per_s
    return max(2, math.ceil(_MARGIN * demand.rate_per_s / limit)) if limit else 2


def _kept(demand: Demand, environment: Environment, to: str) -> Change:
    """Return a change that gives more four-tuples, with the buckets for their TIME_WAIT."""
    tuples, buckets = demand.four_tuples(environment), environment.max_tw_buckets
    if buckets is None or buckets >= tuples or not walls.leaves_time_wait(demand):
        return demand, environment, to
    wanted = _power_of_two(tuples)
    changed = replace(environment, max_tw_buckets=wanted)
    return demand, changed, f"{to}, tcp_max_tw_buckets {wanted}"


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


def keep_alive(demand: Demand, environment: Environment) -> Change | None:
    """Have each connection carry more requests."""
    now = demand.requests_per_connection
    wanted = max(_FEW_REQUESTS, math.ceil(now * _times(demand, environment)))
    changed = replace(demand, requests_per_connection=float(wanted))
    return changed, environment, f"{wanted:,} requests a connection"


def server_closes(demand: Demand, environment: Environment) -> Change | None:
    """Have the server close first."""
    if demand.active_closer == "server":
        return None
    changed = replace(demand, active_closer="server", close="fin")
    return changed, environment, "Connection: close from the server"


def wider_range(demand: Demand, environment: Environment) -> Change | None:
    """Widen the ephemeral port range."""
    widest = environment.widest
    if widest is None or environment.ports.count >= widest.count:
        return None
    how = environment.widen.format(low=widest.low, high=widest.high, count=widest.count)
    return _kept(demand, replace(environment, ports=widest), how)


def more_destinations(demand: Demand, environment: Environment) -> Change | None:
    """Spread over more addresses or ports of the server."""
    if demand.source_port in EARLY or environment.range_per != "pair":
        return None
    count = demand.destinations * _times(demand, environment)
    if count > _MOST_ADDRESSES:
        return None
    changed = replace(demand, destinations=count)
    return _kept(changed, environment, f"{count:,} addresses or ports")


def more_sources(demand: Demand, environment: Environment) -> Change | None:
    """Call from more addresses."""
    if environment.range_per == "host" or environment.is_gateway:
        return None
    count = demand.sources * _times(demand, environment)
    if count > _MOST_ADDRESSES:
        return None
    is_plain = demand.source_port == "autobind" and environment.linux is not None
    late = "bind_no_port" if is_plain else demand.source_port
    changed = replace(demand, sources=count, source_port=late)
    with_option = " + IP_BIND_ADDRESS_NO_PORT" if late == "bind_no_port" else ""
    return _kept(changed, environment, f"{count:,} addresses{with_option}")


def more_gateway_addresses(demand: Demand, environment: Environment) -> Change | None:
    """Give the gateway more addresses."""
    most = environment.most_addresses or _MOST_ADDRESSES
    if not environment.is_gateway or demand.sources >= most:
        return None
    count = min(most, demand.sources * _times(demand, environment))
    return replace(demand, sources=count), environment, f"{count:,} {environment.addresses}"


def no_port_at_bind(demand: Demand, environment: Environment) -> Change | None:
    """Put the choice of the port off until connect()."""
    if demand.source_port != "bind_zero" or environment.linux is None:
        return None
    changed = replace(demand, source_port="bind_no_port")
    return _kept(changed, environment, "IP_BIND_ADDRESS_NO_PORT")


def tw_reuse(demand: Demand, environment: Environment) -> Change | None:
    """Let connect() take over a TIME_WAIT after a second."""
    if environment.linux is None or environment.tw_reuse == 1:
        return None
    stamps = "" if environment.timestamps else ", tcp_timestamps 1"
    changed = replace(environment, tw_reuse=1, timestamps=True)
    return demand, changed, f"tcp_tw_reuse 1{stamps}"


def timestamps(demand: Demand, environment: Environment) -> Change | None:
    """Turn TCP timestamps on, which reuse relies upon."""
    if environment.linux is None or environment.timestamps:
        return None
    return demand, replace(environment, timestamps=True), "tcp_timestamps 1"


def explicit_port(demand: Demand, environment: Environment) -> Change | None:
    """Bind a port of one's own, and take over its TIME_WAIT."""
    if environment.linux is None or not walls.leaves_time_wait(demand):
        return None
    changed = replace(demand, source_port="explicit_sequential", reuse_address=True)
    return changed, environment, "bind(ip, port) + SO_REUSEADDR"


def reset(demand: Demand, environment: Environment) -> Change | None:
    """Close by an RST."""
    if not walls.leaves_time_wait(demand):
        return None
    changed = replace(demand, close="rst", active_closer="client")
    return changed, environment, "SO_LINGER {1, 0}"


def own_range(demand: Demand, environment: Environment) -> Change | None:
    """Search with step 1 (Linux 6.8)."""
    if demand.source_port not in ("autobind", "bind_no_port"):
        return None
    if environment.linux is None or environment.linux < STEP_BY_ONE_SINCE:
        return None
    return replace(demand, source_port="socket_range"), environment, "IP_LOCAL_PORT_RANGE"


def free_ports(demand: Demand, environment: Environment) -> Change | None:
    """Give back what is held or reserved inside the range."""
    taken = environment.ports.count - environment.usable_ports
    if not taken:
        return None
    return demand, replace(environment, taken=()), f"free {taken:,} held or reserved ports"


def more_buckets(demand: Demand, environment: Environment) -> Change | None:
    """Keep more TIME_WAIT."""
    if environment.max_tw_buckets is None:
        return None
    wanted = _power_of_two(demand.four_tuples(environment))
    changed = replace(environment, max_tw_buckets=wanted)
    return demand, changed, f"tcp_max_tw_buckets {wanted}"


def more_conntrack(demand: Demand, environment: Environment) -> Change | None:
    """Track more connections."""
    now = environment.conntrack_max
    if now is None:
        return None
    wanted = now * 4
    return demand, replace(environment, conntrack_max=wanted), f"nf_conntrack_max {wanted}"


def more_files(demand: Demand, environment: Environment) -> Change | None:
    """Allow more descriptors."""
    now = environment.open_files
    if now is None:
        return None
    wanted = max(65_536, now * 4)
    return demand, replace(environment, open_files=wanted), f"LimitNOFILE={wanted}"


def longer_queue(demand: Demand, environment: Environment) -> Change | None:
    """Let more connections wait for accept()."""
    lengths = [n for n in (demand.backlog, environment.somaxconn) if n is not None]
    if not lengths:
        return None
    wanted = max(4_096, min(lengths) * 4)
    changed = replace(environment, somaxconn=wanted)
    return replace(demand, backlog=wanted), changed, f"backlog and somaxconn {wanted}"
