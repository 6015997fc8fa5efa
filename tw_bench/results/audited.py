"""What an audited program did to the ports, and what that means when it is run again. Pure.

Who closed first is told by the target's namespace, where nothing else is: its TIME_WAIT are the
connections it closed first, its EstabResets those that an RST ended (tcp_set_state,
net/ipv4/tcp.c). The caller's TIME_WAIT are the rest, and those of its own servers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tw_bench.plan import walls
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment

OPEN = ("ESTABLISHED", "CLOSE_WAIT")  # a program has not closed these; its peer may have
TIMEOUT_EXIT_CODE = 124  # as timeout(1) has it

Counters = Mapping[str, Mapping[str, int]]  # side → counter → change over the run


@dataclass(frozen=True, slots=True, kw_only=True)
class Closes:
    """Connections to the target, by the end whose FIN came first."""

    client: int
    target: int
    both: int  # their FINs crossed: TIME_WAIT at both ends
    reset: int  # an RST ended it, of either end
    open: int  # not closed when all was over
    unclear: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """One address and port that was called, and what the ports bear of it."""

    name: str
    is_loopback: bool
    most_ports: int  # in use at once, in whatever state
    by_state: dict[str, int]  # at that moment
    burnt: int  # ports that a run leaves in TIME_WAIT
    hold_s: float  # how long, at the most
    runs_per_s: float | None  # more of them run dry; None: no bound
    full_after_s: float | None  # at the pace of this run, from a cold start; None: never
    ran_dry: bool  # every port of the range was in use


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A program that was run, in figures."""

    command: tuple[str, ...]
    exit_code: int  # as a shell has it: 128 + n where signal n ended it
    timed_out: bool
    elapsed_s: float
    opened: int  # Tcp.ActiveOpens: SYNs sent, not counting their copies
    failed: int  # Tcp.AttemptFails: of these, refused or never answered
    to_target: int  # accepted by the target
    inside: int  # accepted by the program's own servers
    no_route: int  # times that something outside was called: there is nothing outside
    busiest_per_s: int
    peak_established: int  # sockets seen at once; a connection inside has two
    time_wait: dict[str, int]  # made, by side
    resets: dict[str, int]  # connections closed by an RST, by the side that sent it
    closes: Closes
    open_at_end: dict[str, int]  # state → sockets, when it was last looked at before its end
    looked_before_end_s: float  # how long before
    left: dict[str, int]  # state → sockets that processes it started still have
    processes_left: int
    ports: int  # that the range has to give
    called: tuple[Called, ...]  # the one that runs dry first, first
    burnt: int  # ports left in TIME_WAIT, of all destinations
    burnt_per_h: float  # when it is run again and again

    @property
    def mean_per_s(self) -> float:
        """Connections opened a second."""
        return self.opened / self.elapsed_s

    @property
    def not_closed(self) -> int:
        """Sockets that it had not closed when it was last looked at."""
        return sum(self.open_at_end.get(state, 0) for state in OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a program ended."""

    exit_code: int
    timed_out: bool
    elapsed_s: float
    processes_left: int


def sum_up(
    command: Sequence[str],
    ending: Ending,
    counters: Counters,
    seen: Mapping[str, Any],
    environment: Environment,
) -> Audited:
    """Return the figures; `seen` is what observe/connections.py prints."""
    client, target = counters["client"], counters["server"]
    opened, elapsed_s = client["Tcp.ActiveOpens"], ending.elapsed_s
    called = _all_called(seen, client["TcpExt.TW"], elapsed_s, environment)
    burnt = sum(each.burnt for each in called)
    short = elapsed_s <= 1
    return Audited(
        command=tuple(command),
        exit_code=ending.exit_code,
        timed_out=ending.timed_out,
        elapsed_s=elapsed_s,
        opened=opened,
        failed=client["Tcp.AttemptFails"],
        to_target=target["Tcp.PassiveOpens"],
        inside=client["Tcp.PassiveOpens"],
        no_route=client["Ip.OutNoRoutes"],
        busiest_per_s=opened if short else seen["busiest_second"],
        peak_established=seen["peak_established"],
        time_wait={"client": client["TcpExt.TW"], "target": target["TcpExt.TW"]},
        resets={"client": _resets(client), "target": _resets(target)},
        closes=_closes(client, target),
        open_at_end=seen["open_at_end"],
        looked_before_end_s=seen["looked_before_end_s"],
        left=seen["left"],
        processes_left=ending.processes_left,
        ports=environment.usable_ports,
        called=called,
        burnt=burnt,
        burnt_per_h=burnt / elapsed_s * 3600,
    )


def _resets(counters: Mapping[str, int]) -> int:
    return counters["TcpExt.TCPAbortOnData"] + counters["TcpExt.TCPAbortOnClose"]


def _closes(client: Mapping[str, int], target: Mapping[str, int]) -> Closes:
    """Return who closed the target's connections first."""
    accepted, there = target["Tcp.PassiveOpens"], target["TcpExt.TW"]
    reset, still_open = target["Tcp.EstabResets"], target["Tcp.CurrEstab"]
    rest = max(0, accepted - there - reset - still_open)
    here = client["TcpExt.TW"]
    if client["Tcp.PassiveOpens"]:  # its own servers' TIME_WAIT are among them
        here = min(here, rest)
    both = min(here, there, max(0, here - rest))
    return Closes(
        client=here - both,
        target=there - both,
        both=both,
        reset=reset,
        open=still_open,
        unclear=max(0, rest - (here - both)),
    )


def _all_called(
    seen: Mapping[str, Any], made: int, elapsed_s: float, environment: Environment
) -> tuple[Called, ...]:
    """Return who was called; a run of several minutes is shared out as its fullest moment was."""
    all_waiting = max(1, seen["time_waits"])
    found = [
        _called(each, round(made * each["time_waits"] / all_waiting), elapsed_s, environment)
        for each in seen["destinations"]
    ]
    return tuple(sorted(found, key=lambda each: (each.runs_per_s or 1e18, -each.most_ports)))


def _called(
    each: Mapping[str, Any], burnt: int, elapsed_s: float, environment: Environment
) -> Called:
    demand = Demand(round_trip_s=0.0, loopback=each["is_loopback"])
    limit_per_s = walls.ports(demand, environment).limit_per_s
    hold_s = walls.port_hold(demand, environment).longest_s
    pace_per_s = burnt / elapsed_s
    return Called(
        name=each["name"],
        is_loopback=each["is_loopback"],
        most_ports=each["most_ports"],
        by_state=each["by_state"],
        burnt=burnt,
        hold_s=hold_s,
        runs_per_s=limit_per_s / burnt if burnt else None,
        full_after_s=hold_s * limit_per_s / pace_per_s if pace_per_s > limit_per_s else None,
        ran_dry=each["most_ports"] >= round(hold_s * limit_per_s),
    )
