"""How conversations wait (for a turn, the kernel, their deadline), and how they end."""

import asyncio
import select
import socket
import tempfile
from collections.abc import Awaitable, Generator, Iterator
from contextlib import suppress
from time import monotonic_ns
from typing import Any, ClassVar

import pytest

from tw_bench.load.arrivals import NEVER_NS, ClosedLoop, OpenLoop
from tw_bench.load.backoff import Backoff
from tw_bench.load.clients.base import Transaction
from tw_bench.load.clients.connection import Connection
from tw_bench.load.loop import Loop
from tw_bench.load.recorder import Recorder
from tw_bench.load.turns import AsyncioTurns, OwnTurns, Turns
from tw_bench.results.outcomes import CONNECT, OK

DONE = Transaction(1, 2, OK, refused=False)
TIMED_OUT = Transaction(0, 0, CONNECT, refused=False)
FAR_NS = NEVER_NS


class Waits:
    """Awaited, yields one thing to the turns."""

    def __init__(self, what: Any) -> None:
        self.what = what

    def __await__(self) -> Generator[Any, None, None]:
        yield self.what


class End:
    """One end of a socket pair, as turns see a connection."""

    def __init__(self, opened: Any) -> None:
        self.opened = opened
        self.wanted = select.EPOLLIN
        self.watched = 0

    def fileno(self) -> int:
        """Return its descriptor."""
        return self.opened.fileno()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return both ends of a connection that do not block."""
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield near, far


@pytest.fixture
def turns() -> Iterator[OwnTurns]:
    """Return turns that keep what has ended in `.ends`."""
    own = OwnTurns()
    own.ends = []  # type: ignore[attr-defined]
    own.on_end = lambda slot, done: own.ends.append((slot, done))  # type: ignore[attr-defined]
    yield own
    own._epoll.close()


def take(turns: OwnTurns, until_ns: int = 0) -> None:
    """Take one turn."""
    with suppress(StopIteration):
        turns.turn(until_ns).send(None)


async def asks(times: int) -> Transaction:
    """Be asked again so often, then end."""
    for _ in range(times):
        await Waits(None)
    return DONE


async def reads(end: End, got: list[bytes]) -> Transaction:
    """Wait for bytes, edge-triggered: ask, and wait only for what is not there."""
    while True:
        try:
            got.append(end.opened.recv(100))
        except BlockingIOError:
            await Waits(end)
        else:
            return DONE


def test_a_conversation_begins_at_once_and_is_asked_once_a_turn(turns):
    """Three yields of None are three turns."""
    turns.start(asks(3), (FAR_NS, 7, 8))
    for left in (3, 2, 1):
        assert (1, left) == (turns.in_flight, left)
        take(turns)
    assert turns.in_flight == 0
    assert turns.ends == [((FAR_NS, 7, 8), DONE)]


def test_one_that_waits_goes_on_when_its_socket_is_ready(turns, pair):
    """It is woken by what comes, once each time, over a registration that stays."""
    near, far = pair
    end, got = End(near), list[bytes]()
    for message in (b"one", b"two"):
        turns.start(reads(end, got), (FAR_NS, 0, 0))
        take(turns)
        assert turns.in_flight == 1
        far.send(message)
        take(turns)
        assert (got[-1], turns.in_flight) == (message, 0)


def test_bytes_that_were_read_without_waiting_wake_nobody_wrongly(turns, pair):
    """An edge left over from bytes already read costs a look, and the waiter stays."""
    near, far = pair
    end, got = End(near), list[bytes]()
    turns.start(reads(end, got), (FAR_NS, 0, 0))
    far.send(b"one")
    take(turns)
    far.send(b"two")
    turns.start(reads(end, got), (FAR_NS, 0, 0))  # finds it at once; its edge is still in epoll
    assert (got, turns.in_flight) == ([b"one", b"two"], 0)
    turns.start(reads(end, got), (FAR_NS, 0, 0))
    take(turns)
    take(turns)
    assert turns.in_flight == 1
    far.send(b"three")
    take(turns)
    assert (got[-1], turns.in_flight) == (b"three", 0)


async def times_out(end: End) -> Transaction:
    """Wait in vain."""
    try:
        await Waits(end)
    except TimeoutError:
        return TIMED_OUT
    return DONE


def test_a_deadline_is_met_by_those_whose_time_is_over(turns, pair):
    """Of two that wait, the one whose deadline has passed meets a TimeoutError; the other waits."""
    near, far = pair
    now_ns = monotonic_ns()
    turns.start(times_out(End(near)), (now_ns, 0, 1))
    turns.start(times_out(End(far)), (FAR_NS, 0, 2))
    take(turns)
    assert [((now_ns, 0, 1), TIMED_OUT)] == turns.ends
    assert turns.in_flight == 1


def test_one_that_is_about_to_be_asked_is_not_timed_out(turns, pair):
    """What may be there already is looked at first, even when the deadline has passed."""
    now_ns = monotonic_ns()
    turns.start(asks(1), (now_ns, 0, 3))
    turns.start(times_out(End(pair[0])), (now_ns, 0, 4))
    take(turns)
    assert [((now_ns, 0, 3), DONE), ((now_ns, 0, 4), TIMED_OUT)] == turns.ends


def test_one_that_is_busy_for_ever_is_timed_out(turns):
    """A stream without an end is no way around the deadline."""

    async def streams() -> Transaction:
        try:
            while True:
                await Waits(None)
        except TimeoutError:
            return TIMED_OUT

    turns.start(streams(), (monotonic_ns(), 0, 3))
    take(turns)
    assert [TIMED_OUT] == [done for _, done in turns.ends]


class Torrent:
    """Stands for a socket that always has another byte."""

    def recv(self, _: int) -> bytes:
        """Return a byte."""
        return b"x"

    def recv_into(self, _: memoryview) -> int:
        """Count a byte."""
        return 1


@pytest.mark.parametrize("way", ["read", "receive"])
def test_a_connection_that_always_has_more_gives_its_turn_away(turns, way):
    """Others go on meanwhile, and its deadline finds it."""

    async def drinks() -> Transaction:
        connection = Connection(1)
        connection._socket = Torrent()  # type: ignore[assignment]
        try:
            for _ in range(1_000 if way == "read" else 1):
                await (connection.read() if way == "read" else connection.receive(1_000))
        except TimeoutError:
            return TIMED_OUT
        return DONE

    turns.start(drinks(), (monotonic_ns(), 0, 0))
    take(turns)
    assert [TIMED_OUT] == [done for _, done in turns.ends]


def test_an_idle_connection_that_is_closed_ends_one_sleep(turns, pair):
    """Its event is taken though nobody waits for it: the next sleep is one."""
    near, far = pair
    end, got = End(near), list[bytes]()
    turns.start(reads(end, got), (FAR_NS, 0, 0))
    far.send(b"one")
    take(turns)
    far.close()
    take(turns, FAR_NS)
    assert select.select((turns._epoll,), (), (), 0) == ([], [], [])


def test_what_cannot_be_watched_is_an_end_like_others(turns):
    """What epoll_ctl(2) refuses is thrown into the conversation, not out of the loop."""

    async def waits(end: Any) -> Transaction:
        try:
            await Waits(end)
        except OSError:
            return TIMED_OUT
        return DONE

    with tempfile.TemporaryFile() as file:  # EPERM: a file is always ready
        turns.start(waits(End(file)), (FAR_NS, 0, 0))
    assert [TIMED_OUT] == [done for _, done in turns.ends]


def test_a_sleep_ends_with_the_first_thing_to_do(turns, pair):
    """Until the due time when nothing comes, and no longer than the first deadline."""
    near, _ = pair
    begun_ns = monotonic_ns()
    take(turns, begun_ns + 5_000_000)
    assert monotonic_ns() - begun_ns >= 5_000_000
    deadline_ns = monotonic_ns() + 5_000_000
    turns.start(times_out(End(near)), (deadline_ns, 0, 0))
    while turns.in_flight:
        take(turns, FAR_NS)
    assert monotonic_ns() >= deadline_ns


def test_a_fault_of_ours_comes_out():
    """No fate of a connection raises; what does raise ends the loop, in both kinds of turns."""

    async def faulty() -> Transaction:
        await Waits(None)
        raise KeyError("ours")

    own = OwnTurns()
    own.start(faulty(), (FAR_NS, 0, 0))
    with pytest.raises(KeyError, match="ours"):
        own.turn(0).send(None)

    async def at_once() -> Transaction:
        raise KeyError("ours")

    async def story() -> None:
        shared = AsyncioTurns()
        shared.start(at_once(), (FAR_NS, 0, 0))
        await shared.turn(FAR_NS)

    with pytest.raises(KeyError, match="ours"):
        asyncio.run(story())


class Counted:
    """A client that answers in the next turn, and notes how many were in flight."""

    needs_asyncio: ClassVar[bool] = False
    closed_early = 0

    def __init__(self, turns: Turns, wait: Awaitable[None]) -> None:
        self.turns = turns
        self.wait = wait
        self.most = 0

    async def transact(self) -> Transaction:
        """Wait for the next turn."""
        await self.wait
        self.most = max(self.most, self.turns.in_flight)
        return DONE

    def end_fill(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


def run(arrivals: Any, max_in_flight: int = 10) -> tuple[int, int]:
    """Return how many rows there were, and how many conversations at the most at once."""
    rows: list[int] = []
    recorder = Recorder(lambda count, _: rows.append(count))
    turns = OwnTurns()
    client = Counted(turns, Waits(None))
    loop = Loop(client, recorder, Backoff(1), turns, max_in_flight=max_in_flight, timeout_s=1)
    with suppress(StopIteration):
        loop.run(arrivals, lambda now_ns: FAR_NS).send(None)
    recorder.flush()
    return sum(rows), client.most


def test_an_open_loop_starts_what_is_due_in_batches():
    """A thousand slots that are due are a thousand rows; what finds no room is missed, not lost."""
    assert (1000, 64) == run(OpenLoop(iter([0] * 1000)), max_in_flight=100)
    assert (1000, 10) == run(OpenLoop(iter([0] * 1000)), max_in_flight=10)


def test_a_closed_loop_keeps_its_places_busy_and_ends():
    """As many at once as there are places, each taken again when it is free, none after the end."""
    now_ns = monotonic_ns()
    soon_ns = now_ns + 2_000_000_000
    rows, most = run(ClosedLoop(7, now_ns, soon_ns, think_time_ns=1_800_000_000))
    assert (rows, most) == (14, 7)
    assert run(ClosedLoop(7, now_ns, now_ns, think_time_ns=0)) == (0, 0)
