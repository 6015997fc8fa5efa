"""How much of the ports each destination has, and what rate it could sustain. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

from tw_bench.doctor.socket_table import Destination, SocketTable
from tw_bench.plan import capacity
from tw_bench.plan.capacity import Hold
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment
from tw_bench.plan.hold import hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One destination against the law."""

    destination: Destination
    usable_ports: int
    hold: Hold  # of a port whose connection is closed from here
    sustainable_per_s: float | None  # None: nothing holds a port

    @property
    def percent(self) -> float:
        """The usable ports that are in use."""
        return 100 * self.destination.used_ports / max(1, self.usable_ports)

    @property
    def blocked_percent(self) -> float:
        """The same without TIME_WAIT where connect() takes them over after a moment."""
        used = self.destination.used_ports
        if self.hold.is_time_lapse:
            used -= self.destination.by_state.get("TIME_WAIT", 0)
        return 100 * used / max(1, self.usable_ports)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            **asdict(self.destination),
            "used_ports": self.destination.used_ports,
            "usable_ports": self.usable_ports,
            "percent": round(self.percent, 1),
            "blocked_percent": round(self.blocked_percent, 1),
            "hold_s": self.hold.longest_s,
            "hold_reason": self.hold.reason,
            "sustainable_per_s": self.sustainable_per_s,
        }


def usage(table: SocketTable, environment: Environment) -> list[Usage]:
    """Return each destination that was kept, the busiest first."""
    ports = environment.usable_ports
    limits = {loopback: limits_here(environment, loopback=loopback) for loopback in (False, True)}
    return [
        Usage(
            destination=destination,
            usable_ports=ports,
            hold=limits[destination.is_loopback][0],
            sustainable_per_s=limits[destination.is_loopback][1],
        )
        for destination in table.busiest
    ]


def limits_here(environment: Environment, *, loopback: bool) -> tuple[Hold, float | None]:
    """Return the hold and the sustainable rate towards one destination, as the host is set."""
    ports = environment.usable_ports
    held = hold(Demand(), environment, ports, loopback=loopback)
    sure = capacity.sure_share(environment.ports.count)
    limits = capacity.limits(ports, held, sure=sure)
    return held, limits.sustainable_per_s if limits else None
