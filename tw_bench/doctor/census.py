"""From the bytes of sock_diag dumps to the table of sockets. Pure, and made for many TIME_WAIT."""

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from heapq import nlargest
from ipaddress import ip_address
from operator import itemgetter

from tw_bench.doctor.socket_table import (
    BY_ACCIDENT,
    Destination,
    Holder,
    SocketTable,
    SourcePorts,
)
from tw_bench.doctor.tallies import SourceUses, Uses
from tw_bench.kernel import sock_diag

_MOST_DESTINATIONS = 100  # that are kept, the busiest; the others are only counted
_MOST_SOURCES = 100
_CROWDED = 0.7  # of the usable ports: below it nobody asks which of them are shared
_SAMPLED = 4_096  # TIME_WAIT of each family, at least, whose parity is looked at

_INBOUND, _ELSEWHERE, _FIRST_PARITY, _SECOND_PARITY = range(4)  # what a local port means
_ORPHANED = ("FIN_WAIT_1", "LAST_ACK", "CLOSING")
_QUEUED = ("ESTABLISHED", "CLOSE_WAIT")
_NOBODY = bytes(4)  # the inode of a socket that no process has

_AF_INET = 2  # include/linux/socket.h: in every dump, whatever this Python calls it
_MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, RFC 4291 section 2.5.5.2

_port = itemgetter(0)  # of a TimeWait

Key = tuple[bytes, bytes, bytes]  # source and destination address, destination port


def holders(datagrams: Iterable[bytes]) -> list[Holder]:
    """Return the sockets of a dump of LISTEN | BOUND_INACTIVE, in the order of their ports."""
    return sorted(
        Holder(
            port=port,
            address=_text(_folded(family, rest[2:18])),
            is_listening=sock_diag.STATES.get(state) == "LISTEN",
            inode=int.from_bytes(inode, sys.byteorder),
        )
        for run in sock_diag.records(datagrams)
        for (family, state), port, rest, inode in run
    )


def census(
    time_waits: Mapping[int, Sequence[bytes]],
    others: Sequence[bytes] = (),
    *,
    usable: Iterable[int],
    first_port: int,
    listening: Collection[int] = (),
) -> SocketTable:
    """Count connections: dumps of TIME_WAIT by address family, and one of all other states.

    `usable` are the ports that connect() may choose, `first_port` the low end of their range,
    `listening` the ports of listeners: connections on those came in from outside.
    """
    tally = _Tally(_meaning(usable, first_port, listening))
    for family, datagrams in time_waits.items():
        for run in sock_diag.time_waits(datagrams):
            tally.add_time_waits(family, list(run))
    for records in sock_diag.records(others):
        tally.add(records)
    uses = tally.uses()
    sources = tally.sources(uses)
    table = tally.table(uses, sources)
    ports = {
        _text(source): tally.ports_of(wanted, time_waits, others)
        for source, wanted in tally.crowded(sources).items()
    }
    counted = (_with_ports(each, ports.get(each.source)) for each in table.sources)
    return replace(table, sources=tuple(counted))


def _with_ports(of: SourcePorts, connections: list[int] | None) -> SourcePorts:
    """Return it with its ports, where they were counted: the connections of each."""
    if connections is None:
        return of
    return replace(of, used_ports=len(connections), lone_ports=connections.count(1))


def close_waits(datagrams: Iterable[bytes]) -> list[tuple[int, float]]:
    """Return (inode, seconds since the peer's FIN) of a dump of CLOSE_WAIT with INFO.

    An inode of 0: the connection is in an accept queue, and no process has it.
    """
    return [
        (int.from_bytes(inode, sys.byteorder), (sock_diag.last_heard_ms(attributes) or 0) / 1000)
        for (_, _, _, inode), attributes in sock_diag.messages(datagrams)
    ]


def _meaning(usable: Iterable[int], first_port: int, listening: Collection[int]) -> bytes:
    """Return what each of the 65,536 ports means, as a table to look it up in."""
    meaning = bytearray([_ELSEWHERE]) * 65_536
    parities = (_FIRST_PARITY, _SECOND_PARITY)
    for port in usable:
        meaning[port] = parities[(port - first_port) & 1]
    for port in listening:
        meaning[port] = _INBOUND
    return bytes(meaning)


class _Tally:
    """Counts while the dumps are walked through."""

    def __init__(self, meaning: bytes) -> None:
        self._meaning = meaning
        self._used: dict[tuple[int, str], Counter[bytes]] = {}  # by family and state
        self._apart: dict[int, Counter[str]] = {_INBOUND: Counter(), _ELSEWHERE: Counter()}
        self._unowned: Counter[str] = Counter()
        self._parities: Counter[tuple[int, bytes, int]] = Counter()  # of a sample
        self._sampled: Counter[int] = Counter()  # by family
        self._seen: set[int] = set()  # ports that are in use, whatever they mean

    def add_time_waits(self, family: int, rows: Sequence[sock_diag.TimeWait]) -> None:
        """Count many at once: what is done here is done sixty thousand times."""
        meaning = self._meaning
        used = [rest for port, rest in rows if meaning[port] > _ELSEWHERE]
        self._used.setdefault((family, "TIME_WAIT"), Counter()).update(used)
        self._seen.update(map(_port, rows))
        if len(used) < len(rows):
            meant = bytes([meaning[port] for port, _ in rows])
            for kind, states in self._apart.items():
                states["TIME_WAIT"] += meant.count(kind)
        if self._sampled[family] < _SAMPLED:
            self._sampled[family] += len(used)
            self._parities.update([(family, rest, meaning[port]) for port, rest in rows])

    def add(self, records: Iterable[sock_diag.Record]) -> None:
        """Count sockets of all kinds, one by one."""
        for (family, number), port, rest, inode in records:
            self._seen.add(port)
            meant, state = self._meaning[port], sock_diag.STATES.get(number, "CLOSED")
            if inode == _NOBODY:
                self._unowned[state] += 1
            if meant <= _ELSEWHERE:
                self._apart[meant][state] += 1
                continue
            self._used.setdefault((family, state), Counter())[rest] += 1
            self._parities[family, rest, meant] += 1

    def table(self, uses: Mapping[Key, Uses], sources: Mapping[bytes, SourceUses]) -> SocketTable:
        """Return what was counted."""
        busy = nlargest(_MOST_SOURCES, sources, key=lambda key: sources[key].connections)
        found = nlargest(_MOST_DESTINATIONS, uses, key=lambda key: uses[key].by_state.total())
        by_state = sum(self._apart.values(), Counter[str]())
        for (_, state), counts in self._used.items():
            by_state[state] += counts.total()
        return SocketTable(
            busiest=tuple(_destination(key, uses[key]) for key in found),
            destinations=len(uses),
            sources=tuple(SourcePorts(source=_text(key), **asdict(sources[key])) for key in busy),
            by_state=dict((+by_state).most_common()),
            inbound=self._apart[_INBOUND].total(),
            elsewhere=self._apart[_ELSEWHERE].total(),
            orphans=sum(self._unowned[state] for state in _ORPHANED),
            orphaned_fin_wait_2=self._unowned["FIN_WAIT_2"],
            unaccepted=sum(self._unowned[state] for state in _QUEUED),
        )

    def crowded(self, sources: Mapping[bytes, SourceUses]) -> dict[bytes, set[tuple[int, bytes]]]:
        """Return the source addresses that could have filled the range without sharing ports.

        With what their sockets have beside the port: (family, rest). A second walk costs as much
        as the first, and few hosts have any.
        """
        usable = sum(self._meaning.count(parity) for parity in (_FIRST_PARITY, _SECOND_PARITY))
        if len(self._seen) < _CROWDED * usable:
            return {}
        crowded: dict[bytes, set[tuple[int, bytes]]] = {
            key: set()
            for key, of in sources.items()
            if of.connections >= _CROWDED * usable and of.connections >= of.busiest + BY_ACCIDENT
        }
        for family, rest in {(of, rest) for (of, _), rests in self._used.items() for rest in rests}:
            source = _folded(family, rest[2:18])
            if source in crowded:
                crowded[source].add((family, rest))
        return crowded

    def ports_of(
        self,
        wanted: Collection[tuple[int, bytes]],
        time_waits: Mapping[int, Sequence[bytes]],
        others: Sequence[bytes],
    ) -> list[int]:
        """Return how many of these (family, rest) each usable port serves that serves any."""
        meaning, ports = self._meaning, Counter[int]()
        for family, datagrams in time_waits.items():
            rests = {rest for of, rest in wanted if of == family}
            is_all = rests.issuperset(self._used.get((family, "TIME_WAIT"), ()))
            for run in sock_diag.time_waits(datagrams):
                if is_all:  # as is usual; to look each of them up would double the cost
                    ports.update([port for port, _ in run])
                else:
                    ports.update([port for port, rest in run if rest in rests])
        for records in sock_diag.records(others):
            ports.update(
                [port for (family, _), port, rest, _ in records if (family, rest) in wanted]
            )
        return [count for port, count in ports.items() if meaning[port] > _ELSEWHERE]

    def sources(self, uses: Mapping[Key, Uses]) -> dict[bytes, SourceUses]:
        """Return what each source address has, by its bytes."""
        first_parity_ports = self._meaning.count(_FIRST_PARITY)
        sources: dict[bytes, SourceUses] = {}
        for (source, _, packed), there in uses.items():
            # One connection to a port of the range: its other end chose that port in connect().
            is_client = (
                self._meaning[int.from_bytes(packed, "big")] > _ELSEWHERE
                and there.by_state.total() == 1
            )
            sources.setdefault(source, SourceUses()).add(
                there, first_parity_ports, is_client=is_client
            )
        return sources

    def uses(self) -> dict[Key, Uses]:
        """Return what each destination has of the ports."""
        uses: dict[Key, Uses] = {}
        for (family, state), counts in self._used.items():
            for rest, ports in counts.items():
                uses.setdefault(_key(family, rest), Uses()).by_state[state] += ports
        for (family, rest, meant), count in self._parities.items():
            if meant > _ELSEWHERE:
                of = uses[_key(family, rest)]
                of.sampled += count
                of.second_parity += count if meant == _SECOND_PARITY else 0
        return uses


def _key(family: int, rest: bytes) -> Key:
    return _folded(family, rest[2:18]), _folded(family, rest[18:]), rest[:2]


def _folded(family: int, packed: bytes) -> bytes:
    """Return the 16 bytes of an address in a dump as 4 where it is one of IPv4."""
    if family == _AF_INET:
        return packed[:4]
    return packed[12:] if packed.startswith(_MAPPED) else packed


def _destination(key: Key, uses: Uses) -> Destination:
    source, address, port = key
    return Destination(
        source=_text(source),
        address=_text(address),
        port=int.from_bytes(port, "big"),
        by_state=dict(uses.by_state.most_common()),
        second_parity=uses.all_of_second_parity,
    )


def _text(packed: bytes) -> str:
    return str(ip_address(packed))
