"""Turns: what runs the connections in flight, and lets them wait for their sockets.

Two ways. OwnTurns runs a client's coroutines over plain sockets with no event loop but itself:
a coroutine yields None for "ask me again next turn", or its connection for "when the kernel says
that it is ready". AsyncioTurns runs the coroutines of HTTP libraries, which need asyncio's loop.
"""

import asyncio
import select
from collections.abc import Callable, Coroutine
from time import monotonic_ns
from typing import Any, Protocol, cast

from tw_bench.load.clients.base import Transaction
from tw_bench.load.clients.connection import Connection

_NS = 1e-9
_LONGEST_SLEEP_NS = 200_000_000  # so long may a stop take to be seen
_READY_AT_ONCE = 256  # events taken from epoll in one turn

Conversation = Coroutine[Any, Any, Transaction]
Slot = tuple[int, int, int]  # deadline, intended start, real start; ns of CLOCK_MONOTONIC
OnEnd = Callable[[Slot, Transaction], None]


class Turns(Protocol):
    """Runs conversations side by side, and says when each has ended."""

    on_end: OnEnd

    @property
    def in_flight(self) -> int:
        """How many have begun and not ended."""
        ...

    def start(self, conversation: Conversation, slot: Slot) -> None:
        """Begin one. At its deadline it meets a TimeoutError."""
        ...

    async def turn(self, until_ns: int) -> None:
        """Let all that can go on do so; where none can, wait for one, no longer than until then."""
        ...


class OwnTurns:
    """Conversations over plain sockets, on epoll. Deadlines come in the order of the starts."""

    def __init__(self) -> None:
        self.on_end: OnEnd = _nobody
        self._epoll = select.epoll()
        self._fresh: list[Conversation] = []  # to be asked again next turn
        self._waiting: dict[int, Conversation] = {}  # descriptor → who waits for it
        self._slots: dict[Conversation, Slot] = {}  # of all in flight, the first deadline first
        self._look_again_ns = 0  # no deadline is earlier

    @property
    def in_flight(self) -> int:
        """How many have begun and not ended."""
        return len(self._slots)

    def start(self, conversation: Conversation, slot: Slot) -> None:
        """Begin one. At its deadline it meets a TimeoutError."""
        self._slots[conversation] = slot
        self._go_on(conversation)

    async def turn(self, until_ns: int) -> None:
        """Ask the fresh ones again; then look at epoll, for as long as there is nothing to do."""
        fresh, self._fresh = self._fresh, []
        for conversation in fresh:
            self._go_on(conversation)
        now_ns = monotonic_ns()
        sleeps = not self._fresh and now_ns < until_ns
        if sleeps:
            self._sleep(min(until_ns - now_ns, _LONGEST_SLEEP_NS))
        # After a sleep also where nobody waits: an idle connection that was closed ends every sleep
        # until its event has been taken.
        if sleeps or self._waiting:
            for descriptor, _ in self._epoll.poll(0, _READY_AT_ONCE):
                if (waiter := self._waiting.pop(descriptor, None)) is not None:
                    self._go_on(waiter)
        if self._look_again_ns <= now_ns:
            self._expire(now_ns)

    def _go_on(self, conversation: Conversation, error: OSError | None = None) -> None:
        try:
            connection: Connection | None = (
                conversation.send(None) if error is None else conversation.throw(error)
            )
        except StopIteration as stop:
            self.on_end(self._slots.pop(conversation), stop.value)
            return
        if connection is None:
            self._fresh.append(conversation)
            return
        try:
            self._wait(connection, conversation)
        except OSError as unwatched:  # fs.epoll.max_user_watches, or no memory
            self._go_on(conversation, unwatched)

    def _wait(self, connection: Connection, conversation: Conversation) -> None:
        """Have epoll watch the connection, edge-triggered: it is told once, and not each time."""
        descriptor, wanted = connection.fileno(), connection.wanted
        if connection.watched != wanted:
            watch = self._epoll.modify if connection.watched else self._epoll.register
            watch(descriptor, wanted | select.EPOLLET)
            connection.watched = wanted
        self._waiting[descriptor] = conversation

    def _sleep(self, longest_ns: int) -> None:
        """Wait for an event. select(2) counts microseconds, Python's epoll_wait(2) milliseconds."""
        if self._slots:
            longest_ns = max(0, min(longest_ns, self._first_deadline_ns() - monotonic_ns()))
        select.select((self._epoll,), (), (), longest_ns * _NS)

    def _first_deadline_ns(self) -> int:
        """Return the earliest deadline. All are equally far from their starts: it stands first."""
        return next(iter(self._slots.values()))[0]

    def _expire(self, now_ns: int) -> None:
        """Throw TimeoutError into those whose time is over, wherever they wait."""
        if self._slots and self._first_deadline_ns() <= now_ns:
            waits_at = {each: descriptor for descriptor, each in self._waiting.items()}
            for late in [each for each, slot in self._slots.items() if slot[0] <= now_ns]:
                if late in waits_at:
                    del self._waiting[waits_at[late]]
                else:
                    self._fresh.remove(late)
                self._go_on(late, TimeoutError())
        if self._slots:
            self._look_again_ns = self._first_deadline_ns()


class AsyncioTurns:
    """Conversations as tasks of asyncio. Their libraries keep the deadline themselves."""

    def __init__(self) -> None:
        self.on_end: OnEnd = _nobody
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._ended = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many have begun and not ended."""
        return len(self._tasks)

    def start(self, conversation: Conversation, slot: Slot) -> None:
        """Begin one."""
        task = asyncio.ensure_future(self._run(conversation, slot))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def turn(self, until_ns: int) -> None:
        """Wait until one has ended, no longer than until then."""
        ahead_ns = until_ns - monotonic_ns()
        if ahead_ns > 0 and not self._ended.is_set():
            loop = asyncio.get_running_loop()
            alarm = loop.call_later(min(ahead_ns, _LONGEST_SLEEP_NS) * _NS, self._ended.set)
            await self._ended.wait()
            alarm.cancel()
        else:
            await asyncio.sleep(0)
        self._ended.clear()
        if self._failure is not None:
            raise self._failure

    async def _run(self, conversation: Conversation, slot: Slot) -> None:
        started_ns = monotonic_ns()
        done = await conversation
        # Before the loop hears of it: whoever takes its place must find room.
        self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        self.on_end((slot[0], slot[1], started_ns), done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        """Let go of one. No fate of a connection raises: an exception is a fault of ours."""
        self._tasks.discard(task)
        if not task.cancelled():
            self._failure = self._failure or task.exception()
        self._ended.set()


def _nobody(slot: Slot, done: Transaction) -> None:
    """Stand where nobody listens."""
