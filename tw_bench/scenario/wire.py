"""The wire between the sides of a lab: carries each packet after a delay, loses or keeps some.

It is a program, so it knows what no tap does: when a segment left, when it arrived or that it
never did, and what state both ends were in right after. The witness runs it, and tells it the time.
"""

import heapq
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tw_bench.scenario.segments import Segment, after, build, parse

_MOST_PASSAGES = 20_000  # kept, with their packets; a scenario that has more is none to be drawn
_LONGEST_PACKET = 65_536


@dataclass(slots=True)
class Passage:
    """A segment on its way, or on no way at all."""

    number: int
    left_ns: int
    sender: str  # side
    receiver: str
    segment: Segment
    packet: bytes
    fate: str = "delivered"  # dropped, held, late (released), replayed, injected
    arrived_ns: int | None = None
    sender_state: str = ""  # right after it left
    receiver_state: str = ""  # right after it arrived

    def to_row(self) -> list[Any]:
        """Return plain values, in the order of results/played.py SEGMENT_COLUMNS."""
        own = self.segment
        return [
            self.number,
            self.left_ns,
            self.arrived_ns,
            self.sender,
            self.receiver,
            self.fate,
            *own.connection,
            "+".join(own.flag_names),
            own.kind,
            own.seq,
            own.ack,
            own.length,
            own.timestamp,
            own.echo,
            self.sender_state,
            self.receiver_state,
        ]


@dataclass(slots=True)
class Rule:
    """What is to happen to segments of a sender: `drop` them, or `hold` them under a name."""

    sender: str
    kinds: tuple[str, ...]  # segments.Segment.kind; empty: all
    then: str
    left: int | None  # how many more; None: all of them
    name: str = ""

    def takes(self, sender: str, segment: Segment) -> bool:
        """Whether it is about this one; counts it down."""
        if sender != self.sender or (self.kinds and segment.kind not in self.kinds):
            return False
        if self.left == 0:
            return False
        if self.left is not None:
            self.left -= 1
        return True


Look = Callable[[str, Segment, bool], str]
"""Side, segment, whether it is the side's own → the state of the connection there."""
Ends = dict[int, tuple[str, str, int]]
"""Descriptor of a link's end → its side, the side across, the descriptor there."""


@dataclass
class Wire:
    """All links of a lab."""

    ends: Ends
    delay_ns: int
    look: Look
    on_packet: Callable[[int, bytes], None]  # for the capture: when it left, or was put in
    rules: list[Rule] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)  # by sender and kind
    _due: list[tuple[int, int, int, bytes, Passage | None]] = field(default_factory=list)
    _packets: int = 0
    _segments: int = 0
    _held: dict[str, list[Passage]] = field(default_factory=dict)

    @property
    def due_ns(self) -> int | None:
        """When the next packet arrives."""
        return self._due[0][0] if self._due else None

    @property
    def left_out(self) -> int:
        """Segments beyond the most that are kept."""
        return self._segments - len(self.passages)

    def take(self, end: int, now_ns: int) -> None:
        """Take every packet that a side has sent."""
        sender, receiver, across = self.ends[end]
        while True:
            try:
                packet = os.read(end, _LONGEST_PACKET)
            except BlockingIOError:
                return
            segment = parse(packet)
            if segment is None:
                self._carry(across, now_ns, packet, None)
                continue
            self.on_packet(now_ns, packet)
            self.sent[sender, segment.kind] += 1
            passage = self._note(Passage(0, now_ns, sender, receiver, segment, packet))
            passage.sender_state = self.look(sender, segment, True)
            rule = next((rule for rule in self.rules if rule.takes(sender, segment)), None)
            if rule is None:
                self._carry(across, now_ns, packet, passage)
                continue
            passage.fate = "dropped" if rule.then == "drop" else "held"
            if rule.then == "hold":
                self._held.setdefault(rule.name, []).append(passage)

    def deliver(self, now_ns: int) -> None:
        """Put in at the other end what has been on its way for long enough."""
        while self._due and self._due[0][0] <= now_ns:
            _, _, end, packet, passage = heapq.heappop(self._due)
            os.write(end, packet)
            if passage is not None:
                passage.arrived_ns = now_ns
                passage.receiver_state = self.look(passage.receiver, passage.segment, False)

    def release(self, name: str, now_ns: int) -> int:
        """Let held segments go on; return how many there were."""
        held = self._held.pop(name, [])
        for passage in held:
            passage.fate = "late"
            self._carry(
                self._towards(passage.sender, passage.receiver), now_ns, passage.packet, passage
            )
        return len(held)

    def replay(self, sender: str, kind: str, now_ns: int) -> bool:
        """Send the last such segment again, bit by bit; return whether there was one."""
        old = next(
            (p for p in reversed(self.passages) if (p.sender, p.segment.kind) == (sender, kind)),
            None,
        )
        if old is None:
            return False
        self._put(
            Passage(0, now_ns, sender, old.receiver, old.segment, old.packet, "replayed"), now_ns
        )
        return True

    def inject(
        self,
        sender: str,
        connection: tuple[str, int, str, int],
        kind: str,
        seq: int,
        ack: int,
        timestamp: int,
        now_ns: int,
        from_port: int | None = None,
    ) -> bool:
        """Make a segment up as `sender` could have sent it; return whether it ever sent any.

        `from_port`: it goes out under another port than that of the connection.
        """
        back = (*connection[2:], *connection[:2])
        own = [
            p
            for p in self.passages
            if p.segment.connection == connection
            and p.fate not in ("injected", "replayed")
            and p.segment.kind != "RST"  # of a socket that is gone: it has no timestamp
        ]
        if not own:
            return False
        last = max(own, key=lambda p: p.number)
        other = [p.segment.end for p in self.passages if p.segment.connection == back]
        acknowledged = (other[-1] + ack) % 2**32 if other else 0
        made = after(last.segment, kind, seq=seq, timestamp=timestamp, acknowledged=acknowledged)
        if from_port is not None:
            made = replace(made, source_port=from_port)
        passage = Passage(0, now_ns, sender, last.receiver, made, build(made), "injected")
        self.on_packet(now_ns, passage.packet)
        self._put(passage, now_ns)
        return True

    def _put(self, passage: Passage, now_ns: int) -> None:
        noted = self._note(passage)
        self._carry(self._towards(passage.sender, passage.receiver), now_ns, passage.packet, noted)

    def _note(self, passage: Passage) -> Passage:
        self._segments += 1
        passage.number = self._segments
        if len(self.passages) < _MOST_PASSAGES:
            self.passages.append(passage)
        return passage

    def _carry(self, end: int, now_ns: int, packet: bytes, passage: Passage | None) -> None:
        self._packets += 1  # those of one instant arrive in the order they left
        heapq.heappush(self._due, (now_ns + self.delay_ns, self._packets, end, packet, passage))

    def _towards(self, sender: str, receiver: str) -> int:
        return next(
            far for near, across, far in self.ends.values() if (near, across) == (sender, receiver)
        )
