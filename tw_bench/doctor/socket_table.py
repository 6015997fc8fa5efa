"""The sockets that are there now, counted by what they hold. Pure data.

A connection whose local port is a listener's came in from outside: it holds no port of the range.
The others are counted for each (source address, destination address, destination port), because
that is what the ports of a range are used up by. IPv4 addresses that an IPv6 socket uses
(::ffff:192.0.2.1) use the ports of IPv4, and are counted there.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address

BY_ACCIDENT = 8  # ports, that may be where they are for another reason


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Holder:
    """A socket that has a port to itself: it listens, or it is bound and does nothing yet."""

    port: int
    address: str
    is_listening: bool
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The usable ports that are in use from one source address towards one address and port."""

    source: str
    address: str
    port: int
    by_state: dict[str, int]  # names as in RFC 9293, the most first
    second_parity: int = 0  # of these: ports that connect() takes only once the others are full

    @property
    def used_ports(self) -> int:
        """How many usable ports are in use, in whatever state."""
        return sum(self.by_state.values())

    @property
    def name(self) -> str:
        """Address and port as people write them: 192.0.2.1:80, [2001:db8::1]:80."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether tcp_tw_reuse=2 applies (tcp_twsk_unique: 127.0.0.0/8 or ::1, at either end)."""
        return any(ip_address(text).is_loopback for text in (self.source, self.address))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePorts:
    """The usable ports that are in use from one source address, towards all destinations.

    A port that connect() chose serves one connection to each destination, so destinations share
    ports. A port that bind() chose before serves one connection in all (inet_csk_get_port), and
    connect() leaves it out for everybody (__inet_hash_connect).
    """

    source: str
    destinations: int
    connections: int
    busiest: int  # of these: towards the destination with the most
    time_waits: int = 0  # of these
    out_of_turn: int = 0  # on a port of the second parity, where the first has ports left
    # Of connections: what each destination has of the parity it has less of. connect() fills
    # one parity after the other, and a minute later they are free again in that order.
    both_parities: int = 0
    used_ports: int = 0  # counted only where the connections could fill the range; else 0
    lone_ports: int = 0  # of these: that one connection has to itself

    @property
    def is_bound_early(self) -> bool:
        """Whether more ports have one connection only than connect() would have left so.

        It takes the second parity towards a destination once the first is full there, and so the
        ports of all other destinations are shared with that one.
        """
        return self.lone_ports >= self.busiest + BY_ACCIDENT

    @property
    def is_leftover(self) -> bool:
        """Whether it may be what is left of bursts, each in the parity that was free.

        A burst leaves the second parity to one destination, or to a few, and in TIME_WAIT.
        """
        is_one_each = self.connections > 10 * self.both_parities
        return (
            is_one_each
            and 2 * self.time_waits >= self.connections
            and self.out_of_turn <= 2 * self.busiest
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketTable:
    """What all sockets hold, together."""

    busiest: tuple[Destination, ...] = ()  # the first hundred
    destinations: int = 0  # how many there are
    sources: tuple[SourcePorts, ...] = ()  # the first hundred, those with the most connections
    by_state: dict[str, int] = field(default_factory=dict)  # all connections
    inbound: int = 0  # of these: on the port of a listener
    elsewhere: int = 0  # of these: from a port that connect() would not choose
    orphans: int = 0  # closed by their process, and not yet sent or acknowledged in full
    orphaned_fin_wait_2: int = 0  # the same, once all is acknowledged but the peer has not closed
    unaccepted: int = 0  # in an accept queue: no process has them yet
