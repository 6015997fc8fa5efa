"""TIME_WAIT, and the sysctls that are said to shorten it. Pure.

A myth is only spoken of where somebody has acted on it. What each does: docs/remedies.md.
"""

import shlex
from collections.abc import Iterator

from tw_bench.doctor.checks.sockets import has_fin_wait_2_pile
from tw_bench.doctor.examination import Examination
from tw_bench.doctor.finding import Finding, ready, setting
from tw_bench.plan.population import TIME_WAIT_BYTES
from tw_bench.units import rate_text

_FIN_TIMEOUT_S = 60  # TCP_FIN_TIMEOUT, include/net/tcp.h
_NEARLY = 0.95


def timestamps(e: Examination) -> Iterator[Finding]:
    """TCP timestamps that are off."""
    if e.environment.timestamps:
        yield from _as_it_is(e, "net.ipv4.tcp_timestamps")
        return
    reuse = (
        f"tcp_tw_reuse={e.environment.tw_reuse} has no effect: " if e.environment.tw_reuse else ""
    )
    yield Finding(
        level="advice",
        topic="tcp_timestamps",
        found="off",
        why=f"{reuse}without timestamps no TIME_WAIT is ever taken over, and nothing tells old "
        "segments from new ones (PAWS, RFC 7323).",
        command="sudo sysctl -w net.ipv4.tcp_timestamps=1",
        risk="12 bytes in each segment; only new connections use them",
    )


def tw_reuse(e: Examination) -> Iterator[Finding]:
    """What tcp_tw_reuse does here, after how long."""
    here = e.environment
    delay = "1 to 2 s" if here.tw_reuse_delay_ms is None else f"{here.tw_reuse_delay_ms:,} ms"
    if here.tw_reuse == 0 and e.facts.kernel_version >= (4, 19):
        yield Finding(
            level="advice",
            topic="tcp_tw_reuse",
            found="0, off for loopback too; Linux sets 2",
            why="Connections to 127.0.0.1 or ::1 then hold their ports for a minute as well.",
            command="sudo sysctl -w net.ipv4.tcp_tw_reuse=2",
            risk="none: on loopback nothing is delayed or comes out of order",
        )
    elif here.tw_reuse == 1 and here.timestamps:
        slowest_s = 2.0 if here.tw_reuse_delay_ms is None else here.tw_reuse_delay_ms / 1000
        yield ready(
            "tcp_tw_reuse",
            f"1: connect() takes a TIME_WAIT over after {delay}, so "
            f"{rate_text(here.usable_ports / slowest_s)} to each destination whose segments carry "
            "timestamps; never a FIN_WAIT_2",
        )
    elif "net.ipv4.tcp_tw_reuse" in e.facts.sysctls:
        means = {0: "off", 1: "no effect", 2: f"loopback only, after {delay}"}
        yield setting("tcp_tw_reuse", f"{here.tw_reuse} ({means.get(here.tw_reuse, 'unknown')})")


def _as_it_is(e: Examination, name: str, unit: str = "") -> Iterator[Finding]:
    """Say the value of a sysctl that is as it should be, where it was read."""
    value = e.facts.sysctls.get(name)
    if value is not None:
        yield setting(name.rpartition(".")[2], value + unit)


def tw_recycle(e: Examination) -> Iterator[Finding]:
    """A file that asks for a sysctl which is gone."""
    for line in e.tw_recycle[:1]:
        gone = e.facts.kernel_version >= (4, 12)
        paths = dict.fromkeys(s.path for s in e.tw_recycle)
        yield Finding(
            level="advice",
            topic="tcp_tw_recycle",
            found=f"{line.path} line {line.line} sets it"
            + ("; this kernel has no such sysctl" if gone else ""),
            why="It dropped clients behind NAT and was removed in Linux 4.12; tcp_tw_reuse is the "
            "one for clients.",
            command=f"sudo sed -i '/tcp_tw_recycle/d' {' '.join(map(shlex.quote, paths))}",
            risk="none" if gone else "none, but clients behind NAT come through again",
        )


def fin_timeout(e: Examination) -> Iterator[Finding]:
    """The most common myth: tcp_fin_timeout and TIME_WAIT."""
    value = e.facts.sysctls.get("net.ipv4.tcp_fin_timeout", str(_FIN_TIMEOUT_S))
    if int(value) == _FIN_TIMEOUT_S:
        yield from _as_it_is(e, "net.ipv4.tcp_fin_timeout", " s")
        return
    helps = int(value) < _FIN_TIMEOUT_S and has_fin_wait_2_pile(e)
    yield Finding(
        level="advice",
        topic="tcp_fin_timeout",
        found=f"{value} s; Linux sets {_FIN_TIMEOUT_S} s",
        why="It does not change TIME_WAIT, which is a constant of the kernel: it limits how long "
        "an orphan stays in FIN_WAIT_2, waiting for the peer's FIN.",
        command="" if helps else f"sudo sysctl -w net.ipv4.tcp_fin_timeout={_FIN_TIMEOUT_S}",
        risk="" if helps else "orphans whose peer never closes are kept longer",
    )


def rfc1337(e: Examination) -> Iterator[Finding]:
    """tcp_rfc1337: an RST does not end TIME_WAIT."""
    if e.facts.sysctls.get("net.ipv4.tcp_rfc1337", "0") == "0":
        yield from _as_it_is(e, "net.ipv4.tcp_rfc1337")
        return
    yield Finding(
        level="advice",
        topic="tcp_rfc1337",
        found="1; Linux sets 0",
        why="An RST no longer ends a TIME_WAIT (tcp_timewait_state_process): safer, but no port "
        "comes back early.",
        command="sudo sysctl -w net.ipv4.tcp_rfc1337=0",
        risk="an old or forged RST may end a TIME_WAIT early (RFC 1337)",
    )


def max_tw_buckets(e: Examination) -> Iterator[Finding]:
    """A limit of TIME_WAIT below what the range alone would make."""
    buckets, ports = e.environment.max_tw_buckets, e.environment.usable_ports
    if buckets is None:
        return
    default = abs(e.socket_slots) // 2 if e.socket_slots else None  # negative: shared slots
    is_lowered = default is not None and buckets < default
    if buckets >= ports and not is_lowered:
        return
    linux = f"; Linux set {default:,} here" if is_lowered else ""
    enough = max(default or 0, 2 * ports, 65_536)
    few = f"{buckets:,}, below the {ports:,} usable ports" if buckets < ports else f"{buckets:,}"
    yield Finding(
        level="advice",
        topic="tcp_max_tw_buckets",
        found=few + linux,
        why="A TIME_WAIT above it is destroyed at once: ports come back because what protects the "
        "next connection on them from late segments is gone.",
        command=f"sudo sysctl -w net.ipv4.tcp_max_tw_buckets={enough}",
        risk=f"{TIME_WAIT_BYTES} bytes for each TIME_WAIT, "
        f"{enough * TIME_WAIT_BYTES / 1e6:,.0f} MB for all; the limit of the ports is back",
    )


def time_wait(e: Examination) -> Iterator[Finding]:
    """How many there are against the most that there may be; what has been destroyed."""
    dropped = e.counters.get("TcpExt.TCPTimeWaitOverflow", 0)
    most = e.environment.max_tw_buckets
    now = e.counters.get("sockstat.TCP.tw", e.table.by_state.get("TIME_WAIT", 0))
    if most is None:
        return
    counted = f"{now:,} of at most {most:,} (tcp_max_tw_buckets){_in_fin_wait_2(e, now)}"
    if dropped or now >= _NEARLY * most:
        yield Finding(
            level="advice",
            topic="TIME_WAIT",
            found=f"{counted}; {dropped:,} destroyed so far",
            why="A connection whose TIME_WAIT is destroyed can be hit by late segments of the one "
            "before it (TCPTimeWaitOverflow).",
        )
        return
    hold = e.environment.time_wait
    lasts = f"each lasts {hold.shortest_s:g} to {hold.longest_s:.2f} s"
    yield ready("TIME_WAIT", f"{counted}; {lasts}")


def _in_fin_wait_2(e: Examination, now: int) -> str:
    """Say how many of the kernel's count are no TIME_WAIT yet.

    It keeps the FIN_WAIT_2 of an orphan in the same small form, and counts it against the same
    limit (tcp_time_wait, net/ipv4/tcp_minisocks.c).
    """
    count = min(e.table.orphaned_fin_wait_2, now)
    if not count:
        return ""
    return f", {'all' if count == now else f'{count:,}'} of them FIN_WAIT_2 of orphans"
