"""Socket calls that wait no longer than they are told, and say what they ended with in a word.

`ok`, an errno's name, `timeout` or `early_eof`: data, never an exception.
"""

import errno
import select
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

_READ = 1 << 16

Answer = dict[str, Any]
Returned = TypeVar("Returned")


def reason(call: Callable[[], object]) -> str:
    """Return what a call ended with: ok, or the errno's name."""
    try:
        call()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "ok"


def summed(reasons: list[str], started: float) -> Answer:
    """Return how many went well, and the first reason of one that did not."""
    wrong = next((reason for reason in reasons if reason != "ok"), "ok")
    good = reasons.count("ok")
    return {"errno": wrong, "count": good, "took_s": time.monotonic() - started}


def connected(opening: list[socket.socket], ends: float) -> Iterator[str]:
    """Yield how each attempt ended; those that are open still at the end: timeout."""
    poller = select.poll()
    waiting = {own.fileno(): own for own in opening}
    for descriptor in waiting:
        poller.register(descriptor, select.POLLOUT)
    while waiting and time.monotonic() < ends:
        for descriptor, _ in poller.poll(max(0.0, ends - time.monotonic()) * 1e3):
            poller.unregister(descriptor)
            number = waiting.pop(descriptor).getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            yield errno.errorcode.get(number, str(number)) if number else "ok"
    yield from ("timeout" for _ in waiting)


def sent(own: socket.socket, size: int, ends: float) -> str:
    """Return how `size` bytes of zeros were sent."""
    left = memoryview(bytes(size))
    while left:
        sent = _reason_of(own, partial(own.send, left), select.POLLOUT, ends)
        if isinstance(sent, str):
            return sent
        left = left[sent:]
    return "ok"


def received(own: socket.socket, size: int, ends: float) -> str:
    """Return how `size` bytes, or all to the end of the stream, were received."""
    left = size
    while True:
        data = _reason_of(own, partial(own.recv, left or _READ), select.POLLIN, ends)
        if isinstance(data, str):
            return data
        if not data:
            return "early_eof" if size else "ok"
        left -= len(data) if size else 0
        if size and not left:
            return "ok"


def _reason_of(
    own: socket.socket, call: Callable[[], Returned], event: int, ends: float
) -> Returned | str:
    """Return what a call returns once it can be made, or why it could not."""
    poller = select.poll()
    poller.register(own, event)
    while True:
        try:
            return call()
        except BlockingIOError:
            if not poller.poll(max(0.0, ends - time.monotonic()) * 1e3):
                return "timeout"
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, str(error))


def is_ready(own: socket.socket, ends: float) -> bool:
    """Return whether there is something to be read, or accepted, before the time is up."""
    poller = select.poll()
    poller.register(own, select.POLLIN)
    return bool(poller.poll(max(0.0, ends - time.monotonic()) * 1e3))


def accepted(door: socket.socket) -> socket.socket | None:
    """Return the next connection that waits, if one does."""
    try:
        made, _ = door.accept()
    except BlockingIOError:
        return None
    made.setblocking(False)
    return made


def addresses(own: socket.socket, peer: tuple[str, int] | None) -> list[Any] | None:
    """Return own address and port, the other's; None where it was never bound."""
    try:
        near = own.getsockname()[:2]
        far = peer or own.getpeername()[:2]
    except OSError:
        return None
    return [*near, *far]
