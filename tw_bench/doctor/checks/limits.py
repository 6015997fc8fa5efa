"""Walls beside the ports: connection tracking, queues of servers, namespaces. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from tw_bench.doctor.examination import Examination
from tw_bench.doctor.finding import Finding, Remedy, ready, setting
from tw_bench.doctor.usage import limits_here
from tw_bench.units import rate_text

_FULL = 95.0  # percent
_HIGH = 70.0  # percent
_SOMAXCONN = 4_096  # SOMAXCONN since Linux 5.4 (19f92a030ca6)
_ENTRY_BYTES = 300  # about: a struct nf_conn with what is attached to it
_ENDS_S = 63  # after which no end is in TIME_WAIT any more, at HZ 250
_MOST_TIMES = 4  # more entries than now, at once


def conntrack(e: Examination) -> Iterator[Finding]:
    """How full the table of tracked connections is."""
    count, most = _conntrack(e)
    if most is None or not count:
        yield ready("conntrack", "not in use here" + (f" (at most {most:,})" if most else ""))
        return
    share = 100 * count / most
    found = f"{count:,} of {most:,} connections ({share:.1f} %)"
    if share < _HIGH:
        yield ready("conntrack", found)
        return
    yield Finding(
        level="blocking" if share >= _FULL else "advice",
        topic="conntrack",
        found=found,
        why="When it is full, new connections are dropped without an error: they time out."
        + _shorter(e, most),
        **_more_entries(2 * most),
    )


def conntrack_rate(e: Examination) -> Iterator[Finding]:
    """A table that fills before the ports of one destination do."""
    count, most = _conntrack(e)
    if most is None or not count:
        return
    hold_s = e.environment.conntrack_hold_s
    # As TIME_WAIT holds ports, not as tcp_tw_reuse gives them back: nobody may want that rate.
    plain = replace(e.environment, tw_reuse=0)
    _, ports_per_s = limits_here(plain, loopback=False)
    if ports_per_s is None or most / hold_s >= ports_per_s:
        return
    yield Finding(
        level="advice",
        topic="conntrack",
        found=f"{most:,} entries / {hold_s:g} s = {rate_text(most / hold_s)} in all; the ports "
        f"give {rate_text(ports_per_s)} to each destination",
        why="A closed connection stays in the table longer than its port is held, so the table is "
        "the lower limit." + _shorter(e, most),
        **_more_entries(min(_MOST_TIMES * most, _power(ports_per_s * hold_s))),
    )


def _more_entries(wanted: int) -> Remedy:
    """Return command and risk of a larger table."""
    return {
        "command": f"sudo sysctl -w net.netfilter.nf_conntrack_max={wanted}",
        "risk": f"about 0.3 kB of memory an entry, {wanted * _ENTRY_BYTES / 1e6:,.0f} MB when "
        "full; in a container this is set on the host",
    }


def _shorter(e: Examination, most: int) -> str:
    """Return the other way, where there is one: entries that go sooner."""
    if e.environment.conntrack_hold_s <= _ENDS_S:
        return ""
    return (
        f" Shorter instead of larger: nf_conntrack_tcp_timeout_time_wait={_ENDS_S} gives "
        f"{rate_text(most / _ENDS_S)}, at the risk that a late segment finds no entry and is "
        "dropped or, behind NAT, reaches another connection."
    )


def _conntrack(e: Examination) -> tuple[int, int | None]:
    sysctls = e.facts.sysctls
    most = sysctls.get("net.netfilter.nf_conntrack_max")
    count = int(sysctls.get("net.netfilter.nf_conntrack_count", "0"))
    return count, int(most) if most and int(most) else None  # 0: no limit


def _power(number: float) -> int:
    """Return the next power of two."""
    return 1 << max(0, int(number) - 1).bit_length()


def somaxconn(e: Examination) -> Iterator[Finding]:
    """A short accept queue, whatever backlog a server asks for."""
    value = int(e.facts.sysctls.get("net.core.somaxconn", _SOMAXCONN))
    if value >= _SOMAXCONN:
        if "net.core.somaxconn" in e.facts.sysctls:
            yield setting("somaxconn", f"{value:,}")
        return
    overflows = e.counters.get("TcpExt.ListenOverflows", 0)
    so_far = f"; {overflows:,} connections found a queue full so far" if overflows else ""
    yield Finding(
        level="advice",
        topic="somaxconn",
        found=f"{value:,}; Linux sets {_SOMAXCONN:,} since 5.4{so_far}",
        why="A server's accept queue is no longer than this; when it is full, a client waits a "
        "second and tries again.",
        command=f"sudo sysctl -w net.core.somaxconn={_SOMAXCONN}",
        risk="none; a server must listen() again to have it",
    )


def syncookies(e: Examination) -> Iterator[Finding]:
    """Whether a full queue of half-open connections still lets new ones in."""
    value = e.facts.sysctls.get("net.ipv4.tcp_syncookies")
    if value is None:
        return
    if value != "0":
        yield setting("tcp_syncookies", value)
        return
    yield Finding(
        level="advice",
        topic="tcp_syncookies",
        found="0; Linux sets 1",
        why="When the queue of half-open connections is full, a SYN is dropped and the client "
        "waits a second.",
        command="sudo sysctl -w net.ipv4.tcp_syncookies=1",
        risk="none while the queue is not full; then a connection may lack window scaling",
    )


def user_namespaces(e: Examination) -> Iterator[Finding]:
    """Whether tw-bench can make a private lab here."""
    if e.no_user_namespace is None:
        yield ready("user namespaces", "allowed: tw-bench run can make a private lab here")
        return
    cause, remedy = e.no_user_namespace
    is_command = remedy.startswith("sudo ")
    yield Finding(
        level="advice",  # the host is well; whether a profile needs them: profile_check.py
        topic="user namespaces",
        found=f"forbidden ({cause})",
        why="tw-bench run cannot make a private lab, only run on this host itself "
        "(lab.topology=host)." + ("" if is_command else f" What helps: {remedy}."),
        command=remedy if is_command else "",
        risk="unprivileged processes can reach more of the kernel" if is_command else "",
    )
