"""How many sockets of a namespace are in which state: all eleven, as sock_diag has them."""

import socket
import time
from collections import Counter

from tw_bench.kernel import sock_diag

COLUMNS = tuple(f"state_{name.lower()}" for name in sock_diag.STATES.values())

_ALL_BUT_TIME_WAIT = 0x0FFF & ~sock_diag.TIME_WAIT
_LEAST_IDLE = 99  # times what a look took: 1 % of a processor at the most
_NOBODYS = b"\0\0\0\0"  # the inode of a socket that no process has


class States:
    """The sockets of one side, counted.

    TIME_WAIT is not listed, for there may be sixty thousand, but taken from sockstat, which counts
    the FIN_WAIT_2 that nobody has any more with it: they are kept in the same small form
    (tcp_time_wait, net/ipv4/tcp_minisocks.c).
    """

    def __init__(self, diagnosis: int) -> None:
        self._link = socket.socket(fileno=diagnosis)
        self._counts: Counter[str] = Counter()
        self._small = 0  # FIN_WAIT_2 in the form of a TIME_WAIT
        self._due_ns = 0

    def read(self, in_small_form: int) -> list[int]:
        """Return sockets by state, in the order of COLUMNS; of the last look, until one is due.

        `in_small_form` is what sockstat says of TIME_WAIT now.
        """
        started_ns = time.monotonic_ns()
        if started_ns >= self._due_ns:
            self._look()
            ended_ns = time.monotonic_ns()
            self._due_ns = ended_ns + _LEAST_IDLE * (ended_ns - started_ns)
        counts = self._counts | {"TIME_WAIT": max(0, in_small_form - self._small)}
        return [counts.get(name, 0) for name in sock_diag.STATES.values()]

    def _look(self) -> None:
        counts: Counter[str] = Counter()
        small = 0
        for run in sock_diag.records(sock_diag.dump(_ALL_BUT_TIME_WAIT, link=self._link).datagrams):
            for kind, _, _, inode in run:
                state = sock_diag.STATES.get(kind[1], "CLOSED")
                counts[state] += 1
                small += state == "FIN_WAIT_2" and inode == _NOBODYS
        self._counts, self._small = counts, small
