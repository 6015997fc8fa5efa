"""What the doctor looks for, on hosts that were recorded."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.machines import SMALL
from tests.unit.patients import (
    HEALTHY,
    LONG,
    PATIENT,
    examination,
    host,
    listener,
    process,
    source,
    table,
    towards,
)
from tw_bench.doctor.boot_settings import boot_settings
from tw_bench.doctor.checks import CHECKS, findings
from tw_bench.doctor.checks.widening import ports_text
from tw_bench.doctor.examination import Examination, Pile, examine
from tw_bench.doctor.finding import Finding, status
from tw_bench.doctor.profile_check import Place, check_profile
from tw_bench.doctor.user_namespaces import refusal
from tw_bench.kernel import sock_diag
from tw_bench.plan.population import TIME_WAIT_BYTES
from tw_bench.profile.reader import read


def found(e: Examination, topic: str) -> Finding:
    """Return the gravest finding about a topic."""
    return next(each for each in findings(e) if each.topic == topic)


def troubles(e: Examination) -> set[str]:
    """Return the topics of what is not as it should be."""
    return {each.topic for each in findings(e) if each.level != "ready"}


def test_a_healthy_host_is_ready():
    """Nothing is said of a host as Linux sets it but what is ready."""
    assert troubles(HEALTHY) == set()
    assert status(findings(HEALTHY)) == "ready"
    said = {each.topic: each.found for each in findings(HEALTHY)}
    assert {
        "tcp_tw_reuse": "2 (loopback only, after 1,000 ms)",
        "tcp_timestamps": "1",
        "tcp_fin_timeout": "60 s",
        "tcp_rfc1337": "0",
        "tcp_syncookies": "1",
        "somaxconn": "4,096",
        "ip_local_reserved_ports": "none",
        "descriptors": "fullest: nginx (812): 131 of 1,024 (12.8 %)",
    }.items() <= said.items()
    assert "120 of at most 131,072 (tcp_max_tw_buckets)" in said["TIME_WAIT"]


@pytest.mark.parametrize(
    ("used", "level"),
    [(0, "ready"), (19_762, "ready"), (19_763, "advice"), (26_820, "advice"), (26_821, "blocking")],
)
def test_how_full_is_too_full(used, level):
    """Advice from 70 % of the 28,232 ports on, blocking from 95 %."""
    e = examination(table=table(towards(used)))
    assert found(e, "ports in use").level == level


def test_time_wait_that_is_taken_over_does_not_block():
    """With tcp_tw_reuse=1 only the ports in other states count."""
    both = towards(0, by_state={"TIME_WAIT": 20_000, "ESTABLISHED": 8_000})
    e = examination(host(tcp_tw_reuse=1), table(both))
    assert e.usage[0].percent == pytest.approx(99.2, abs=0.1)
    assert e.usage[0].blocked_percent == pytest.approx(28.3, abs=0.1)
    assert found(e, "ports in use").level == "ready"
    off = examination(host(tcp_tw_reuse=1, tcp_timestamps=0), table(both))
    assert found(off, "ports in use").level == "blocking"
    assert "tcp_tw_reuse=1 has no effect" in found(off, "tcp_timestamps").why


@pytest.mark.parametrize(
    ("state", "sysctls", "command"),
    [
        ("TIME_WAIT", {}, "sudo sysctl -w net.ipv4.tcp_tw_reuse=1"),
        ("CLOSE_WAIT", {}, ""),
        ("FIN_WAIT_2", {}, ""),
        ("ESTABLISHED", {}, 'sudo sysctl -w net.ipv4.ip_local_port_range="1024 65535"'),
        (
            "ESTABLISHED",
            {"ip_unprivileged_port_start": 2_000},
            'sudo sysctl -w net.ipv4.ip_local_port_range="2000 65535"',
        ),
    ],
)
def test_what_helps_follows_from_the_state(state, sysctls, command):
    """TIME_WAIT can be taken over; a leak has to be mended; what is open needs more ports."""
    e = examination(host(**sysctls), table(towards(28_000, state)))
    assert found(e, "ports in use").command == command


def test_a_wider_range_reserves_what_is_listened_on():
    """Both sysctls in one command, with what was reserved before; the widest range has none."""
    holders = (listener(8_080), listener(80), listener(9_000, is_listening=False))
    full = table(towards(28_000, "ESTABLISHED"))
    e = examination(host(ip_local_reserved_ports="7000"), full, holders=holders)
    assert found(e, "ports in use").command == (
        'sudo sysctl -w net.ipv4.ip_local_reserved_ports="7000,8080" '
        'net.ipv4.ip_local_port_range="1024 65535"'
    )
    widest = host(ip_local_port_range="1024 65535")
    assert (
        found(examination(widest, table(towards(64_000, "ESTABLISHED"))), "ports in use").command
        == ""
    )


def test_several_full_destinations_are_one_finding():
    """The fullest is named, the others are counted."""
    e = examination(table=table(*(towards(28_000 - n, port=n + 1) for n in range(3))))
    blocking = [each for each in findings(e) if each.level == "blocking"]
    assert len(blocking) == 1
    assert "198.51.100.7:1: 28,000" in blocking[0].found
    assert blocking[0].found.endswith("; 2 more like it")


@pytest.mark.parametrize(
    ("lone", "level"),
    [(19_762, "ready"), (19_763, "advice"), (26_820, "advice"), (26_821, "blocking")],
)
def test_ports_that_no_destinations_share(lone, level):
    """Taken in bind(): ten destinations with a tenth each leave no port to an eleventh."""
    busy = source(lone, used_ports=lone, lone_ports=lone, both_parities=lone // 2)
    e = examination(table=table(towards(lone // 10), sources=(busy,)))
    assert found(e, "ports in use").level == level
    if level != "ready":
        assert found(e, "ports in use").found == (
            f"from 192.0.2.1 to 10 destinations: {lone:,} of 28,232 ports in use, none shared "
            "between destinations: they were taken in bind()"
        )
        assert "IP_BIND_ADDRESS_NO_PORT" in found(e, "ports in use").why
        assert {each.level for each in findings(e) if each.topic == "ports in use"} == {level}


def test_ports_that_one_destination_explains_were_not_taken_in_bind():
    """connect() fills the range towards one; the few that others have may lie beside it."""
    late = source(28_000, busiest=27_995, used_ports=28_000, lone_ports=28_000)
    assert not late.is_bound_early
    e = examination(table=table(towards(27_995), sources=(late,)))
    assert [each.level for each in findings(e) if each.topic == "ports in use"] == ["blocking"]
    assert found(e, "ports in use").found.startswith("192.0.2.1 to 198.51.100.7:443: 27,995")


def test_what_two_bursts_leave_is_not_blocking():
    """One in the second parity, in TIME_WAIT, one in the first: connect() does that too."""
    left = {"used_ports": 28_000, "lone_ports": 28_000, "destinations": 2, "busiest": 14_000}
    burst = source(28_000, time_waits=28_000, out_of_turn=14_000, **left)
    e = examination(table=table(towards(14_000), sources=(burst,)))
    assert found(e, "ports in use").level == "advice"
    assert "most likely taken in bind()" in found(e, "ports in use").found
    opened = source(28_000, time_waits=9, out_of_turn=14_000, **left)
    assert found(examination(table=table(sources=(opened,))), "ports in use").level == "blocking"
    many = source(28_000, time_waits=28_000, out_of_turn=14_000, **{**left, "busiest": 1})
    assert found(examination(table=table(sources=(many,))), "ports in use").level == "blocking"


def test_ports_out_of_turn_are_summed_up_over_destinations():
    """Five hundred destinations with one early port each are an early binder too."""
    early = source(500, destinations=500, busiest=1, out_of_turn=500)
    e = examination(table=table(towards(1, "ESTABLISHED"), sources=(early,)))
    assert found(e, "bound ports").found.startswith(
        "inferred: about 500 of the 500 connections from 192.0.2.1 to 500 destinations"
    )
    few = source(500, out_of_turn=49)
    assert "bound ports" not in troubles(examination(table=table(sources=(few,))))


def test_a_range_without_a_usable_port_is_blocking():
    """All held: no destination can be called at all."""
    e = examination(host(ip_local_port_range="40000 40001", held_ports=(40_000, 40_001)))
    assert found(e, "ports in use").level == "blocking"
    assert "all are held or reserved" in found(e, "ports in use").found


@pytest.mark.parametrize(
    ("count", "level"),
    [(0, "ready"), (100_000, "ready"), (190_000, "advice"), (249_037, "blocking")],
)
def test_how_full_connection_tracking_is(count, level):
    """Advice from 70 % of 262,144 entries on, blocking from 95 %."""
    e = examination(host(nf_conntrack_count=count))
    assert found(e, "conntrack").level == level


def test_a_table_of_connections_below_the_ports():
    """32,768 entries / 120 s is less than what the ports give, where entries are made at all."""
    e = examination(host(nf_conntrack_count=5, nf_conntrack_max=32_768))
    assert found(e, "conntrack").found.startswith("32,768 entries / 120 s = 273.1/s in all")
    unused = examination(host(nf_conntrack_max=32_768))
    assert found(unused, "conntrack").level == "ready"


@pytest.mark.parametrize(
    ("buckets", "trouble"), [(28_231, True), (100_000, True), (131_072, False), (262_144, False)]
)
def test_tw_buckets_below_the_range_or_below_the_default(buckets, trouble):
    """Too small for one destination, or lowered from what memory gave."""
    e = examination(host(tcp_max_tw_buckets=buckets))
    assert ("tcp_max_tw_buckets" in troubles(e)) is trouble


def test_connection_tracking_is_held_against_the_plain_hold():
    """A table below what tcp_tw_reuse=1 could do is no trouble; one below 455/s may grow 4 times.

    With what it costs, and with the other way.
    """
    reuse = host(tcp_tw_reuse=1, nf_conntrack_count=5)
    assert found(examination(reuse), "conntrack").level == "ready"
    assert len([each for each in findings(examination(reuse)) if each.topic == "conntrack"]) == 1
    for most, wanted in ((32_768, 65_536), (1_000, 4_000)):
        small = found(
            examination(host(tcp_tw_reuse=1, nf_conntrack_count=5, nf_conntrack_max=most)),
            "conntrack",
        )
        assert small.command == f"sudo sysctl -w net.netfilter.nf_conntrack_max={wanted}"
        assert f"{wanted * 300 / 1e6:,.0f} MB when full" in small.risk
        assert "nf_conntrack_tcp_timeout_time_wait=63 gives" in small.why
        assert "a late segment" in small.why


def test_each_sysctl_is_set_by_one_command():
    """A second command would undo the first: of a range, of the reserved ports, of a table."""
    e = examination(
        host(
            ip_local_port_range="40000 40098",
            tcp_tw_reuse=0,
            nf_conntrack_count=990,
            nf_conntrack_max=1_000,
        ),
        table(towards(98, "ESTABLISHED")),
        holders=(listener(8_080), listener(40_007)),
    )
    set_by = [
        (name, each.topic)
        for each in findings(e)
        for name in re.findall(r"(net\.[a-z0-9_.]+)=", each.command)
    ]
    assert len(dict(set_by)) == len(set_by)
    assert dict(set_by)["net.ipv4.ip_local_port_range"] == "ports in use"
    assert found(e, "ports in use").command == (
        'sudo sysctl -w net.ipv4.ip_local_reserved_ports="8080,40007" '
        'net.ipv4.ip_local_port_range="1024 65535"'
    )
    assert found(e, "port range").why.endswith(
        "The command above, for ports in use, sets the same."
    )
    assert found(e, "listeners").command == found(e, "listeners").risk == ""


def test_what_a_wider_range_would_take_in_is_named():
    """Listeners outside of the present range, inside the new one, and not reserved yet."""
    holders = (listener(33_000), listener(40_007), listener(50_000), listener(8_080))
    narrow = host(ip_local_port_range="40000 40099", ip_local_reserved_ports="50000")
    wider = found(examination(narrow, holders=holders), "port range")
    assert wider.command == (
        'sudo sysctl -w net.ipv4.ip_local_reserved_ports="33000,40007,50000" '
        'net.ipv4.ip_local_port_range="32768 60999"'
    )
    assert wider.risk.startswith("services on 33000 would lose their ports at a restart")


def test_reuse_that_was_switched_on_is_ready():
    """What the doctor itself recommends is no advice once it is done."""
    e = examination(host(tcp_tw_reuse=1))
    assert troubles(e) == set()
    assert found(e, "tcp_tw_reuse").found.startswith(
        "1: connect() takes a TIME_WAIT over after 1,000 ms, so 28,232/s to each destination"
    )


def test_a_fin_wait_2_of_an_orphan_is_not_called_time_wait():
    """The kernel counts both against tcp_max_tw_buckets."""
    counters = {"sockstat.TCP.tw": 80}
    piled = table(towards(60, "FIN_WAIT_2"), orphaned_fin_wait_2=60)
    text = found(examination(table=piled, counters=counters), "TIME_WAIT").found
    assert text.startswith("80 of at most 131,072 (tcp_max_tw_buckets), 60 of them FIN_WAIT_2")
    every = table(towards(80, "FIN_WAIT_2"), orphaned_fin_wait_2=80)
    assert ", all of them FIN_WAIT_2 of orphans;" in (
        found(examination(table=every, counters=counters), "TIME_WAIT").found
    )


def test_the_memory_of_time_wait_is_that_of_the_plan():
    """540 bytes each, as measured: 131,072 of them are 71 MB."""
    small = examination(host(tcp_max_tw_buckets=100))
    assert found(small, "tcp_max_tw_buckets").risk.startswith(
        f"{TIME_WAIT_BYTES} bytes for each TIME_WAIT, 71 MB for all"
    )


@pytest.mark.parametrize(
    ("count", "level"), [(716, "ready"), (717, "advice"), (972, "advice"), (973, "blocking")]
)
def test_how_full_the_descriptors_of_a_process_are(count, level):
    """Advice from 70 % of its own soft limit on, blocking from 95 %, and no more than it may."""
    near = found(examination(descriptors=(process(count, 1_024),)), "descriptors")
    assert near.level == level
    if level != "ready":
        assert near.found == f"nginx (812): {count:,} of 1,024 ({count / 10.24:.1f} %)"
        assert near.command == "sudo prlimit --pid 812 --nofile=20000:"
        full = examination(descriptors=(process(count, 1_024, 1_024),))
        assert found(full, "descriptors").command == "sudo prlimit --pid 812 --nofile=4096:4096"


def test_the_descriptors_of_the_machine():
    """fs.file-max counts only where it is near, and where there is one."""
    near = found(examination(files=(960, 1_000)), "open files")
    assert (near.level, near.found[:12]) == ("blocking", "960 of 1,000")
    for files in ((10, 1_000), (960, 2**63 - 1), None):
        assert found(examination(files=files), "open files").level == "ready"


def test_syncookies_that_are_off():
    """A server's queue of half-open connections, once full, drops clients."""
    assert "tcp_syncookies" in troubles(examination(host(tcp_syncookies=0)))


def test_no_user_namespace_is_no_trouble_of_the_host():
    """Advice: nothing fails but a private lab, and doctor PROFILE says whether that is needed."""
    e = examination(no_user_namespace=("unshare: EPERM", "sudo sysctl -w x=0"))
    assert found(e, "user namespaces").level == "advice"
    assert status(findings(e)) == "ready"


def test_where_a_short_fin_timeout_helps_it_is_left_alone():
    """Who has a pile of FIN_WAIT_2 is told of the myth, and not to undo what helps."""
    myth = examination(host(tcp_fin_timeout=15))
    assert found(myth, "tcp_fin_timeout").command == "sudo sysctl -w net.ipv4.tcp_fin_timeout=60"
    piled = table(towards(5_000, "FIN_WAIT_2"), orphaned_fin_wait_2=5_000)
    assert found(examination(host(tcp_fin_timeout=15), piled), "tcp_fin_timeout").command == ""
    assert "tcp_fin_timeout=15" in found(examination(table=piled), "FIN_WAIT_2").command


def test_orphans_near_their_limit():
    """Half of tcp_max_orphans; unknown in a namespace of its own, and then nothing is said."""
    many = table(orphans=4_096)
    assert found(examination(table=many), "orphans").found == "4,096 of 8,192 (50.0 %)"
    assert "orphans" not in troubles(examination(table=many, max_orphans=None))


def test_a_soft_limit_of_descriptors():
    """1,024 is advice with the command of the shell; where nobody knows, the hard one is shown."""
    short = replace(host(), open_files_soft=1_024)
    assert found(examination(short), "open files").command == "ulimit -n 20000"
    assert found(examination(replace(host(), open_files_soft=None)), "open files").level == "ready"


def test_a_small_pile_is_not_named():
    """Nine late sockets of one process are no pile, ten of nobody in particular are."""
    pile = Pile(owner=None, sockets=10, oldest_s=2.0)
    text = found(examination(piles=(pile,)), "CLOSE_WAIT").found
    assert text == "programs of other users have 10 connections in CLOSE_WAIT, the oldest for 2 s"


def test_without_sock_diag_no_figure_of_sockets_is_given():
    """What could not be read is not said to be ready."""
    blind = examination(sees_sockets=False, unseen=("connections: sock_diag says no",))
    assert "ports in use" not in {each.topic for each in findings(blind)}


@pytest.mark.parametrize("states", [sock_diag.LISTEN | sock_diag.BOUND_INACTIVE, sock_diag.OTHERS])
def test_a_dump_that_is_refused_is_said_and_never_guessed(monkeypatch, states):
    """What the kernel keeps to itself is named in a line, and the rest is read all the same."""
    real = sock_diag.dump

    def refusing(asked: int, family: int | None = None, *, with_info: bool = False):
        if asked == states:
            raise PermissionError(1, "Operation not permitted")
        return replace(real(asked, family, with_info=with_info), is_interrupted=True)

    monkeypatch.setattr(sock_diag, "dump", refusing)
    e = examine()
    assert not e.sees_sockets
    said = [text for text in e.unseen if "Operation not permitted" in text]
    assert len(said) == 1
    assert sum("changed while they were read" in text for text in e.unseen) == 3
    assert e.environment.ports.count


def test_an_old_kernel_does_not_list_idle_sockets(monkeypatch):
    """Before Linux 6.8 it is said that bound and idle ports cannot be seen."""
    monkeypatch.setattr(
        "tw_bench.doctor.examination.read_host_facts", lambda: replace(host(), kernel="5.15.0")
    )
    assert "ports that are bound and idle: Linux lists them since 6.8" in examine().unseen


def test_every_finding_is_whole():
    """Each says what was found and why it matters in sentences, and a command has its risk."""
    for finding in findings(PATIENT):
        assert finding.found
        if finding.level != "ready":
            assert finding.why.endswith(".")
            assert bool(finding.command) <= bool(finding.risk)


def test_every_command_is_one_that_a_shell_takes_as_it_stands():
    """Words and quotes are in order, and each sysctl that is set exists on Linux."""
    places = [
        PATIENT,
        examination(
            host(
                ip_local_port_range="40000 40098",
                somaxconn=1,
                tcp_tw_reuse=0,
                tcp_timestamps=0,
                tcp_rfc1337=1,
                tcp_max_tw_buckets=9,
            )
        ),
    ]
    commands = [each.command for e in places for each in findings(e) if each.command]
    assert len(commands) > 10
    for command in commands:
        first, program, *rest = shlex.split(command)
        assert (first, program) in {("sudo", "sysctl"), ("sudo", "sed"), ("sudo", "prlimit")}
        if program == "sysctl":
            assert rest[0] == "-w"
            assert all(re.fullmatch(r"net\.[a-z0-9_.]+=[0-9 ,-]+", word) for word in rest[1:])


def test_the_table_of_checks_is_all_checks():
    """Each check is in the table once; each says what it looks for."""
    assert len(set(CHECKS)) == len(CHECKS)
    assert all(check.__doc__ for check in CHECKS)


def test_ports_are_written_as_the_sysctl_takes_them():
    """Neighbours become a range, and each port is there once."""
    assert ports_text([5, 1, 2, 3, 3, 9]) == "1-3,5,9"
    assert ports_text([]) == ""


def test_settings_are_found_in_the_files_of_boot(tmp_path: Path):
    """With dots or slashes, with a leading minus, and never in a comment; a link counts once."""
    (tmp_path / "etc/sysctl.d").mkdir(parents=True)
    (tmp_path / "usr/lib/sysctl.d").mkdir(parents=True)
    (tmp_path / "lib").symlink_to(tmp_path / "usr/lib")
    name = "net.ipv4.tcp_tw_recycle"
    (tmp_path / "etc/sysctl.conf").write_text(f"# {name}=1\n{name} = 1\n")
    (tmp_path / "etc/sysctl.d/9.conf").write_bytes(b"\xff\n-net/ipv4/tcp_tw_recycle=1\n")
    (tmp_path / "usr/lib/sysctl.d/1.conf").write_text(f"; {name}=1\n{name}_x=1\n{name}=1\n")
    places = [(Path(each.path).name, each.line) for each in boot_settings(name, tmp_path)]
    assert places == [("sysctl.conf", 2), ("9.conf", 2), ("1.conf", 3)]


def test_trying_a_namespace_leaves_nothing_behind():
    """The answer is this host's; the child has gone, and this process is where it was."""
    before = Path("/proc/self/ns/net").readlink(), os.getuid()
    answer = refusal()
    assert answer is None or all(answer)
    assert before == (Path("/proc/self/ns/net").readlink(), os.getuid())


def test_what_a_profile_needs_that_is_not_there(tmp_path: Path):
    """No namespace, no nft, no sysctl, ports that others hold: each is named."""
    path = tmp_path / "p.yaml"
    path.write_text("title: x\nconnection: {active_closer: both}\n")
    place = Place(
        no_user_namespace=("seccomp", "start the container with --privileged"),
        has_nft=False,
        missing_sysctls=("net.ipv4.no_such",),
    )
    texts = [
        f"{each.level} {each.found} {each.why}" for each in check_profile(read(path), SMALL, place)
    ]
    assert texts[0].startswith("blocking user namespaces are forbidden (seccomp)")
    assert "What helps: start the container" in texts[0]
    assert texts[1].startswith("blocking not installed")
    assert texts[2].startswith("blocking this kernel (6.18.0) has no net.ipv4.no_such")
    path.write_text(
        "title: x\nlab: {topology: host, ports: 33000-33099}\n"
        "connection: {source_port: socket_range}\n"
    )
    held = host(held_ports=(33_001, 40_000))
    found = check_profile(read(path), held, Place(no_user_namespace=("x", "y")))
    assert status(found) == "ready"
    assert found[0].found == "topology host: 1 of lab.ports are held by others here"


@pytest.mark.parametrize(
    ("platform", "preset"), [("darwin", "macos"), ("win32", "windows"), ("freebsd14", "freebsd")]
)
def test_another_system_is_told_what_cannot_be_seen(platform, preset):
    """Exit code 3 and one line; nothing of Linux is imported before it."""
    script = (
        "import sys\n"
        "from tw_bench.errors import HostError\n"
        "for name in ('resource', 'fcntl', 'tw_bench.kernel', 'tw_bench.plan'):\n"
        "    sys.modules[name] = None\n"
        "from tw_bench.cli.doctor import doctor\n"
        f"sys.platform = {platform!r}\n"
        "try:\n    doctor()\n"
        "except HostError as error:\n    print(error.exit_code, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(
        f"3 doctor reads Linux: /proc, sock_diag and namespaces. This is {platform}"
    )
    assert done.stdout.endswith(f"tw-bench plan --host {preset}\n")
    assert done.stdout.count("\n") == 1


def test_the_longest_address_is_an_address():
    """The address of the texts is as long as IPv6 writes them."""
    assert len(LONG) == 38
