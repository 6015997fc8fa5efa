"""The sockets of one side, state by state, as sock_diag tells them; and what changed since."""

import socket
import time
from collections import Counter

from tw_bench.kernel import procfs, sock_diag

Connection = tuple[str, int, str, int]  # own address and port, the other's
Change = tuple[int, str, Connection, str]  # ns, side, connection, its new state; CLOSED: gone

_MANY = 5_000  # TIME_WAIT sockets, from which on they are counted and not listed
_ALL = 0xFFF
_MOST_CHANGES = 20_000
_NOBODYS = b"\0\0\0\0"  # the inode of a socket that no process has
_LISTENING = ("LISTEN", "CLOSED")  # sockets that are no connection


class Sockets:
    """One side, looked at from outside."""

    def __init__(self, side: str, diagnosis: int, counters: dict[str, int]) -> None:
        self.side = side
        self.changes: list[Change] = []
        self.left_out = 0  # changes beyond the most that are kept
        self.counts: Counter[str] = Counter()
        self.cost_ns = 0  # of the last look
        self._link = socket.socket(fileno=diagnosis)
        self._time_wait = procfs.Selection(counters, ["sockstat.TCP.tw"])
        self._records: dict[Connection, sock_diag.Record] = {}
        self._states: dict[Connection, str] = {}  # at the last look
        self._told: dict[Connection, str] = {}  # as the changes have it
        self._waiting = 0  # TIME_WAIT sockets that were not listed
        self._names: dict[tuple[int, bytes, int], Connection] = {}

    @property
    def size(self) -> int:
        """How many connections there were at the last look."""
        return len(self._states) + self._waiting

    def look(self) -> None:
        """Read the states of all sockets, and note what changed."""
        started_ns = time.monotonic_ns()
        (waiting,) = self._time_wait.read()
        is_whole = waiting < _MANY
        mask = _ALL if is_whole else _ALL & ~sock_diag.TIME_WAIT
        found: dict[Connection, str] = {}
        counts: Counter[str] = Counter()
        small = 0  # FIN_WAIT_2 in the form of a TIME_WAIT: sockstat counts both (observe/states.py)
        for run in sock_diag.records(sock_diag.dump(mask, link=self._link).datagrams):
            for record in run:
                state = sock_diag.STATES.get(record[0][1], "CLOSED")
                counts[state] += 1
                small += state == "FIN_WAIT_2" and record[3] == _NOBODYS
                if state not in _LISTENING:
                    connection = self._name(record)
                    found[connection] = state
                    self._records[connection] = record
        self._waiting = 0 if is_whole else max(0, waiting - small)
        if not is_whole:
            counts["TIME_WAIT"] = self._waiting
        self._note(found, started_ns, is_whole=is_whole)
        self.counts = counts
        self.cost_ns = time.monotonic_ns() - started_ns

    def state(self, connection: Connection) -> str:
        """Return the state of a connection at the last look.

        Empty: nobody knows, as there were too many TIME_WAIT to list, and it may be one of them.
        """
        return self._states.get(connection, "" if self._waiting else "CLOSED")

    def destroy(self, connection: Connection) -> None:
        """Have the kernel drop the socket of a connection.

        Raises:
            OSError: there is none, or the kernel will not.
        """
        record = self._records.get(connection)
        if record is None:
            raise OSError(2, "no such socket")
        sock_diag.destroy(self._link, record)

    def _note(self, found: dict[Connection, str], now_ns: int, *, is_whole: bool) -> None:
        """Note what changed; of what may be a TIME_WAIT that was not listed, nothing."""
        gone = self._told.keys() - found.keys() if is_whole else ()
        for connection, state in (*found.items(), *((each, "CLOSED") for each in gone)):
            if state == self._told.get(connection):
                continue
            if len(self.changes) < _MOST_CHANGES:
                self.changes.append((now_ns, self.side, connection, state))
            else:
                self.left_out += 1
        self._told = found if is_whole else self._told | found
        self._states = found

    def _name(self, record: sock_diag.Record) -> Connection:
        kind, port, rest, _ = record
        key = port, rest, kind[0]
        known = self._names.get(key)
        if known is None:
            length = 16 if kind[0] == socket.AF_INET6 else 4
            own = socket.inet_ntop(kind[0], rest[2 : 2 + length])
            other = socket.inet_ntop(kind[0], rest[18 : 18 + length])
            known = self._names[key] = (own, port, other, int.from_bytes(rest[:2]))
        return known
