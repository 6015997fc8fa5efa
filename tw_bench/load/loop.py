"""The hot loop: connections at their intended times. Nothing here logs, formats or decides.

How one Python process keeps up with C: seven eighths of what a connection costs are the kernel's
(docs/performance.md), and most of what can be saved is system calls and wake-ups. So

- connections are started in batches, and each batch is asked for its responses afterwards: while
  the last ones are being started, the first answers come in, and the target finds work waiting
  each time it looks, instead of being woken for every connection;
- a connection is asked directly first (recv), and only if it has nothing yet is it given to epoll:
  under load that spares a registration for almost every one, and at leisure costs a call in vain;
- connect() is called where it is due and timed alone. On a local link the handshake is over when
  it returns, and the request goes out at once, without waiting for "writable";
- a conversation is a coroutine on these two ways of waiting (load/turns.py) and nothing else: no
  futures, no callbacks, no timers. Deadlines are all equally far away, so they need no heap.

Every slot ends as exactly one row: a connection with its outcome, or a slot that was not tried and
why. Three instants are kept of each: when it was due, when it really started, when it ended; so
latency is measured from the intended start (no coordinated omission) and our own lag is known.
"""

from collections.abc import Callable
from time import monotonic_ns

from tw_bench.load.arrivals import NEVER_NS, Arrivals
from tw_bench.load.backoff import Backoff
from tw_bench.load.clients.base import Client, Transaction
from tw_bench.load.recorder import Recorder
from tw_bench.load.turns import Slot, Turns
from tw_bench.results.rows import HELD_BACK, MISSED

_BATCH = 64  # started at the most before those in flight have their turn: 2 ms


class Loop:
    """One worker's connections: who makes them, who keeps the rows, how many may be open."""

    def __init__(
        self,
        client: Client,
        recorder: Recorder,
        backoff: Backoff,
        turns: Turns,
        *,
        max_in_flight: int,
        timeout_s: float,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._backoff = backoff
        self._turns = turns
        self._max_in_flight = max_in_flight
        self._timeout_ns = round(timeout_s * 1e9)
        self._held_until_ns = 0
        self._ended: Callable[[int], None] = lambda at_ns: None
        self.is_stopped = False

    async def run(self, arrivals: Arrivals, chore: Callable[[int], int]) -> None:
        """Start a connection whenever one is due, and see each to its end.

        `chore` is called with the time; it returns when it wants to be called again.
        """
        turns, chore_ns = self._turns, 0
        self._ended, turns.on_end = arrivals.ended, self._record
        while True:
            now_ns = monotonic_ns()
            if now_ns >= chore_ns:
                chore_ns = chore(now_ns)
            due_ns = NEVER_NS if self.is_stopped else arrivals.due_ns
            if due_ns <= now_ns:
                self._start_due(arrivals)
            elif due_ns == NEVER_NS and not turns.in_flight:
                return
            await turns.turn(min(due_ns, chore_ns))

    def _start_due(self, arrivals: Arrivals) -> None:
        turns, transact = self._turns, self._client.transact
        for _ in range(_BATCH):
            due_ns, now_ns = arrivals.due_ns, monotonic_ns()
            if due_ns > now_ns:
                return
            is_held_back = now_ns < self._held_until_ns
            if is_held_back and arrivals.put_off(self._held_until_ns):
                return
            arrivals.take()
            if is_held_back:
                self._recorder.skip(due_ns, HELD_BACK)
            elif turns.in_flight >= self._max_in_flight:
                self._recorder.skip(due_ns, MISSED)
            else:
                intended_ns = now_ns if arrivals.waits else due_ns
                turns.start(transact(), (now_ns + self._timeout_ns, intended_ns, now_ns))

    def _record(self, slot: Slot, done: Transaction) -> None:
        ended_ns = monotonic_ns()
        _, intended_ns, started_ns = slot
        call_ns, connected_ns, outcome, is_refused = done
        if is_refused:
            self._held_until_ns = ended_ns + self._backoff.pause_ns(call_ns)
        self._recorder.record(intended_ns, started_ns, call_ns, connected_ns, ended_ns, outcome)
        self._ended(ended_ns)
