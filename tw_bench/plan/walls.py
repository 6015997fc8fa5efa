"""Every wall that a service can run into, each as the rate of requests at which it stands. Pure.

A wall is a function of the demand and the environment; None where there is none. To add one:
a function here and a name in WALLS.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tw_bench.kernel.tcp import STEP_BY_ONE_SINCE
from tw_bench.plan import capacity
from tw_bench.plan.capacity import Hold
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import CONNTRACK_CLOSE_S, Environment
from tw_bench.plan.hold import EARLY, hold
from tw_bench.units import duration_text

# How long a busy server may not come round to accept(): what the queue has to hold meanwhile.
ACCEPT_PAUSE_S = 0.1
SPARE_FILES = 64  # descriptors that a process has open beside its connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """A bound of a service."""

    name: str
    limit_per_s: float  # requests a second, the highest that it lets through
    law: str  # the limit as it was calculated
    beyond: str  # what happens to what is more
    room: float | None = None  # requests that fit from a cold start; None: it is no stock
    refuses: bool = True  # False: all goes through, at another price

    def lasts_s(self, rate_per_s: float) -> float | None:
        """Return how long a cold start has room for a rate; None: for good."""
        if self.room is None or rate_per_s <= self.limit_per_s:
            return None
        return self.room / rate_per_s


Law = Callable[[Demand, Environment], Wall | None]


def walls(demand: Demand, environment: Environment) -> list[Wall]:
    """Return the walls, the lowest first."""
    found = (law(demand, environment) for law in WALLS)
    return sorted(filter(None, found), key=lambda wall: wall.limit_per_s)


def limit_per_s(demand: Demand, environment: Environment) -> float:
    """Return the highest rate of requests that meets no wall."""
    return walls(demand, environment)[0].limit_per_s


def port_hold(demand: Demand, environment: Environment) -> Hold:
    """Return how long a closed connection holds its port."""
    tuples = demand.four_tuples(environment)
    return hold(demand, environment, tuples, loopback=demand.loopback)


def ports(demand: Demand, environment: Environment) -> Wall:
    """A port is taken while its connection is open, and while it is held after that.

    The sustainable limit: the longest hold counts, so that nothing is ever refused.
    """
    tuples = demand.four_tuples(environment)
    held = port_hold(demand, environment)
    # Only Linux looks for a port by parity, and only in connect(): capacity.sure_share().
    searched = environment.linux is not None and demand.source_port not in (*EARLY, "socket_range")
    sure = capacity.sure_share(environment.ports.count, socket_range=not searched)
    busy_s = held.longest_s + demand.open_s
    each = "" if demand.requests_per_connection == 1 else f" x {demand.requests_per_connection:g}"
    return Wall(
        name="ports",
        limit_per_s=tuples * sure * demand.requests_per_connection / busy_s,
        law=f"{tuples:,}{each} / {duration_text(busy_s)}",
        beyond=_refusal(demand, environment),
        room=tuples * sure * demand.requests_per_connection,
    )


def _refusal(demand: Demand, environment: Environment) -> str:
    if environment.is_gateway:
        return "the gateway drops or refuses new connections"
    if environment.linux is None:
        return "connect() fails for want of a port"
    is_early = demand.source_port in EARLY
    return "EADDRINUSE at bind()" if is_early else "EADDRNOTAVAIL at connect()"


def leaves_time_wait(demand: Demand) -> bool:
    """Whether the client ends in TIME_WAIT: it closes first, and not by an RST."""
    return demand.active_closer != "server" and demand.close in ("fin", "half")


def tw_buckets(demand: Demand, environment: Environment) -> Wall | None:
    """More than tcp_max_tw_buckets TIME_WAIT are not kept (inet_twsk_alloc).

    No wall where connect() or bind() takes TIME_WAIT over: its protection is not relied upon.
    """
    buckets, tuples = environment.max_tw_buckets, demand.four_tuples(environment)
    if buckets is None or buckets >= tuples or not leaves_time_wait(demand):
        return None
    boundless = replace(environment, max_tw_buckets=None)
    if port_hold(demand, boundless) != environment.time_wait:
        return None
    busy_s = environment.time_wait.longest_s + demand.open_s
    return Wall(
        name="TIME_WAIT buckets",
        limit_per_s=buckets * demand.requests_per_connection / busy_s,
        law=f"tcp_max_tw_buckets {buckets:,} / {duration_text(busy_s)}",
        beyond="TIME_WAIT is dropped: no refusal, no protection",
        room=buckets * demand.requests_per_connection,
        refuses=False,
    )


def conntrack(demand: Demand, environment: Environment) -> Wall | None:
    """An entry outlives its connection, whichever end closes (nf_conntrack_proto_tcp.c)."""
    if environment.conntrack_max is None:
        return None
    is_reset = demand.close in ("rst", "unread")
    kept_s = CONNTRACK_CLOSE_S if is_reset else environment.conntrack_hold_s
    busy_s = kept_s + demand.open_s
    return Wall(
        name="conntrack",
        limit_per_s=environment.conntrack_max * demand.requests_per_connection / busy_s,
        law=f"nf_conntrack_max {environment.conntrack_max:,} / {duration_text(busy_s)}",
        beyond="SYNs are dropped: connect() takes 1 s, 3 s, or times out",
        room=environment.conntrack_max * demand.requests_per_connection,
    )


def open_files(demand: Demand, environment: Environment) -> Wall | None:
    """Each open connection is a descriptor of the process."""
    if environment.open_files is None:
        return None
    spare = max(0, environment.open_files - SPARE_FILES)
    return Wall(
        name="file descriptors",
        limit_per_s=spare * demand.requests_per_connection / demand.open_s,
        law=f"({environment.open_files:,} - {SPARE_FILES}) / {duration_text(demand.open_s)} open",
        beyond="EMFILE at socket()",
        room=spare * demand.requests_per_connection,
    )


def accept_queue(demand: Demand, environment: Environment) -> Wall | None:
    """The queue holds what comes while the server does not accept().

    Its length is what listen() asks for, and somaxconn at the most (__sys_listen, net/socket.c).
    """
    lengths = [n for n in (demand.backlog, environment.somaxconn) if n is not None]
    if not lengths:
        return None
    length = min(lengths)
    return Wall(
        name="accept queue",
        limit_per_s=length * demand.requests_per_connection / ACCEPT_PAUSE_S,
        law=f"{length:,} / {duration_text(ACCEPT_PAUSE_S)} without accept(), assumed",
        beyond="SYNs are dropped: connect() takes 1 s more",
    )


def port_search(demand: Demand, environment: Environment) -> Wall | None:
    """Above half of the range, connect() looks at one half in vain before it takes a port.

    What comes back to the first half is found at once; all else pays for a look at the range
    (__inet_hash_connect; the figure: docs/method.md). The wall: every processor does nothing else.
    """
    if environment.linux is None or demand.source_port in EARLY:
        return None
    if demand.source_port == "socket_range" and environment.linux >= STEP_BY_ONE_SINCE:
        return None
    looked_at, cpus = environment.usable_ports, environment.cpus
    if not looked_at or cpus is None:
        return None
    busy_s = port_hold(demand, environment).longest_s + demand.open_s
    cheap_per_s = demand.four_tuples(environment) / 2 / busy_s
    search_s = capacity.search_cpu_s(looked_at, 1.0, socket_range=False)
    dear_per_s = cpus / search_s
    return Wall(
        name="port search",
        limit_per_s=(cheap_per_s + dear_per_s) * demand.requests_per_connection,
        law=f"{duration_text(search_s)} of CPU a connect() above half of the range, {cpus} CPUs",
        beyond="connect() gets slower, all processors search",
    )


WALLS: tuple[Law, ...] = (ports, tw_buckets, conntrack, open_files, accept_queue, port_search)
