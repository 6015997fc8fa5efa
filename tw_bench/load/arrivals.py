"""What is due next: the slots of an open loop, or the places of a closed one. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import Protocol

NEVER_NS = 1 << 62


class Arrivals(Protocol):
    """Intended starts, one after the other."""

    due_ns: int  # of the next one; NEVER_NS: none, unless one that is in flight brings another
    waits: bool  # one that starts late was not due before; False: a slot is due when it is due

    def take(self) -> None:
        """Go on to the next."""
        ...

    def ended(self, at_ns: int) -> None:
        """Take note that a transaction has ended."""
        ...

    def put_off(self, until_ns: int) -> bool:
        """Let none start before then; False: a slot cannot wait, and is lost."""
        ...


class OpenLoop:
    """The slots of a schedule, whatever becomes of the connections."""

    waits = False

    def __init__(self, slots: Iterator[int]) -> None:
        self._slots = slots
        self.due_ns = next(slots, NEVER_NS)

    def take(self) -> None:
        """Go on to the next slot."""
        self.due_ns = next(self._slots, NEVER_NS)

    def ended(self, at_ns: int) -> None:
        """Do nothing: an open loop does not look back."""

    def put_off(self, until_ns: int) -> bool:
        """Say that a slot cannot wait."""
        return False


class ClosedLoop:
    """So many places, each due again once its transaction has ended and it has thought a while.

    >>> loop = ClosedLoop(2, 100, 200, think_time_ns=10)
    >>> loop.due_ns, loop.take(), loop.due_ns, loop.take(), loop.due_ns == NEVER_NS
    (100, None, 100, None, True)
    >>> loop.ended(150), loop.due_ns, loop.put_off(170), loop.due_ns
    (None, 160, True, 170)
    >>> loop.take(), loop.ended(195), loop.due_ns == NEVER_NS  # 205 is too late
    (None, None, True)
    """

    waits = True

    def __init__(self, places: int, start_ns: int, until_ns: int, *, think_time_ns: int) -> None:
        self._until_ns = until_ns
        self._think_time_ns = think_time_ns
        self._due = deque([start_ns] * places)  # in order: all think for the same time
        self._not_before_ns = 0
        self._look()

    def take(self) -> None:
        """Go on to the next place."""
        self._due.popleft()
        self._look()

    def ended(self, at_ns: int) -> None:
        """Note when the place is due again."""
        self._due.append(at_ns + self._think_time_ns)
        if self.due_ns == NEVER_NS:
            self._look()

    def put_off(self, until_ns: int) -> bool:
        """Let none start before then."""
        self._not_before_ns = until_ns
        self._look()
        return True

    def _look(self) -> None:
        due_ns = max(self._due[0], self._not_before_ns) if self._due else NEVER_NS
        self.due_ns = due_ns if due_ns < self._until_ns else NEVER_NS
