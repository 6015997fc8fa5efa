"""What a connection meets where it is made: ports to choose from, timers, tables. Pure.

An Environment is all that the law needs to know of a place: of a host as it is set, of a lab
that a profile asks for, or of another system (presets.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from tw_bench.plan import capacity
from tw_bench.plan.capacity import Hold
from tw_bench.plan.host_facts import HostFacts
from tw_bench.profile.model import Point
from tw_bench.profile.quantities import PortRange

# What a fresh network namespace starts with (tcp_sk_init, net/ipv4/tcp_ipv4.c), whatever the host
# has been set to. tcp_max_tw_buckets follows from memory and is left out: half of the slots of
# the socket table, 131,072 on the smallest machine this was measured on.
_FRESH = {
    "net.ipv4.tcp_tw_reuse": 2,
    "net.ipv4.tcp_tw_reuse_delay": 1000,
    "net.ipv4.tcp_timestamps": 1,
}
# Linux: inet_init_net, net/ipv4/af_inet.c; an even count since 4.2 (07f4c90062f8).
LINUX_PORTS = PortRange(32_768, 60_999)
WIDEST = PortRange(1_024, 65_535)  # from ip_unprivileged_port_start up
# Linux: tcp_timeouts[TCP_CONNTRACK_TIME_WAIT], net/netfilter/nf_conntrack_proto_tcp.c.
CONNTRACK_TIME_WAIT_S = 120
CONNTRACK_CLOSE_S = 10  # tcp_timeouts[TCP_CONNTRACK_CLOSE], the same file: after an RST


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where connections are made. None: it has no such bound, or nobody knows it."""

    name: str  # for a person: "this host", "windows"
    source: str = ""  # where the figures of a preset were found
    ports: PortRange  # for one source address and one destination
    widest: PortRange | None = None  # that the range can be made; None: it is what it is
    widen: str = ""  # how, with {low}, {high} and {count} of the widest
    taken: tuple[range, ...] = ()  # of these, reserved or held by somebody
    # What has the whole range for itself: a pair of addresses (one port serves several
    # destinations), one source address, or the host with all its addresses.
    range_per: Literal["pair", "source", "host"] = "pair"
    time_wait: Hold  # of a port whose connection was closed from here
    reset_hold: Hold | None = None  # after an RST: a gateway holds ports whoever closes, and how
    tw_reuse: int = 0  # 0 off, 1 on, 2 on for loopback (Linux)
    tw_reuse_delay_ms: int | None = None  # None: a clock of whole seconds (Linux before 6.14)
    timestamps: bool = True
    max_tw_buckets: int | None = None
    conntrack_max: int | None = None
    addresses: str = "addresses"  # what a gateway is given more of
    most_addresses: int | None = None  # that a gateway may have
    conntrack_hold_s: float = CONNTRACK_TIME_WAIT_S
    open_files: int | None = None  # descriptors that one process may have
    somaxconn: int | None = None
    cpus: int | None = None
    linux: tuple[int, int] | None = None  # major and minor version; None: another system

    @property
    def is_gateway(self) -> bool:
        """Whether it stands on the path (NAT) and holds ports for others."""
        return self.reset_hold is not None

    @property
    def usable_ports(self) -> int:
        """The ports that one source address can have towards one destination."""
        return capacity.usable_ports(self.ports.low, self.ports.high, self.taken)


def of_host(facts: HostFacts, name: str = "this host") -> Environment:
    """Return a Linux host as it is set, less the ports that somebody holds there."""
    values, soft = facts.sysctls, facts.open_files_soft
    text = values.get("net.ipv4.ip_local_port_range")
    reserved = capacity.reserved_ports(values.get("net.ipv4.ip_local_reserved_ports", ""))
    return _linux(
        facts,
        lambda sysctl: _number(values.get(sysctl)),
        name=name,
        ports=PortRange(*map(int, text.split())) if text else LINUX_PORTS,
        taken=(*reserved, *(range(port, port + 1) for port in facts.held_ports)),
        open_files=facts.open_files if soft is None else soft,
    )


def of_point(point: Point, facts: HostFacts) -> Environment:
    """Return the side of a lab that calls the target, as a point asks for it, on a host."""
    lab = point.lab
    asked = point.sysctls(point.subject)
    inherited: Mapping[str, object] = facts.sysctls if lab.topology == "host" else _FRESH
    taken: list[range] = []
    if not point.connection.source_port.startswith("explicit"):  # reserved from the search only
        taken += capacity.reserved_ports(str(asked.get("net.ipv4.ip_local_reserved_ports", "")))
    if lab.held_ports is not None:
        taken.append(range(lab.held_ports.low, lab.held_ports.high + 1))
    return _linux(
        facts,
        lambda sysctl: _number(asked.get(sysctl, inherited.get(sysctl))),
        name="this host's loopback" if lab.topology == "host" else "a lab",
        ports=lab.ports,
        taken=tuple(taken),
        open_files=facts.open_files,  # a worker lifts its limit (kernel/host.py)
    )


def _linux(
    facts: HostFacts,
    read: Callable[[str], int | None],
    *,
    name: str,
    ports: PortRange,
    taken: tuple[range, ...],
    open_files: int,
) -> Environment:
    tw_reuse, timestamps = read("net.ipv4.tcp_tw_reuse"), read("net.ipv4.tcp_timestamps")
    has_delay = facts.kernel_version >= (6, 14)
    delay_ms = read("net.ipv4.tcp_tw_reuse_delay")
    return Environment(
        name=name,
        ports=ports,
        widest=WIDEST,
        widen="ip_local_port_range {low} {high}",
        taken=taken,
        time_wait=capacity.time_wait_hold(facts.hz),
        tw_reuse=2 if tw_reuse is None else tw_reuse,
        tw_reuse_delay_ms=(1000 if delay_ms is None else delay_ms) if has_delay else None,
        timestamps=timestamps != 0,
        max_tw_buckets=read("net.ipv4.tcp_max_tw_buckets"),
        # A namespace that no rule tracks connections in has an empty table, and no bound by it.
        conntrack_max=(read("net.netfilter.nf_conntrack_max") or None)  # 0: no bound
        if read("net.netfilter.nf_conntrack_count")
        else None,
        conntrack_hold_s=read("net.netfilter.nf_conntrack_tcp_timeout_time_wait")
        or CONNTRACK_TIME_WAIT_S,
        open_files=open_files,
        somaxconn=read("net.core.somaxconn"),
        cpus=facts.cpus,
        linux=facts.kernel_version,
    )


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))
