"""What is written on an arrow: flags, and sequence numbers counted from each side's first one.

As tcpdump and the books do: SYN is 0, the first byte is 1. A connection that begins anew on the
same four-tuple counts anew; what is left over from the one before keeps its own count.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tw_bench.report.sequence.story import Ends, Sent, turned

_NEAR = 1 << 20  # bytes: a scenario sends no more, and ISNs are further apart (64 ns each)
_FATES = {"dropped": "lost", "held": "kept back", "late": "late", "delivered": ""}


@dataclass(frozen=True, slots=True)
class Label:
    """The words of an arrow."""

    text: str
    fate: str = ""  # what became of it, where it did not just arrive
    remarks: str = ""  # of what is out of its time

    @property
    def flags(self) -> str:
        """The flags alone, where there is no room for more."""
        return self.text.partition("  ")[0]

    @property
    def whole(self) -> str:
        """All of it in one line."""
        return "  ".join(filter(None, (self.text, self.fate, self.remarks)))


def labels(segments: Iterable[Sent]) -> dict[int, Label]:
    """Return the label of each segment, by its number; segments in their order."""
    firsts: dict[Ends, list[int]] = {}  # sender's ends → the ISN of each time it began
    newest: dict[Ends, int] = {}  # sender's ends → the highest TSval that arrived
    found = {}
    for row in segments:
        own = firsts.setdefault(row.ends, [])
        if row.kind in ("SYN", "SYN_ACK") and not row.is_made and own[-1:] != [row.seq]:
            own.append(row.seq)
        found[row.number] = _label(row, own, firsts.get(turned(row.ends), []), newest)
        if row.timestamp is not None and row.arrived_s is not None and row.fate != "injected":
            newest[row.ends] = max(newest.get(row.ends, 0), row.timestamp)
    return found


def _label(row: Sent, own: list[int], other: list[int], newest: dict[Ends, int]) -> Label:
    began, seq = _counted(own, row.seq)
    words = [", ".join(row.flags), f" seq {seq}"]
    if "ACK" in row.flags:
        words.append(f"ack {_counted(other, row.ack)[1]}")
    if row.length:
        words.append(f"length {row.length:,}")
    fate = _FATES.get(row.fate, row.fate)
    if row.arrived_s is None and row.fate not in ("dropped", "held"):
        fate = "on its way at the end"
    remarks = ["of the earlier connection"] if began < len(own) else []
    if (
        row.is_made
        and row.timestamp is not None
        and newest.get(row.ends, row.timestamp) != (row.timestamp)
    ):
        remarks.append(f"TSval {_wrapped(row.timestamp - newest[row.ends]):+,}")
    return Label(" ".join(words), fate, ", ".join(remarks).replace("-", "−"))


def _counted(firsts: list[int], value: int) -> tuple[int, str]:
    """Return which time it belongs to, from 1, and the number counted from its first one.

    As it is, where the first was never seen.

    >>> _counted([2**32 - 1], 0), _counted([100], 90), _counted([], 7_000)
    ((1, '1'), (1, '−10'), (0, '7,000'))
    >>> _counted([1_000, 90_000_000], 1_001), _counted([1_000, 90_000_000], 90_000_001)
    ((1, '1'), (2, '1'))
    """
    if not firsts:
        return 0, f"{value:,}"
    near = [n for n, first in enumerate(firsts) if 0 <= _wrapped(value - first) < _NEAR]
    began = near[-1] if near else len(firsts) - 1
    return began + 1, f"{_wrapped(value - firsts[began]):,}".replace("-", "−")


def _wrapped(difference: int) -> int:
    """Return a difference of sequence numbers, which count modulo 2^32 (RFC 9293 section 3.4)."""
    return (difference + 2**31) % 2**32 - 2**31
