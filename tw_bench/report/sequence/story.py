"""What a picture is drawn from: segments, and the states at both ends, read back."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from tw_bench.errors import ResultsError
from tw_bench.results.played import CHANGE_COLUMNS, CHANGES, PLAYED, SEGMENT_COLUMNS, SEGMENTS
from tw_bench.results.played import Played as Played  # said here too: it is half of a story

Ends = tuple[str, int, str, int]  # own address and port, the other's


@dataclass(frozen=True, slots=True)
class Sent:
    """A segment: segments.csv, a row."""

    number: int
    left_s: float
    arrived_s: float | None  # None: it never did
    sender: str  # side
    receiver: str
    fate: str  # delivered, dropped, held, late, replayed, injected
    ends: Ends  # as its sender has them
    flags: tuple[str, ...]
    kind: str
    seq: int
    ack: int
    length: int
    timestamp: int | None  # TSval
    sender_state: str
    receiver_state: str

    @property
    def is_made(self) -> bool:
        """Whether it comes from the wire and not from its sender."""
        return self.fate in ("replayed", "injected")


@dataclass(frozen=True, slots=True)
class Change:
    """A new state of a connection: states.csv, a row."""

    at_s: float
    side: str
    ends: Ends  # as that side has them
    state: str


@dataclass(frozen=True)
class Story:
    """A scenario that was played."""

    played: Played
    segments: list[Sent]
    changes: list[Change]

    @cached_property
    def sides(self) -> tuple[str, ...]:
        """The sides that have a lifeline, from the client on."""
        seen = {side for row in self.segments for side in (row.sender, row.receiver)}
        return ("client", "nat", "server") if "nat" in seen else ("client", "server")

    @cached_property
    def connections(self) -> list[Ends]:
        """The different four-tuples, as who sent the first segment has them, in order."""
        found: dict[Ends, None] = {}
        for row in self.segments:
            if turned(row.ends) not in found:
                found.setdefault(row.ends)
        return list(found)


def turned(ends: Ends) -> Ends:
    """Return a four-tuple as the other end has it."""
    return ends[2], ends[3], ends[0], ends[1]


def read_story(folder: Path) -> Story:
    """Read the folder of a scenario that was played.

    Raises:
        ResultsError: it is none, or a file of it is missing or broken.
    """
    path = folder / PLAYED
    try:
        played = Played.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path}: is no scenario that was played: play it anew") from error
    return Story(played, list(_segments(folder / SEGMENTS)), list(_changes(folder / CHANGES)))


def _segments(path: Path) -> Iterator[Sent]:
    for line, row in _rows(path, SEGMENT_COLUMNS):
        try:
            yield _segment(row)
        except (ValueError, TypeError) as error:
            raise ResultsError(f"{path}:{line}: is no segment: play it anew") from error


def _segment(row: dict[str, str]) -> Sent:
    return Sent(
        number=int(row["number"]),
        left_s=float(row["left_s"]),
        arrived_s=float(row["arrived_s"]) if row["arrived_s"] else None,
        sender=row["sender"],
        receiver=row["receiver"],
        fate=row["fate"],
        ends=(
            row["source"],
            int(row["source_port"]),
            row["destination"],
            int(row["destination_port"]),
        ),
        flags=tuple(row["flags"].split("+")),
        kind=row["kind"],
        seq=int(row["seq"]),
        ack=int(row["ack"]),
        length=int(row["length"]),
        timestamp=int(row["timestamp"]) if row["timestamp"] else None,
        sender_state=row["sender_state"],
        receiver_state=row["receiver_state"],
    )


def _changes(path: Path) -> Iterator[Change]:
    for line, row in _rows(path, CHANGE_COLUMNS):
        try:
            ends = (row["address"], int(row["port"]), row["peer"], int(row["peer_port"]))
            yield Change(float(row["time_s"]), row["side"], ends, row["state"])
        except (ValueError, TypeError) as error:
            raise ResultsError(f"{path}:{line}: is no change of a state: play it anew") from error


def _rows(
    path: Path, columns: "tuple[str, ...] | list[str]"
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with its line; a file that is not there has none."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise ResultsError(f"{path}: has no column {missing[0]!r}: play it anew")
        for row in reader:
            yield reader.line_num, row
