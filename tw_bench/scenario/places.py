"""From a scenario to the sides of its lab. Pure."""

from tw_bench.lab.topology import Side, Topology
from tw_bench.profile.scenario import Scenario

# As lab/topology.py: benchmarking ranges of RFC 2544 and RFC 5180, the client in the first net.
_PREFIX = {4: 16, 6: 64}
# Who asks for the sockets of a namespace walks through the whole table that they are in, and the
# host's has 262,144 buckets on the smallest machine: 170 µs for two sockets, 50 times a second.
# The table also bounds TIME_WAIT, by half of its buckets (tcp_set_hashinfo).
_HASH_BUCKETS = 16_384
_NAT = 254  # host part of the middle side, in either net
_MASQUERADE = """
table inet tw_bench {{
  chain out {{
    type nat hook postrouting priority srcnat
    oifname "tun1" meta l4proto tcp masquerade{ports}
  }}
}}
"""


def topology(scenario: Scenario) -> Topology:
    """Return the lab that a scenario asks for."""
    lab = scenario.lab
    ports = {"net.ipv4.ip_local_port_range": f"{lab.ports.low} {lab.ports.high}"}
    common = {name: str(value) for name, value in lab.sysctls.items()}
    own = {
        "client": ports | {name: str(value) for name, value in lab.client_sysctls.items()},
        "nat": {name: str(value) for name, value in lab.nat_sysctls.items()},
        "server": {name: str(value) for name, value in lab.server_sysctls.items()},
    }
    gateway = {"client": _address(lab.ip_version, "client", _NAT)} if lab.nat else {}
    ends = {
        name: Side(
            name,
            tuple(
                f"{_address(lab.ip_version, name, number)}/{_length(scenario)}"
                for number in range(1, count + 1)
            ),
            {**common, **own[name]},
            gateway=gateway.get(name, ""),
        )
        for name, count in (("client", lab.sources), ("server", lab.destinations))
    }
    if not lab.nat:
        return _watched((ends["client"], ends["server"]), is_wired=lab.link == "wire")
    to = "" if lab.nat_ports is None else f" to :{lab.nat_ports}"
    front, back = (f"{_address(lab.ip_version, end, _NAT)}/{_length(scenario)}" for end in ends)
    forwards = "net.ipv4.ip_forward" if lab.ip_version == 4 else "net.ipv6.conf.all.forwarding"
    nat = Side(
        "nat",
        (front,),
        {forwards: "1", **common, **own["nat"]},
        _MASQUERADE.format(ports=to),
        onward=(back,),
    )
    return _watched((ends["client"], nat, ends["server"]), is_wired=True)


def _watched(sides: tuple[Side, ...], *, is_wired: bool) -> Topology:
    buckets = _HASH_BUCKETS if is_wired else 0
    return Topology(True, sides, is_wired=is_wired, is_watched=True, hash_buckets=buckets)


def _length(scenario: Scenario) -> int:
    """Return the length of the prefix: one net for both ends, or one for each side of a NAT."""
    longest = _PREFIX[scenario.lab.ip_version]
    return longest if scenario.lab.nat else {16: 15, 64: 48}[longest]


def _address(version: int, side: str, number: int) -> str:
    net = 18 if side == "client" else 19
    return f"198.{net}.0.{number}" if version == 4 else f"2001:2:0:{net}::{number:x}"
