"""Which rule decides how long a port is held: the kernel's, for one way to close. Pure.

Asked in this order, because that is the order in which the kernel does: does the client hold a
TIME_WAIT at all, may bind() take its port over, may connect(), or does it last to its end?
"""

from typing import Protocol

from tw_bench.plan import capacity
from tw_bench.plan.capacity import Hold
from tw_bench.plan.environment import Environment

# The port is chosen in bind(), before the destination is known.
EARLY = ("bind_zero", "explicit_sequential", "explicit_random")


class Manner(Protocol):
    """How a connection gets its port and gives it back (profile/model.py, ConnectionSpec)."""

    @property
    def active_closer(self) -> str:
        """Client, server or both."""
        ...

    @property
    def close(self) -> str:
        """Fin, rst, half or unread."""
        ...

    @property
    def source_port(self) -> str:
        """Autobind, bind_zero, ... (load/source_ports.py)."""
        ...

    @property
    def reuse_address(self) -> bool:
        """SO_REUSEADDR on the client's sockets."""
        ...


def hold(manner: Manner, environment: Environment, tuples: int, *, loopback: bool) -> Hold:
    """Return how long a port is held; `tuples` is how many TIME_WAIT there may be."""
    is_reset = manner.close in ("rst", "unread")
    if environment.reset_hold is not None:  # on the path: it sees both ends close
        return environment.reset_hold if is_reset else environment.time_wait
    if is_reset:
        return capacity.no_hold("the close is an RST, which leaves no TIME_WAIT")
    if manner.active_closer == "server":
        return capacity.no_hold("the server closes first and holds TIME_WAIT")
    explicit = manner.source_port.startswith("explicit") and environment.linux is not None
    if explicit and manner.reuse_address and environment.timestamps:
        return capacity.no_hold(
            "bind() with SO_REUSEADDR takes the port, connect() takes over its TIME_WAIT"
        )
    buckets = environment.max_tw_buckets
    if buckets is not None and buckets < tuples:
        return capacity.no_hold("tcp_max_tw_buckets is reached, and no more TIME_WAIT is made")
    tw_reuse = environment.tw_reuse
    chooses_late = manner.source_port not in EARLY
    applies = tw_reuse == 1 or (tw_reuse == 2 and loopback)
    if environment.timestamps and chooses_late and applies:
        return capacity.reuse_hold(tw_reuse, environment.tw_reuse_delay_ms)
    return environment.time_wait
