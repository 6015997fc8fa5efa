"""What is asked of the ports: a service in figures, from flags or from a profile. Pure."""

from dataclasses import dataclass

from tw_bench.plan import capacity
from tw_bench.plan.environment import Environment
from tw_bench.plan.hold import EARLY
from tw_bench.plan.pace import highest_per_s
from tw_bench.plan.prediction import Prediction
from tw_bench.profile.model import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a service does: how often, towards whom, and how it closes.

    Rates are of requests with their responses. A short-lived connection carries one.
    """

    rate_per_s: float | None = None  # None: only the limits are asked for
    sources: int = 1  # addresses of the client
    destinations: int = 1  # pairs of address and port
    requests_per_connection: float = 1.0  # mean
    response_time_s: float = 0.0  # from the request to the end of its response
    round_trip_s: float = 0.0005
    active_closer: str = "client"
    close: str = "fin"
    source_port: str = "autobind"
    reuse_address: bool = False
    loopback: bool = False  # to 127.0.0.0/8 or ::1, where tcp_tw_reuse=2 applies
    backlog: int | None = None  # of the server's accept queue; None: its somaxconn, as here

    @property
    def open_s(self) -> float:
        """How long a connection is open: from its SYN to the first FIN."""
        return self.round_trip_s + self.requests_per_connection * self.response_time_s

    def connections_per_s(self, rate_per_s: float) -> float:
        """Return the connections that a rate of requests opens."""
        return rate_per_s / self.requests_per_connection

    def four_tuples(self, environment: Environment) -> int:
        """Return how many connections may be held at once."""
        return capacity.four_tuples(
            environment.usable_ports,
            sources=1 if environment.range_per == "host" else self.sources,
            destinations=self.destinations,
            early=self.source_port in EARLY or environment.range_per != "pair",
        )


def of_point(point: Point, prediction: Prediction) -> Demand:
    """Return what a point of a profile asks: its highest rate; a closed loop asks for none."""
    connection = point.connection
    return Demand(
        rate_per_s=highest_per_s(prediction.pace),
        sources=point.lab.sources,
        destinations=point.lab.destinations * point.target.ports,
        requests_per_connection=prediction.requests_per_connection,
        active_closer=connection.active_closer,
        close=connection.close,
        source_port=connection.source_port,
        reuse_address=connection.reuse_address,
        loopback=point.is_on_loopback,
        backlog=point.target.backlog,
    )
