"""What /proc says of a process in a lab: its pid out here, its time, who listens beside it."""

import contextlib
import ipaddress
import os
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from tw_bench.kernel.process import Process

_LISTEN = "0A"  # TCP_LISTEN, include/net/tcp_states.h
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def pid_of(process: Process) -> int:
    """Return the pid by which this pid namespace knows the process; -1 when it has gone."""
    text = Path(f"/proc/self/fdinfo/{process.pidfd}").read_text()
    match = re.search(r"^Pid:\s*(-?\d+)", text, re.MULTILINE)  # pidfd_show_fdinfo, fs/pidfs.c
    return int(match[1]) if match else -1


def tree(pid: int) -> Iterator[int]:
    """Yield the process and all below it that still run."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from tree(int(child))


def cpu_s(pid: int) -> float:
    """Return user and system seconds of a process and of those below it, ended ones included.

    A child that ended counts for its parent (cutime, cstime; proc_pid_stat(5)); 0 when the
    process has gone.
    """
    ticks = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            # The name may hold spaces and brackets; after the last bracket comes field 3.
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return ticks / _TICKS_PER_S


def not_listening(pid: int, addresses: Sequence[tuple[str, int]]) -> list[str]:
    """Return which addresses nobody listens on in the process's network namespace."""
    listening = _listeners(pid)
    return [
        f"{address}:{port}"
        for address, port in addresses
        if not {(ipaddress.ip_address(address), port), *_wildcards(port)} & listening
    ]


def _wildcards(port: int) -> set[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    return {(ipaddress.ip_address(address), port) for address in ("0.0.0.0", "::")}


def _listeners(pid: int) -> set[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    found = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # it has gone, or there is no IPv6
            for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
                _, local, _, state = line.split(maxsplit=4)[:4]
                if state == _LISTEN:
                    address, _, port = local.partition(":")
                    found.add((_address(address), int(port, 16)))
    return found


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address from words of 32 bits in the machine's order (get_tcp4_sock).

    >>> _address("0100007F") if struct.pack("=I", 1)[0] else "a big-endian machine"
    IPv4Address('127.0.0.1')
    """
    words = [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]
    return ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
