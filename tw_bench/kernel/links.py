"""Links and addresses of a network namespace, through netlink."""

from collections.abc import Sequence
from ipaddress import ip_interface

from pyroute2 import IPRoute

_IFA_F_NODAD = 0x02  # include/uapi/linux/if_addr.h: no duplicate address detection, usable at once
_LOOPBACK_INDEX = 1  # of every network namespace


def add_veth(name: str, peer_name: str, peer_network: int) -> None:
    """Join this namespace and another one (a descriptor) by a veth pair."""
    with IPRoute() as ip:
        peer = {"ifname": peer_name, "net_ns_fd": peer_network}
        ip.link("add", ifname=name, kind="veth", peer=peer)


def lengthen_queue(name: str, packets: int) -> None:
    """Let so many packets wait in a link for whoever carries them off."""
    with IPRoute() as ip:
        (index,) = ip.link_lookup(ifname=name)
        ip.link("set", index=index, txqlen=packets)


def raise_link(name: str, addresses: Sequence[str], gateway: str = "") -> None:
    """Give the link its addresses (with prefix length) and set it and the loopback up.

    `gateway` is an address on it that everything else goes to.

    The kernel's own loopback addresses come by themselves when the loopback comes up.
    """
    with IPRoute() as ip:
        (index,) = ip.link_lookup(ifname=name)
        for interface in map(ip_interface, addresses):
            if interface.is_loopback:
                continue
            flags = {"flags": _IFA_F_NODAD} if interface.version == 6 else {}
            length = interface.network.prefixlen
            ip.addr("add", index=index, address=str(interface.ip), prefixlen=length, **flags)
        for each in {index, _LOOPBACK_INDEX}:
            ip.link("set", index=each, state="up")
        if gateway:
            ip.route("add", dst="default", gateway=gateway)
