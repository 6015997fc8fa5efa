"""An actor: a process on one side of a lab that does with sockets what it is told.

A request a line on stdin, an answer a line on stdout. A name stands for one socket or for many
made alike. Everything is non-blocking and waits with a time limit: a scenario is full of peers that
never answer. What a call ended with is an errno's name, or `ok`; it is data, never an exception.
"""

import errno
import json
import os
import resource
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from tw_bench.kernel import conntrack
from tw_bench.kernel.tcp import IP_LOCAL_PORT_RANGE, local_port_range_option
from tw_bench.scenario import calls, crowd
from tw_bench.scenario.calls import Answer

_STEP_S = 0.05  # between two tries of something that is tried until it works
_NO_SOCKET = "EBADF"  # of a name: it never had one, or they are closed
_RST = struct.pack("ii", 1, 0)  # SO_LINGER {1, 0}: socket(7)
_OPTIONS = {"reuse_address": socket.SO_REUSEADDR, "reuse_port": socket.SO_REUSEPORT}


class Actor:
    """The sockets of one process."""

    def __init__(self) -> None:
        self._sockets: dict[str, list[socket.socket]] = {}
        self._calls_s: list[float] = []  # of connect(), in this request

    def do_bind(self, *, name: str, address: str, port: int, kind: str, **options: bool) -> Answer:
        """Bind, and no more: a UDP socket is ready then, a TCP one can be listened at."""
        started = time.monotonic()
        own = self._made(address, kind, options)
        reason = calls.reason(lambda: own.bind((address, port)))
        if reason == "ok":
            self._sockets[name] = [own]
        else:
            own.close()
        return calls.summed([reason], started)

    def do_listen(
        self,
        *,
        name: str,
        address: str,
        port: int,
        backlog: int,
        retry_s: float,
        **options: bool,
    ) -> Answer:
        """Bind and listen, again and again where `retry_s` says so; or listen at what is bound."""
        started, tries, reason = time.monotonic(), 0, ""
        for own in self._sockets.get(name, []):
            if not own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return calls.summed([calls.reason(lambda: own.listen(backlog))], started)  # noqa: B023
        while reason != "ok" and (not tries or time.monotonic() < started + retry_s):
            time.sleep(_STEP_S if tries else 0)
            tries += 1
            door = self._made(address, "tcp", options)
            reason = calls.reason(lambda d=door: _listen(d, address, port, backlog))  # type: ignore[misc]
            if reason == "ok":
                self._sockets[name] = [door]
            else:
                door.close()
        return calls.summed([reason], started) | {"tries": tries}

    def do_connect(
        self,
        *,
        name: str,
        to: str,
        port: int,
        count: int,
        at_once: int,
        within_s: float,
        wait: bool,
        kind: str = "tcp",
        source: str = "",
        from_port: int = 0,
        own_range: Sequence[int] = (),
        **options: bool,
    ) -> Answer:
        """Connect so many sockets; with `wait`, until each has an end of its own.

        No more than `at_once` are being connected at a time, or all of them where it is 0.
        """
        started = time.monotonic()
        reasons: list[str] = []
        opened = self._sockets[name] = []
        self._calls_s = []
        while len(reasons) < count:
            tried = [
                self._opened((to, port), kind, (source, from_port), own_range, options)
                for _ in range(min(at_once or count, count - len(reasons)))
            ]
            reasons += [reason for reason, made in tried if made is None]
            opening = [made for _, made in tried if made is not None]
            opened += opening
            ends = calls.connected(opening, started + within_s)
            reasons += ends if wait else ("ok" for _ in opening)
        addresses = [calls.addresses(made, (to, port)) for made in opened]
        answer = calls.summed(reasons, started) | {"connections": [a for a in addresses if a]}
        if self._calls_s:  # none, where already bind() failed
            answer["call_s"] = median(self._calls_s)
        return answer

    def do_leave(
        self, *, to: str, port: int, count: int, own_range: Sequence[int], within_s: float
    ) -> Answer:
        """Open and close so many connections (crowd.py)."""

        def open_one() -> tuple[str, socket.socket | None]:
            return self._opened((to, port), "tcp", ("", 0), own_range, {})

        return crowd.leave(open_one, count, time.monotonic() + within_s)

    def do_see_off(self, *, door: str, count: int, within_s: float) -> Answer:
        """Accept so many connections, and close each once its opener has (crowd.py)."""
        listening = self._door(door)
        if listening is None:
            return calls.summed([_NO_SOCKET], time.monotonic())
        return crowd.see_off(listening, count, time.monotonic() + within_s)

    def do_accept(self, *, name: str, door: str, count: int, within_s: float) -> Answer:
        """Accept so many connections, or those that come in time, or until accept() fails."""
        started = time.monotonic()
        listening = self._door(door)
        if listening is None:
            return calls.summed([_NO_SOCKET], started)
        taken = self._sockets.setdefault(name, [])
        reasons: list[str] = []
        while len(reasons) < count and time.monotonic() < started + within_s:
            if not calls.is_ready(listening, started + within_s):
                break
            reason = calls.reason(lambda: taken.append(_unblocked(listening.accept()[0])))
            reasons.append(reason)
            if reason not in ("ok", "EAGAIN"):
                break
        if len(reasons) < count and (not reasons or reasons[-1] == "ok"):
            reasons.append("timeout")
        addresses = [calls.addresses(made, None) for made in taken]
        return calls.summed(reasons, started) | {"connections": [a for a in addresses if a]}

    def do_send(self, *, name: str, size: int, within_s: float) -> Answer:
        """Send `size` bytes on each."""
        return self._each(name, lambda own: calls.sent(own, size, time.monotonic() + within_s))

    def do_receive(self, *, name: str, size: int, within_s: float) -> Answer:
        """Receive `size` bytes on each; 0: until the end of the stream."""
        return self._each(name, lambda own: calls.received(own, size, time.monotonic() + within_s))

    def do_shutdown(self, *, name: str) -> Answer:
        """Close the sending half of each: shutdown(SHUT_WR)."""
        return self._each(name, lambda own: calls.reason(lambda: own.shutdown(socket.SHUT_WR)))

    def do_close(self, *, name: str, reset: bool) -> Answer:
        """Close each; with `reset` by an RST (SO_LINGER {1, 0})."""

        def end(own: socket.socket) -> str:
            if reset:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
            return calls.reason(own.close)

        answer = self._each(name, end)
        self._sockets[name] = []
        return answer

    def do_limit(self, *, open_files: int) -> Answer:
        """Let this process have so many descriptors."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        reason = calls.reason(
            lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (min(open_files, hard), hard))
        )
        return calls.summed([reason], time.monotonic())

    def do_write(self, *, path: str, text: str) -> Answer:
        """Write a sysctl of this side's namespace."""
        return calls.summed([calls.reason(lambda: _write(path, text))], time.monotonic())

    def do_read(self, *, path: str) -> Answer:
        """Read a file as this side sees it."""
        try:
            return {"errno": "ok", "text": Path(path).read_text("ascii")}
        except OSError as error:
            return {"errno": errno.errorcode.get(error.errno or 0, "?"), "text": ""}

    def do_conntrack(self) -> Answer:
        """Return [state, seconds left] of each entry of this side's conntrack."""
        found: list[tuple[str, int]] = []
        reason = calls.reason(lambda: found.extend(conntrack.entries()))
        return {"errno": reason, "entries": found}

    def _made(self, address: str, kind: str, options: dict[str, bool]) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        type = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
        made = socket.socket(family, type)
        made.setblocking(False)
        for option, is_on in options.items():
            made.setsockopt(socket.SOL_SOCKET, _OPTIONS[option], int(is_on))
        return made

    def _opened(
        self,
        to: tuple[str, int],
        kind: str,
        source: tuple[str, int],
        own_range: Sequence[int],
        options: dict[str, bool],
    ) -> tuple[str, socket.socket | None]:
        """Return a socket that has sent its SYN, or why there is none."""
        made = None
        try:
            made = self._made(to[0], kind, options)
            if own_range:
                option = local_port_range_option(*own_range)
                made.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, option)
            if any(source):
                made.bind(source)
            self._timed(partial(made.connect, to))
        except BlockingIOError:
            return "ok", made
        except OSError as error:
            if made is not None:
                made.close()
            return errno.errorcode.get(error.errno or 0, str(error)), None
        return "ok", made

    def _timed(self, connect: Callable[[], None]) -> None:
        """Call connect(), and note how long that took."""
        started_ns = time.monotonic_ns()
        try:
            connect()
        finally:
            self._calls_s.append((time.monotonic_ns() - started_ns) / 1e9)

    def _each(self, name: str, step: Callable[[socket.socket], str]) -> Answer:
        started = time.monotonic()
        reasons = [step(own) for own in self._sockets.get(name, [])]
        return calls.summed(reasons or [_NO_SOCKET], started)

    def _door(self, name: str) -> socket.socket | None:
        """Return what listens under a name; nothing where it was closed, or its process killed."""
        return next(iter(self._sockets.get(name, [])), None)


def _listen(door: socket.socket, address: str, port: int, backlog: int) -> None:
    door.bind((address, port))
    door.listen(backlog)


def _write(path: str, text: str) -> None:
    Path(path).write_text(text, "ascii")


def _unblocked(made: socket.socket) -> socket.socket:
    made.setblocking(False)
    return made


def main() -> None:
    """Run as `python -m tw_bench.scenario.actor`."""
    actor = Actor()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        step: Callable[..., Answer] = getattr(actor, f"do_{request.pop('do')}")
        try:
            answer = step(**request)
        except Exception as error:  # a fault of ours: said by whoever asked, with its words
            answer = {"error": f"{type(error).__name__}: {error}"}
        os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
