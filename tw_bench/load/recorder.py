"""One row a slot of the schedule, handed over once a second.

A worker never holds more than a second of rows, so its memory does not grow with the run.
"""

import struct
from collections.abc import Callable

from tw_bench.results.rows import FIELDS

_ROW_BYTES = 8 * len(FIELDS)
_pack = struct.Struct(f"{len(FIELDS)}q").pack  # half the time that array.extend() takes


class Recorder:
    """Collects rows and hands them over as bytes."""

    def __init__(self, hand_over: Callable[[int, bytearray], None]) -> None:
        self._hand_over = hand_over
        self._rows = bytearray()

    def record(
        self,
        intended_ns: int,
        started_ns: int,
        connect_call_ns: int,
        connected_ns: int,
        ended_ns: int,
        outcome: int,
    ) -> None:
        """Keep one row."""
        self._rows += _pack(
            intended_ns, started_ns, connect_call_ns, connected_ns, ended_ns, outcome
        )

    def skip(self, intended_ns: int, reason: int) -> None:
        """Keep a slot that was not tried."""
        self._rows += _pack(intended_ns, 0, 0, 0, 0, reason)

    def flush(self) -> None:
        """Hand over what was collected, row after row, and start anew."""
        rows, self._rows = self._rows, bytearray()
        self._hand_over(len(rows) // _ROW_BYTES, rows)
