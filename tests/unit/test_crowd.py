"""Many connections one after the other, on loopback: who closes first, and what goes wrong."""

import socket
import threading
import time
from functools import partial

from tw_bench.scenario import crowd

PATIENCE_S = 20.0


def opened(address: tuple[str, int]) -> tuple[str, socket.socket | None]:
    """Return a socket that is being connected there."""
    made = socket.socket()
    made.setblocking(False)
    try:
        made.connect(address)
    except BlockingIOError:
        pass
    except OSError as error:
        made.close()
        return str(error.errno), None
    return "ok", made


def test_more_come_than_a_backlog_holds():
    """250 through a queue of 100: each is waited for before the next batch, and none is lost."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as door:
        door.setblocking(False)
        ends = time.monotonic() + PATIENCE_S
        seen: list[dict[str, object]] = []
        other = threading.Thread(target=lambda: seen.append(crowd.see_off(door, 250, ends)))
        other.start()
        left = crowd.leave(partial(opened, door.getsockname()), 250, ends)
        other.join()
    assert (left["errno"], left["count"]) == ("ok", 250)
    assert (seen[0]["errno"], seen[0]["count"]) == ("ok", 250)


def test_nobody_comes():
    """The one that waits says so when the time is up."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setblocking(False)
        assert crowd.see_off(door, 1, time.monotonic() + 0.01)["errno"] == "timeout"


def test_nobody_listens():
    """Each is refused, and the first reason is what it ended with."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        left = crowd.leave(partial(opened, bound.getsockname()), 3, time.monotonic() + PATIENCE_S)
    assert (left["errno"], left["count"]) == ("ECONNREFUSED", 0)
