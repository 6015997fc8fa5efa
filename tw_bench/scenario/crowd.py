"""Many connections one after the other, closed by their opener first: each leaves it TIME_WAIT.

No more than a batch is open at a time, so neither descriptors nor a backlog limit their number.
"""

import socket
import time
from collections.abc import Callable
from functools import partial

from tw_bench.scenario import calls
from tw_bench.scenario.calls import Answer

_BATCH = 100  # open at a time; the accept queue has to hold them


def leave(
    open_one: Callable[[], tuple[str, socket.socket | None]], count: int, ends: float
) -> Answer:
    """Open and close so many; return how many went well, and why the first did not that did not."""
    started = time.monotonic()
    reasons: list[str] = []
    while len(reasons) < count and time.monotonic() < ends:
        tried = [open_one() for _ in range(min(_BATCH, count - len(reasons)))]
        opening = [made for _, made in tried if made is not None]
        reasons += [reason for reason, made in tried if made is None]
        reasons += calls.connected(opening, ends)
        for made in opening:
            calls.reason(partial(made.shutdown, socket.SHUT_WR))
        for made in opening:  # the other end has taken it from its queue and closed it, too
            calls.received(made, 0, ends)
            made.close()
    return calls.summed(reasons or ["timeout"], started)


def see_off(door: socket.socket, count: int, ends: float) -> Answer:
    """Accept so many, and close each once its opener has."""
    started = time.monotonic()
    reasons: list[str] = []
    while len(reasons) < count and time.monotonic() < ends:
        if not calls.is_ready(door, ends):
            break
        while (accepted := calls.accepted(door)) is not None:
            reasons.append(calls.received(accepted, 0, ends))
            accepted.close()
    return calls.summed(reasons if len(reasons) == count else [*reasons, "timeout"], started)
