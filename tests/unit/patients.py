"""Hosts as the doctor finds them, always the same."""

from dataclasses import replace

from tests.unit.machines import SMALL
from tw_bench.doctor.boot_settings import BootSetting
from tw_bench.doctor.descriptors import Descriptors
from tw_bench.doctor.examination import Examination, Pile
from tw_bench.doctor.network_namespace import NetworkNamespace
from tw_bench.doctor.socket_table import Destination, Holder, SocketTable, SourcePorts
from tw_bench.doctor.usage import usage
from tw_bench.kernel.socket_owners import Owner
from tw_bench.plan.environment import of_host
from tw_bench.plan.host_facts import HostFacts

SYSCTLS = {
    "net.ipv4.ip_local_port_range": "32768\t60999",
    "net.ipv4.ip_local_reserved_ports": "",
    "net.ipv4.ip_unprivileged_port_start": "1024",
    "net.ipv4.tcp_tw_reuse": "2",
    "net.ipv4.tcp_tw_reuse_delay": "1000",
    "net.ipv4.tcp_timestamps": "1",
    "net.ipv4.tcp_max_tw_buckets": "131072",
    "net.ipv4.tcp_fin_timeout": "60",
    "net.ipv4.tcp_rfc1337": "0",
    "net.ipv4.tcp_syncookies": "1",
    "net.core.somaxconn": "4096",
    "net.netfilter.nf_conntrack_count": "0",
    "net.netfilter.nf_conntrack_max": "262144",
}
LONG = "2001:db8:1111:2222:3333:4444:5555:6666"


def host(*, held_ports: tuple[int, ...] = (), **sysctls: object) -> HostFacts:
    """Return a host with some settings of its own: `tcp_tw_reuse=1` and the like."""
    names = {name.rpartition(".")[2]: name for name in SYSCTLS}
    changed = {names[name]: str(value) for name, value in sysctls.items()}
    return replace(
        SMALL, open_files_soft=20_000, sysctls={**SYSCTLS, **changed}, held_ports=held_ports
    )


def examination(
    facts: HostFacts | None = None, table: SocketTable | None = None, **parts: object
) -> Examination:
    """Return what the doctor has seen of a host: `facts`, its sockets, and what else is said."""
    facts, table = facts or host(), table or SocketTable()
    environment = of_host(facts)
    made = Examination(
        facts=facts,
        environment=environment,
        table=table,
        usage=tuple(usage(table, environment)),
        socket_slots=262_144,
        max_orphans=8_192,
    )
    return replace(made, **parts)  # type: ignore[arg-type]  # the fields are the caller's


def towards(used: int, state: str = "TIME_WAIT", **more: object) -> Destination:
    """Return a destination with so many ports in use."""
    fields = {"source": "192.0.2.1", "address": "198.51.100.7", "port": 443, "second_parity": 0}
    return Destination(**{**fields, "by_state": {state: used}, **more})  # type: ignore[arg-type]


def table(*busiest: Destination, **more: object) -> SocketTable:
    """Return a table of these destinations and no other connections."""
    by_state: dict[str, int] = {}
    for destination in busiest:
        for state, count in destination.by_state.items():
            by_state[state] = by_state.get(state, 0) + count
    fields = {"busiest": busiest, "destinations": len(busiest), "by_state": by_state, **more}
    return SocketTable(**fields)  # type: ignore[arg-type]


def source(connections: int, **more: object) -> SourcePorts:
    """Return a source address with so many connections, to ten destinations."""
    fields = {"source": "192.0.2.1", "destinations": 10, "busiest": connections // 10, **more}
    return SourcePorts(connections=connections, **fields)  # type: ignore[arg-type]


def process(count: int, soft: int, hard: int | None = 20_000) -> Descriptors:
    """Return a process with so many descriptors."""
    return Descriptors(owner=Owner(812, "nginx"), open=count, soft=soft, hard=hard)


def listener(port: int, inode: int = 17, *, is_listening: bool = True) -> Holder:
    """Return somebody who has a port."""
    return Holder(port=port, address="0.0.0.0", is_listening=is_listening, inode=inode)


HEALTHY = examination(
    table=table(towards(120), towards(3, "ESTABLISHED", port=5_432)),
    counters={"sockstat.TCP.tw": 120},
    descriptors=(process(131, 1_024),),
    namespace=NetworkNamespace(name="net:[4026531840]", is_initial=True, is_of_process_1=True),
)
PATIENT = examination(
    host(
        held_ports=(33_000, 45_001),
        tcp_fin_timeout=15,
        somaxconn=128,
        nf_conntrack_count=250_000,
    ),
    table(
        towards(27_100, by_state={"TIME_WAIT": 27_000, "ESTABLISHED": 100}, second_parity=13_000),
        towards(900, "ESTABLISHED", source=LONG, address=LONG, second_parity=890),
        towards(14, "CLOSE_WAIT", port=8_080),
        destinations=4_321,
        sources=(source(900, source=LONG, destinations=1, busiest=900, out_of_turn=890),),
    ),
    holders=(listener(8_080, 3), listener(33_000), listener(45_001, 18, is_listening=False)),
    owners={17: Owner(812, "postgres"), 18: Owner(901, "envoy")},
    piles=(Pile(owner=Owner(77, "java"), sockets=14, oldest_s=3_725.0),),
    descriptors=(process(1_010, 1_024),),
    namespace=NetworkNamespace(name="net:[4026532201]", is_initial=False, is_of_process_1=False),
    counters={
        "sockstat.TCP.tw": 27_000,
        "TcpExt.ListenOverflows": 12,
        "TcpExt.TCPTimeWaitOverflow": 0,
    },
    tw_recycle=(BootSetting(path="/etc/sysctl.d/90-x.conf", line=3, name="tcp_tw_recycle"),),
    unseen=("who has 3 of the sockets: processes of other users show them to root only",),
)
