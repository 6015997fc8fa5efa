"""Other systems as they come, for a plan where no host is at hand. Pure data.

Each figure, its source, what the sources disagree on and what stays unsure: docs/other-systems.md.
Where sources disagree the one with the lower limit is taken, so that no plan promises too much.
A gateway's ports and holds are those of one of its addresses.
"""

from tw_bench.errors import ProfileError
from tw_bench.plan import capacity
from tw_bench.plan.capacity import Hold
from tw_bench.plan.environment import (
    CONNTRACK_CLOSE_S,
    CONNTRACK_TIME_WAIT_S,
    LINUX_PORTS,
    WIDEST,
    Environment,
)
from tw_bench.profile.complaints import nearest
from tw_bench.profile.quantities import PortRange

_IANA_DYNAMIC = PortRange(49_152, 65_535)  # RFC 6335 section 6; Windows and macOS keep to it


def _held(seconds: float, reason: str) -> Hold:
    """Return the hold of a system of which only the length is known, not its timer's steps."""
    return Hold(seconds, seconds, seconds, reason)


def _some_ports(count: int) -> PortRange:
    """Return so many ports of a gateway that does not say which they are."""
    return PortRange(WIDEST.low, WIDEST.low + count - 1)


_LINUX = Environment(
    name="linux",
    source="https://docs.kernel.org/networking/ip-sysctl.html",
    ports=LINUX_PORTS,
    widest=WIDEST,
    widen="ip_local_port_range {low} {high}",
    time_wait=capacity.time_wait_hold(250),  # HZ is an assumption; others: docs/method.md
    tw_reuse=2,
    tw_reuse_delay_ms=1000,
    open_files=1024,  # INR_OPEN_CUR, include/uapi/linux/fs.h
    somaxconn=4096,  # since 5.4
    linux=(6, 14),  # the first with tcp_tw_reuse_delay
)

_WINDOWS = Environment(
    name="windows",
    source="https://learn.microsoft.com/en-us/troubleshoot/windows-client/networking/"
    "tcp-ip-port-exhaustion-troubleshooting",
    ports=_IANA_DYNAMIC,
    widest=WIDEST,
    widen="netsh int ipv4 set dynamicport tcp start={low} num={count}",
    range_per="host",  # unless an auto-reuse range was set up
    time_wait=_held(240, "Windows releases a closed port after 4 minutes (TcpTimedWaitDelay)"),
)

_MACOS = Environment(
    name="macos",
    source="https://github.com/apple-oss-distributions/xnu/blob/main/bsd/netinet/tcp_timer.h",
    ports=_IANA_DYNAMIC,
    widest=WIDEST,
    widen="sysctl net.inet.ip.portrange.first={low}",
    range_per="source",  # in_pcbbind, bsd/netinet/in_pcb.c: chosen before the destination counts
    time_wait=_held(30, "TIME_WAIT lasts twice net.inet.tcp.msl, which is 15 s"),
)

_FREEBSD = Environment(
    name="freebsd",
    source="https://github.com/freebsd/freebsd-src/blob/main/sys/netinet/in_pcb.c",
    ports=PortRange(10_000, 65_535),
    widest=WIDEST,
    widen="sysctl net.inet.ip.portrange.first={low}",
    time_wait=_held(60, "TIME_WAIT lasts twice net.inet.tcp.msl, which is 30 s"),
)

_AWS_NAT_GATEWAY = Environment(
    name="aws-nat-gateway",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html",
    ports=_some_ports(55_000),
    most_addresses=8,
    # AWS names no timer but two limits of one thing: 55,000 at once, about 900 a second.
    time_wait=_held(
        55_000 / 900, "55,000 connections at once or about 900/s, so a port is held about 61 s"
    ),
    reset_hold=_held(55_000 / 900, "what an RST does is not known: taken to be held all the same"),
)

_GCP_CLOUD_NAT = Environment(
    name="gcp-cloud-nat",
    source="https://cloud.google.com/nat/docs/tune-nat-configuration",
    ports=_some_ports(64),  # of one virtual machine, static allocation
    widest=WIDEST,
    widen="minimum ports per VM {count}",
    most_addresses=1,  # one more gives a machine no more ports
    time_wait=_held(120, "Cloud NAT holds a port 120 s (tcpTimeWaitTimeoutSec of older gateways)"),
    reset_hold=_held(120, "what an RST does is not known: taken to be held all the same"),
)

_AZURE_SNAT = Environment(
    name="azure-snat",
    source="https://learn.microsoft.com/en-us/azure/nat-gateway/nat-gateway-resource",
    # Of the 64,512 ports of an address, what it carries towards one destination.
    ports=_some_ports(50_000),
    most_addresses=16,
    time_wait=_held(65, "the NAT gateway holds a port 65 s after a FIN"),
    reset_hold=_held(16, "the NAT gateway holds a port 16 s after an RST"),
)

_KUBERNETES_SNAT = Environment(
    name="kubernetes-snat",
    source="https://docs.kernel.org/networking/nf_conntrack-sysctl.html",
    addresses="nodes",
    ports=WIDEST,  # nf_nat_l4proto_unique_tuple, net/netfilter/nf_nat_core.c
    time_wait=_held(
        CONNTRACK_TIME_WAIT_S, "the node's conntrack holds a port 120 s, whoever closed first"
    ),
    reset_hold=_held(CONNTRACK_CLOSE_S, "the node's conntrack holds a port 10 s after an RST"),
)

PRESETS: dict[str, Environment] = {
    preset.name: preset
    for preset in (
        _LINUX,
        _WINDOWS,
        _MACOS,
        _FREEBSD,
        _AWS_NAT_GATEWAY,
        _GCP_CLOUD_NAT,
        _AZURE_SNAT,
        _KUBERNETES_SNAT,
    )
}


def environment(name: str) -> Environment:
    """Return the preset of that name; ProfileError names those there are, and the nearest."""
    if preset := PRESETS.get(name):
        return preset
    begin = (known for known in PRESETS if name and known.startswith(name))
    near = next(begin, None) or nearest(name, list(PRESETS))
    hint = f"did you mean {near}? " if near else ""
    raise ProfileError(f"--host {name}: unknown: {hint}want one of {', '.join(PRESETS)}")
