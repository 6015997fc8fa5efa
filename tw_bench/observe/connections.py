"""What the connections of one namespace do while a program runs in it: looked at every 20 ms.

Run inside that namespace. Prints `ready`; is sent a line with the program's pid, and one with the
instant at which it ended (CLOCK_MONOTONIC, ns); looks a last time and prints what it saw as JSON.
What is shorter than the pause between two looks is in the kernel's counters and not in here.
"""

import json
import os
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tw_bench.doctor.census import census, holders
from tw_bench.doctor.socket_table import Destination, SocketTable
from tw_bench.kernel import procfs, sock_diag

_PAUSE_S = 0.02
_LEAST_IDLE = 19  # times what a look took: 5 % of a processor at the most
_CENSUS_S = 1.0
_RECENT_NS = 1_000_000_000
_LINES = 2  # the program's pid, and when it ended
_DISCARD_PORT = 9  # RFC 863; nobody listens
_REACHABLE_S = 5.0

States = dict[str, int]


class Watch:
    """All looks, folded as they come: memory stays flat."""

    def __init__(self, low: int, high: int) -> None:
        self._range = range(low, high + 1)
        # Not a procfs.Selection: the file grows a line when the program's first ICMP comes in.
        self._counters = {"snmp": procfs.open_counters()["snmp"]}
        self._listening: set[int] = set()
        self._opens: deque[tuple[int, int]] = deque()
        self._states: States = {}
        self._before_end: tuple[int, States] | None = None
        self._busiest = 0
        self._peak = 0
        self._most: dict[str, Destination] = {}
        self._fullest = SocketTable()
        self.pid: int | None = None  # of the program, as our /proc has it

    def look(self) -> None:
        """Note how many connections were opened, and what state each is in."""
        now_ns = time.monotonic_ns()
        opens = procfs.read_counters(self._counters)["Tcp.ActiveOpens"]
        self._opens.append((now_ns, opens))
        while now_ns - self._opens[0][0] > _RECENT_NS:
            self._opens.popleft()
        self._busiest = max(self._busiest, opens - self._opens[0][1])
        states: Counter[str] = Counter()
        for run in sock_diag.records(sock_diag.dump(sock_diag.OTHERS).datagrams):
            states.update(sock_diag.STATES.get(kind[1], "CLOSED") for kind, _, _, _ in run)
        self._states = dict(states.most_common())
        if self.pid is not None and _has_files(self.pid):
            self._before_end = now_ns, self._states
        self._peak = max(self._peak, states["ESTABLISHED"])
        held = holders(sock_diag.dump(sock_diag.LISTEN).datagrams)
        self._listening |= {holder.port for holder in held}

    def count(self) -> None:
        """Count the ports that each destination has, those in TIME_WAIT with the others."""
        time_waits: dict[int, tuple[bytes, ...]] = {
            family: sock_diag.dump(sock_diag.TIME_WAIT, family).datagrams
            for family in (socket.AF_INET, socket.AF_INET6)
        }
        others = sock_diag.dump(sock_diag.OTHERS).datagrams
        for datagrams in time_waits.values():
            self._listening |= _servers(datagrams)
        for found in self._census(time_waits, others).busiest:
            known = self._most.get(found.name)
            if known is None or found.used_ports >= known.used_ports:
                self._most[found.name] = found
        waiting = self._census(time_waits, ())
        if _time_waits(waiting) >= _time_waits(self._fullest):
            self._fullest = waiting

    def report(self, ended_ns: int) -> dict[str, Any]:
        """Return what was seen, the last look being after the end of the program."""
        at_ns, states = self._before_end or (ended_ns, {})
        waiting = {found.name: found.used_ports for found in self._fullest.busiest}
        return {
            "busiest_second": self._busiest,
            "peak_established": self._peak,
            "open_at_end": states,
            "looked_before_end_s": max(0, ended_ns - at_ns) / 1e9,
            "left": self._states,
            "time_waits": _time_waits(self._fullest),
            "destinations": [
                {
                    **asdict(found),
                    "name": name,
                    "is_loopback": found.is_loopback,
                    "most_ports": found.used_ports,
                    "time_waits": waiting.get(name, 0),
                }
                for name, found in self._most.items()
            ],
        }

    def _census(
        self, time_waits: dict[int, tuple[bytes, ...]], others: tuple[bytes, ...]
    ) -> SocketTable:
        return census(
            time_waits,
            others,
            usable=self._range,
            first_port=self._range.start,
            listening=self._listening,
        )


def _has_files(pid: int) -> bool:
    """Return whether a process has not begun to end.

    It lets go of all its descriptors at once, and only then are their sockets closed (exit_files,
    kernel/exit.c): what was seen before this was asked is as the program left it.
    """
    try:
        with os.scandir(f"/proc/{pid}/fd") as files:
            return next(files, None) is not None
    except OSError:
        return False


def _servers(datagrams: tuple[bytes, ...]) -> set[int]:
    """Return ports of servers in here that listened for less than a look.

    Both ends of a connection are in here. A server's end has a port in common with its other
    connections; a client's end has the other port in common with them.
    """
    inside = [
        (port, rest[:2])
        for run in sock_diag.time_waits(datagrams)
        for port, rest in run
        if rest[2:18] == rest[18:]  # from an address to itself
    ]
    own = Counter(port for port, _ in inside)
    other = Counter(port for _, port in inside)
    return {port for port, remote in inside if own[port] > max(1, other[remote])}


def _time_waits(table: SocketTable) -> int:
    return table.by_state.get("TIME_WAIT", 0)


def _wait_until_reachable(address: str) -> None:
    """Return once a packet has been there and back.

    A link that has just come up may drop its first one, and that costs a second (IPv6 more often
    than not). Asked by UDP, which leaves no trace in what is counted here: the answer is "port
    unreachable".
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(_REACHABLE_S)
        asking.connect((address, _DISCARD_PORT))
        try:
            asking.send(b"?")
            asking.recv(1)
        except OSError:  # ECONNREFUSED is the answer; without one the program will find out
            pass


def _cpu_s(step: Callable[[], None]) -> float:
    """Return what a step costs; the time that others have the processor is not ours."""
    started_s = time.process_time()
    step()
    return time.process_time() - started_s


def main() -> None:
    """Run as `python -m tw_bench.observe.connections LOW HIGH ADDRESS`: the range, the target."""
    watch = Watch(int(sys.argv[1]), int(sys.argv[2]))
    _wait_until_reachable(sys.argv[3])
    watch.look()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    pause_s, due_s = _PAUSE_S, time.monotonic() + _CENSUS_S
    lines = b""
    while lines.count(b"\n") < _LINES:
        if select.select([0], [], [], pause_s)[0]:
            received = os.read(0, 64)
            if not received:
                return  # whoever asked is gone
            lines += received
            watch.pid = int(lines.partition(b"\n")[0])
        pause_s = max(_PAUSE_S, _LEAST_IDLE * _cpu_s(watch.look))
        if time.monotonic() >= due_s:
            due_s = time.monotonic() + max(_CENSUS_S, _LEAST_IDLE * _cpu_s(watch.count))
    watch.count()
    sys.stdout.write(json.dumps(watch.report(int(lines.split()[1]))) + "\n")


if __name__ == "__main__":
    main()
