"""The witness: a process that is the wire between the sides and sees the state of every socket.

It stands outside the lab and works on descriptors that were opened inside (lab/keeper.py). On stdin
a request a line; on stdout an answer each, and the counts of all states as time goes by.
"""

import json
import os
import select
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from tw_bench.kernel.sock_diag import STATES
from tw_bench.scenario.segments import Segment
from tw_bench.scenario.sockets import Connection, Sockets
from tw_bench.scenario.wire import Rule, Wire

_TICK_NS = 20_000_000  # between two looks at everything
_SAMPLE_NS = 100_000_000
_SHORT_NS = 5_000_000_000  # many a scenario lasts no longer: until then each look is a sample
_LEAST_IDLE = 4  # times what a look took: so a side with thousands of sockets is left its processor
_FEW = 100  # connections of a side; with more, nobody is looked at for each segment
_MOST_PACKETS = 20_000  # of the capture
_SNAPPED = 256  # bytes of each
# https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap: magic of ns, version 2.4, link type RAW
_PCAP_HEAD = struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, _SNAPPED, 101)


class Capture:
    """A pcap file that Wireshark opens, bounded in size."""

    def __init__(self, path: Path, epoch_ns: int) -> None:
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._file.write(_PCAP_HEAD)
        self._epoch_ns = epoch_ns  # what CLOCK_MONOTONIC 0 was in real time
        self._left = _MOST_PACKETS

    def add(self, at_ns: int, packet: bytes) -> None:
        """Write one packet."""
        if self._left <= 0:
            return
        self._left -= 1
        s, ns = divmod(self._epoch_ns + at_ns, 1_000_000_000)
        kept = packet[:_SNAPPED]
        self._file.write(struct.pack("=IIII", s, ns, len(kept), len(packet)) + kept)


class Witness:
    """The wire, the sockets of each side, and the requests."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._sides = {
            name: Sockets(name, own["diagnosis"], own["counters"])
            for name, own in spec["sides"].items()
        }
        ends = {}
        for near, far, one, other in spec["links"]:
            ends[one], ends[other] = (near, far, other), (far, near, one)
        capture = Capture(Path(spec["capture"]), time.time_ns() - time.monotonic_ns())
        self.wire = Wire(ends, spec["delay_ns"], self._state, capture.add)
        self._looked_ns = self._sampled_ns = 0
        self._short_ns = time.monotonic_ns() + _SHORT_NS
        self._input = b""

    def run(self) -> None:
        """Carry packets and answer requests until stdin ends."""
        poller = select.poll()
        for descriptor in (0, *self.wire.ends):
            poller.register(descriptor, select.POLLIN)
        self._write({"ready": True})
        while True:
            for descriptor, _ in poller.poll(self._pause_ms()):
                if descriptor == 0:
                    if not self._read():
                        return
                else:
                    self.wire.take(descriptor, time.monotonic_ns())
            self.wire.deliver(time.monotonic_ns())
            self._look_around()

    def _pause_ms(self) -> float:
        now_ns = time.monotonic_ns()
        due_ns = min(self.wire.due_ns or now_ns + _TICK_NS, self._looked_ns + _TICK_NS)
        return max(0.0, (due_ns - now_ns) / 1e6)

    def _look_around(self) -> None:
        """Look at every side when it is time, and hand over a sample when that is."""
        now_ns = time.monotonic_ns()
        cost_ns = sum(side.cost_ns for side in self._sides.values())
        if now_ns - self._looked_ns < max(_TICK_NS, _LEAST_IDLE * cost_ns):
            return
        self._looked_ns = now_ns
        for side in self._sides.values():
            side.look()
        if now_ns < self._short_ns or now_ns - self._sampled_ns >= _SAMPLE_NS:
            self._sampled_ns = now_ns
            rows = {
                name: [side.counts[state] for state in STATES.values()]
                for name, side in self._sides.items()
            }
            self._write({"sample": rows, "at_ns": now_ns})

    def _state(self, side: str, segment: Segment, is_own: bool) -> str:
        """Return the state of a segment's connection on a side, right now."""
        if any(each.size > _FEW for each in self._sides.values()):
            return ""
        sockets = self._sides[side]
        sockets.look()
        own = segment.connection
        return sockets.state(own if is_own else (*own[2:], *own[:2]))

    def _read(self) -> bool:
        """Answer what was asked; return whether anybody is still there to ask."""
        received = os.read(0, 1 << 16)
        *lines, self._input = (self._input + received).split(b"\n")
        for line in lines:
            self._write({"answer": self._answer(json.loads(line))})
        return bool(received)

    def _answer(self, request: dict[str, Any]) -> Any:
        answer: Callable[..., Any] = getattr(self, f"answer_{request.pop('do')}")
        return answer(**request)

    def answer_counts(self) -> dict[str, dict[str, int]]:
        """Return side → state → sockets, now."""
        for side in self._sides.values():
            side.look()
        return {name: dict(side.counts) for name, side in self._sides.items()}

    def answer_sent(self) -> list[list[Any]]:
        """Return [side, kind, segments] of all that left a side."""
        return [[*key, count] for key, count in self.wire.sent.items()]

    def answer_rule(self, kinds: list[str], **rule: Any) -> None:
        """Lose or keep segments from now on (wire.Rule)."""
        self.wire.rules.append(Rule(kinds=tuple(kinds), **rule))

    def answer_pass(self) -> None:
        """Let everything through again."""
        self.wire.rules.clear()

    def answer_release(self, name: str) -> int:
        """Let held segments go on; return how many there were."""
        return self.wire.release(name, time.monotonic_ns())

    def answer_replay(self, sender: str, kind: str) -> bool:
        """Send the last such segment again."""
        return self.wire.replay(sender, kind, time.monotonic_ns())

    def answer_inject(self, connection: list[Any], **made_up: Any) -> bool:
        """Send a segment that a side could have sent."""
        own = cast("Connection", tuple(connection))
        return self.wire.inject(connection=own, now_ns=time.monotonic_ns(), **made_up)

    def answer_report(self) -> dict[str, Any]:
        """Return every segment and every change of a state, in order; how many were too many."""
        return {
            "segments": [passage.to_row() for passage in self.wire.passages],
            "changes": sorted(c for side in self._sides.values() for c in side.changes),
            "left_out": {
                "segments": self.wire.left_out,
                "changes": sum(side.left_out for side in self._sides.values()),
            },
        }

    def answer_changes(self, side: str, connection: list[Any]) -> list[tuple[int, str]] | None:
        """Return when a connection came into which state, in order; nothing: nobody knows."""
        self._sides[side].look()
        own = cast("Connection", tuple(connection))
        if not self._sides[side].state(own):
            return None
        return [(at, state) for at, _, whose, state in self._sides[side].changes if whose == own]

    def answer_states(self, of: list[list[Any]]) -> list[str]:
        """Return the state of each [side, connection]; empty: nobody knows."""
        for side in {side for side, _ in of}:
            self._sides[side].look()
        return [self._sides[side].state(tuple(connection)) for side, connection in of]

    def answer_destroy(self, side: str, connection: list[Any]) -> str:
        """Drop a socket; return why that failed, or nothing."""
        self._sides[side].look()
        try:
            self._sides[side].destroy(cast("Connection", tuple(connection)))
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _write(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Run as `python -m tw_bench.scenario.witness SPEC_JSON`."""
    try:
        Witness(json.loads(sys.argv[1])).run()
    except (BrokenPipeError, KeyboardInterrupt):
        return


if __name__ == "__main__":
    main()
