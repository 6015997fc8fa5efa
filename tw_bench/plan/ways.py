"""The ways out: each a change, and what a person weighs before making it.

To add one: a function in changes.py and an entry in WAYS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tw_bench.plan import changes
from tw_bench.plan.changes import Change
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment

Needs = Literal["root", "code", "code and root", "the other side"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the committed run of profiles/remedies.yaml says of a way (a test holds it to it)."""

    point: str
    of: str  # what was changed there
    factor: float  # of the baseline's goodput
    at_least: bool = False  # all that was offered went through


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A change, and what a person weighs before making it."""

    name: str
    change: Callable[[Demand, Environment], Change | None]  # None: does not apply
    needs: Needs
    severity: int  # 0: nothing, 1: a cost, 2: may break something, 3: gives up a protection
    risk: str
    measured: Measured | None = None
    cures: str = ""  # the one wall that it moves, and nothing else


WAYS: tuple[Way, ...] = (
    Way(
        name="keep connections alive",
        change=changes.keep_alive,
        needs="code",
        severity=0,
        risk="a pool that is too small burns a port a request",
        measured=Measured(point="keep-alive-10", of="10 requests each", factor=10.0),
    ),
    Way(
        name="the server closes first",
        change=changes.server_closes,
        needs="the other side",
        severity=1,
        risk="TIME_WAIT moves there",
        measured=Measured(
            point="server-closes", of="the server closing", factor=24.6, at_least=True
        ),
    ),
    Way(
        name="more destinations",
        change=changes.more_destinations,
        needs="the other side",
        severity=0,
        risk="addresses or ports to serve",
        measured=Measured(point="two-servers", of="two servers", factor=2.0),
    ),
    Way(
        name="more source addresses",
        change=changes.more_sources,
        needs="code and root",
        severity=1,
        risk="addresses to route; allow-lists",
        measured=Measured(point="two-sources", of="two addresses", factor=2.0),
    ),
    Way(
        name="more on the gateway",
        change=changes.more_gateway_addresses,
        needs="the other side",
        severity=1,
        risk="they cost; allow-lists",
    ),
    Way(
        name="put the choice of port off",
        change=changes.no_port_at_bind,
        needs="code",
        severity=0,
        risk="Linux 4.2",
        measured=Measured(point="two-sources", of="two addresses", factor=2.0),
    ),
    Way(
        name="a wider range",
        change=changes.wider_range,
        needs="root",
        severity=1,
        risk="services on ports above 1024: reserve them",
        measured=Measured(point="wider-range", of="twice the ports", factor=2.0),
    ),
    Way(
        name="free the held ports",
        cures="ports",
        change=changes.free_ports,
        needs="root",
        severity=1,
        risk="their services move",
    ),
    Way(
        name="reuse TIME_WAIT",
        change=changes.tw_reuse,
        needs="root",
        severity=1,
        risk="relies on TCP timestamps at both ends (PAWS)",
        measured=Measured(point="tw-reuse", of="a delay of 1 s", factor=61.2),
    ),
    Way(
        name="turn timestamps on",
        change=changes.timestamps,
        needs="root",
        severity=1,
        risk="12 bytes a segment",
    ),
    Way(
        name="a port of one's own",
        change=changes.explicit_port,
        needs="code",
        severity=2,
        risk="the program allots ports, one owner each",
        measured=Measured(point="explicit-port", of="300 ports", factor=24.6, at_least=True),
    ),
    Way(
        name="close by RST",
        change=changes.reset,
        needs="code",
        severity=3,
        risk="unsent data is lost, the peer sees ECONNRESET",
        measured=Measured(point="rst", of="every close an RST", factor=24.6, at_least=True),
    ),
    Way(
        name="a range on the socket",
        cures="port search",
        change=changes.own_range,
        needs="code",
        severity=0,
        risk="same ports, cheaper search",
    ),
    Way(
        name="more TIME_WAIT buckets",
        cures="TIME_WAIT buckets",
        change=changes.more_buckets,
        needs="root",
        severity=0,
        risk="about 540 bytes each when used",
    ),
    Way(
        name="more conntrack entries",
        cures="conntrack",
        change=changes.more_conntrack,
        needs="root",
        severity=1,
        risk="about 320 bytes each",
    ),
    Way(
        name="more descriptors",
        cures="file descriptors",
        change=changes.more_files,
        needs="root",
        severity=0,
        risk="none worth a word",
    ),
    Way(
        name="a longer accept queue",
        cures="accept queue",
        change=changes.longer_queue,
        needs="the other side",
        severity=0,
        risk="clients wait instead of being refused",
    ),
)
