"""Everything the doctor looks at, read once: after this there are only figures. Changes nothing."""

import os
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tw_bench.doctor.boot_settings import BootSetting, boot_settings
from tw_bench.doctor.census import census, close_waits, holders
from tw_bench.doctor.descriptors import Descriptors, descriptors
from tw_bench.doctor.network_namespace import NetworkNamespace, read_network_namespace
from tw_bench.doctor.socket_table import Holder, SocketTable
from tw_bench.doctor.usage import Usage, usage
from tw_bench.doctor.user_namespaces import refusal
from tw_bench.kernel import procfs, sock_diag, sysctl
from tw_bench.kernel.socket_owners import Owner, Owners, owners
from tw_bench.plan.environment import Environment, of_host
from tw_bench.plan.host_facts import HostFacts, read_host_facts

# A healthy program answers a FIN with its own within the time of a response. What has waited for
# a second is late, and ten of one program that are late at once are no coincidence.
LATE_S = 1.0
PILE = 10

_EXPECTED = (  # every Linux that tw-bench runs on has them, in every network namespace
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_rfc1337",
    "net.core.somaxconn",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """Sockets in CLOSE_WAIT for longer than LATE_S, of one process."""

    owner: Owner | None  # None: not to be seen
    sockets: int
    oldest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A host as it was found. A part that could not be read is empty, and named in `unseen`."""

    facts: HostFacts  # with the ports of the range that are held
    environment: Environment
    table: SocketTable = field(default_factory=SocketTable)
    usage: tuple[Usage, ...] = ()  # busiest first
    holders: tuple[Holder, ...] = ()  # all listeners, and what is bound and idle
    owners: dict[int, Owner] = field(default_factory=dict)  # of holders in the range, by inode
    piles: tuple[Pile, ...] = ()
    unaccepted_close_waits: int = 0
    counters: dict[str, int] = field(default_factory=dict)  # TcpExt.… since the namespace began
    max_orphans: int | None = None  # None: not in this namespace
    socket_slots: int | None = None  # of the hash table that tcp_max_tw_buckets follows
    descriptors: tuple[Descriptors, ...] = ()  # of single processes, the fullest first
    files: tuple[int, int] | None = None  # open on the whole machine, of at most
    namespace: NetworkNamespace = field(default_factory=NetworkNamespace)
    tw_recycle: tuple[BootSetting, ...] = ()
    no_user_namespace: tuple[str, str] | None = None  # cause and remedy
    sees_sockets: bool = True  # False: a figure of them is missing, not zero
    unseen: tuple[str, ...] = ()


@dataclass(slots=True)
class _Notes:
    """What could not be read, in the order in which it was tried."""

    unseen: list[str] = field(default_factory=list)
    sees_sockets: bool = True

    def dump(
        self, states: int, family: int | None, what: str, *, with_info: bool = False
    ) -> tuple[bytes, ...]:
        """Return a dump, or nothing and a note."""
        try:
            answer = sock_diag.dump(states, family, with_info=with_info)
        except OSError as error:
            self.unseen.append(f"{what}: sock_diag says {error.strerror}")
            self.sees_sockets = False
            return ()
        if answer.is_interrupted:
            self.unseen.append(f"{what}: they changed while they were read; figures may be off")
        return answer.datagrams


def examine() -> Examination:
    """Read this host. Needs no privilege; as root it also sees other users' processes."""
    notes = _Notes()
    facts, held = _facts(notes)
    environment = of_host(facts)
    table = _table(notes, environment, held)
    piles, unaccepted, names = _owned(notes, table, _asked(held, facts))
    namespace = read_network_namespace()
    if namespace.name is None or namespace.is_initial is None:
        notes.unseen.append("which network namespace this is: /proc does not say")
    return Examination(
        facts=facts,
        environment=environment,
        table=table,
        usage=tuple(usage(table, environment)),
        holders=tuple(held),
        owners=names.by_inode,
        piles=piles,
        unaccepted_close_waits=unaccepted,
        counters=_counters(),
        max_orphans=_number("net.ipv4.tcp_max_orphans"),
        socket_slots=_number("net.ipv4.tcp_ehash_entries"),
        descriptors=tuple(descriptors({owner.pid for owner in names.by_inode.values()})),
        files=_files(),
        namespace=namespace,
        tw_recycle=tuple(boot_settings("net.ipv4.tcp_tw_recycle")),
        no_user_namespace=refusal(),
        sees_sockets=notes.sees_sockets,
        unseen=tuple(notes.unseen),
    )


def examine_facts() -> HostFacts:
    """Read no more of this host than what a plan needs: its facts, with the ports that are held."""
    return _facts(_Notes())[0]


def _facts(notes: _Notes) -> tuple[HostFacts, list[Holder]]:
    facts = read_host_facts()
    notes.unseen += [f"{name}: not here" for name in _EXPECTED if name not in facts.sysctls]
    held = holders(
        notes.dump(sock_diag.LISTEN | sock_diag.BOUND_INACTIVE, None, "listening sockets")
    )
    if facts.kernel_version < (6, 8):
        notes.unseen.append("ports that are bound and idle: Linux lists them since 6.8")
    return replace(facts, held_ports=_in_range(held, facts)), held


def _in_range(held: Sequence[Holder], facts: HostFacts) -> tuple[int, ...]:
    """Return the ports of the range that are held.

    Of any address and of either IP version: connect() leaves a port out that anybody has bound
    (__inet_hash_connect; the table of bound ports knows no addresses).
    """
    ports = of_host(facts).ports
    return tuple(sorted({h.port for h in held if ports.low <= h.port <= ports.high}))


def _table(notes: _Notes, environment: Environment, held: Sequence[Holder]) -> SocketTable:
    time_waits: dict[int, tuple[bytes, ...]] = {
        family: notes.dump(sock_diag.TIME_WAIT, family, f"TIME_WAIT of {name}")
        for family, name in ((socket.AF_INET, "IPv4"), (socket.AF_INET6, "IPv6"))
    }
    ports = environment.ports
    taken = {port for some in environment.taken for port in some}
    return census(
        time_waits,
        notes.dump(sock_diag.OTHERS, None, "connections"),
        usable=[port for port in range(ports.low, ports.high + 1) if port not in taken],
        first_port=ports.low,
        listening={holder.port for holder in held if holder.is_listening},
    )


def _asked(held: Sequence[Holder], facts: HostFacts) -> list[int]:
    """Return the sockets inside the range whose owner a person will want to know."""
    inside = set(facts.held_ports)
    return [holder.inode for holder in held if holder.port in inside]


def _owned(
    notes: _Notes, table: SocketTable, asked: Sequence[int]
) -> tuple[tuple[Pile, ...], int, Owners]:
    """Return the piles of CLOSE_WAIT, how many are in an accept queue, and the owners asked for."""
    late: dict[int, float] = {}
    unaccepted = 0
    if table.by_state.get("CLOSE_WAIT", 0) >= PILE:
        for family in (socket.AF_INET, socket.AF_INET6):
            datagrams = notes.dump(sock_diag.CLOSE_WAIT, family, "CLOSE_WAIT", with_info=True)
            for inode, waited_s in close_waits(datagrams):
                if waited_s >= LATE_S:
                    unaccepted += not inode
                    late |= {inode: waited_s} if inode else {}
    names = owners([*asked, *late])
    lost = {inode for inode in (*asked, *late) if inode and inode not in names.by_inode}
    if lost and names.hidden_processes:
        notes.unseen.append(
            f"who has {len(lost):,} of the sockets: processes of other users show them to root only"
        )
    counts = Counter(names.by_inode.get(inode) for inode in late)
    piles = [
        Pile(
            owner=owner,
            sockets=count,
            oldest_s=max(late[i] for i in late if names.by_inode.get(i) == owner),
        )
        for owner, count in counts.most_common()
        if count >= PILE
    ]
    return tuple(piles), unaccepted, names


def _counters() -> dict[str, int]:
    try:
        files = procfs.open_counters()
    except OSError:
        return {}
    try:
        return procfs.read_counters(files)
    finally:
        for descriptor in files.values():
            os.close(descriptor)


def _files() -> tuple[int, int] | None:
    """Return fs.file-nr: open, free (always 0 since Linux 2.6), at most (fs.file-max)."""
    text = sysctl.read("fs.file-nr")
    if text is None:
        return None
    count, _, most = map(int, text.split())
    return count, most


def _number(name: str) -> int | None:
    text = sysctl.read(name)
    return None if text is None else int(text)
