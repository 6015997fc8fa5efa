"""From a point to the sides of its lab, their addresses, sysctls and filters. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tw_bench.profile.model import Point

# Benchmarking ranges: 198.18.0.0/15 (RFC 2544) and 2001:2::/48 (RFC 5180). Every lab has its
# namespaces to itself, so all labs can use the same addresses. The client is in the first net,
# the server in the second; where both are on one link, so is all of it.
_ONE_LINK = {4: 15, 6: 48}
_TWO_LINKS = {4: 16, 6: 64}
_PROXY = 254  # host part of its address in either net
_LOOPBACK = {4: "127.0.0.1/8", 6: "::1/128"}

# A simultaneous close (RFC 9293 section 3.6, figure 13) needs both ends to have sent their FIN
# before either has come across. So each side drops the first FIN of a connection that reaches it,
# and all its copies for 100 ms; both ends close meanwhile, and send theirs again after a
# retransmission timeout (200 ms or more), into a connection that both have closed.
_HOLD_BACK_FINS = """
table inet tw_bench {{
  set held {{ type inet_service; flags dynamic,timeout; timeout 100ms; size 65536; }}
  set seen {{ type inet_service; flags dynamic,timeout; timeout 900ms; size 65536; }}
  chain fin {{
    {field} @held drop
    {field} @seen accept
    add @seen {{ {field} }}
    add @held {{ {field} }}
    drop
  }}
  chain input {{
    type filter hook input priority 0
    tcp flags & (fin | rst) == fin jump fin
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One end of the lab: a namespace of its own, or the one that both ends share."""

    name: str  # client, proxy, server; host when both ends share a namespace
    addresses: tuple[str, ...]  # with prefix length
    sysctls: dict[str, str]
    filters: str = ""  # an nftables ruleset
    onward: tuple[str, ...] = ()  # of a link of its own towards the next side: a proxy's
    gateway: str = ""  # that everything beyond the link goes to

    @property
    def ips(self) -> list[str]:
        """The addresses alone, of the link towards the client."""
        return [address.partition("/")[0] for address in self.addresses]


@dataclass(frozen=True, slots=True)
class Topology:
    """The sides of a lab, each joined to the next; isolated: the namespaces are the lab's own."""

    isolated: bool
    sides: tuple[Side, ...]
    is_wired: bool = False  # the links are TUN devices, and a program carries what is between them
    is_watched: bool = False  # somebody asks about the sockets of each side (kernel/sock_diag.py)
    hash_buckets: int = 0  # of a side's own table of sockets; 0: in the host's

    def side(self, name: str) -> Side:
        """Return the side that plays a role: where there is one side, it plays all."""
        return next((side for side in self.sides if side.name == name), self.sides[0])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the keeper."""
        return asdict(self)


def topology(point: Point) -> Topology:
    """Return the lab that a point asks for."""
    sides = _sides(point)
    isolated = point.lab.topology != "host"
    return Topology(isolated, sides, is_watched=point.observe.states)


def _sides(point: Point) -> tuple[Side, ...]:
    lab = point.lab
    version = lab.ip_version
    if lab.topology == "host":
        return (Side("host", (_LOOPBACK[version],), {}),)
    if lab.topology != "pair":
        own = _LOOPBACK[version] if lab.topology == "loopback" else _address(version, "client", 1)
        return (Side("host", (own,), _sysctls(point, "client")),)
    prefixes = _TWO_LINKS if point.has_proxy else _ONE_LINK
    counts = {"client": lab.sources, "server": lab.destinations}
    ends = [
        Side(
            name,
            tuple(_address(version, name, number, prefixes) for number in range(1, count + 1)),
            _sysctls(point, name),
            _filters(point, name),
        )
        for name, count in counts.items()
    ]
    if point.has_proxy:
        front, back = (_address(version, end, _PROXY, prefixes) for end in counts)
        ends.insert(1, Side("proxy", (front,), _sysctls(point, "proxy"), onward=(back,)))
    return tuple(ends)


def _address(version: int, side: str, number: int, prefixes: Mapping[int, int] = _ONE_LINK) -> str:
    """Return an address of the net that the client is in, or of the one that the server is in."""
    net = 18 if side == "client" else 19
    ip = f"198.{net}.0.{number}" if version == 4 else f"2001:2:0:{net}::{number:x}"
    return f"{ip}/{prefixes[version]}"


def _sysctls(point: Point, side: str) -> dict[str, str]:
    sysctls = {name: str(value) for name, value in point.sysctls(side).items()}
    if side == point.subject:
        ports = point.lab.ports
        # First, so that a list of reserved ports meets the range it is for.
        sysctls = {"net.ipv4.ip_local_port_range": f"{ports.low} {ports.high}", **sysctls}
    elif side == "client":  # in front of a proxy, and not what is asked about
        sysctls = {"net.ipv4.ip_local_port_range": "1024 65535", **sysctls}
    return sysctls


def _filters(point: Point, side: str) -> str:
    """Return the rules that hold back FINs; the client's port tells the connections apart."""
    if point.connection.active_closer != "both":
        return ""
    return _HOLD_BACK_FINS.format(field="tcp dport" if side == "client" else "tcp sport")
