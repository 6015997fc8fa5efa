"""What is kept of the rounds: every reading, and the rows that are made of them."""

import csv
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.generators.catalogue import CLOSE, CONCURRENCY, KEEP, SECONDS, Generator
from tests.bench.generators.own_worker import NAME
from tests.bench.generators.readings import WINDOW_S, Reading
from tests.bench.generators.rounds import ONE_WORKER, TARGETS, TWO_WORKERS, WORKERS
from tw_bench.errors import ResultsError

FLOOR, WRK = "C, epoll", "wrk"
FORMAT_VERSION = 1

# table, of what, at least: median ratio of tw-bench's worker to it
ASKED = ((CLOSE, WRK, 1.05), (CLOSE, FLOOR, 0.95), (KEEP, WRK, 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table: medians of the rounds, and their spread."""

    table: str
    name: str
    rounds: int
    per_s: float  # by the server's kernel
    least_per_s: float
    most_per_s: float
    own_per_s: float | None  # by the generator itself
    by_wrk: float | None  # median of the rounds' ratios
    by_floor: float | None
    by_one: float | None  # of the other tables: to one worker, or to the one against nginx
    errors: int  # all rounds
    generator_cpu: float
    server_cpu: float
    client_time_wait: float  # of all its connections, the share that left TIME_WAIT at the client


def ratio(readings: Iterable[Reading], this: tuple[str, str], to: tuple[str, str]) -> float | None:
    """Return the median over the rounds of one (table, name) to another; None: no such round.

    >>> of_wrk = ratio([], ("close", "ab"), ("close", "wrk"))
    >>> of_wrk is None
    True
    """
    by_key = {(each.round, each.table, each.name): each.per_s for each in readings}
    found = [
        value / other
        for (number, *key), value in by_key.items()
        if tuple(key) == this and (other := by_key.get((number, *to)))
    ]
    return statistics.median(found) if found else None


def rows(readings: Sequence[Reading]) -> list[Row]:
    """Return the rows of all tables, the highest rate of each table first."""
    groups: dict[tuple[str, str], list[Reading]] = {}
    for reading in readings:
        groups.setdefault((reading.table, reading.name), []).append(reading)
    made = [_row(key, group, readings) for key, group in groups.items()]
    order = (CLOSE, KEEP, WORKERS, TARGETS)
    return sorted(made, key=lambda row: (order.index(row.table), -row.per_s))


def _row(key: tuple[str, str], group: Sequence[Reading], readings: Sequence[Reading]) -> Row:
    table, name = key
    rates = [each.per_s for each in group]
    own = [each.own_per_s for each in group if each.own_per_s is not None]
    one = {WORKERS: (WORKERS, ONE_WORKER), TARGETS: (CLOSE, NAME)}
    return Row(
        table=table,
        name=name,
        rounds=len(group),
        per_s=statistics.median(rates),
        least_per_s=min(rates),
        most_per_s=max(rates),
        own_per_s=statistics.median(own) if own else None,
        by_wrk=None if table in one else ratio(readings, key, (table, WRK)),
        by_floor=None if table in one else ratio(readings, key, (table, FLOOR)),
        by_one=ratio(readings, key, one[table]) if table in one else None,
        errors=sum(each.errors for each in group),
        generator_cpu=statistics.median(each.generator_cpu for each in group),
        server_cpu=statistics.median(each.server_cpu for each in group),
        client_time_wait=statistics.median(
            each.client_time_wait / each.connections for each in group
        ),
    )


def efficiency(readings: Sequence[Reading]) -> float | None:
    """Return connections per processor second of the workers, with two to with one.

    1: two workers take nothing from each other. On two processors the rate itself cannot show it,
    because the server is on one of them.
    """
    per_cpu = [
        replace(each, per_s=each.per_s / each.generator_cpu)
        for each in readings
        if each.table == WORKERS
    ]
    return ratio(per_cpu, (WORKERS, TWO_WORKERS), (WORKERS, ONE_WORKER))


def busiest_cpu(readings: Sequence[Reading]) -> float | None:
    """Return what the busier of generator and server had of its processor, at the median.

    In a closed loop one of the two is always busy, unless something else takes its processor.
    """
    found = [max(each.generator_cpu, each.server_cpu) for each in readings if each.table == CLOSE]
    return statistics.median(found) if found else None


def record(
    readings: Sequence[Reading], generators: Sequence[Generator], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all that is kept, as plain data; `facts` are those of the host and the versions."""
    return {
        "format": "tw-bench generators",
        "format_version": FORMAT_VERSION,
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "concurrency": CONCURRENCY,
        "seconds": SECONDS,
        "window_s": WINDOW_S,
        **facts,
        "notes": {each.name: each.note for each in generators},
        "asked": [
            {"table": table, "of": name, "least": least, "found": _of(readings, table, name)}
            for table, name, least in ASKED
        ],
        "two_workers_efficiency": efficiency(readings),
        "busiest_cpu": busiest_cpu(readings),
        "rows": [asdict(row) for row in rows(readings)],
        "readings": [asdict(reading) for reading in readings],
    }


def _of(readings: Sequence[Reading], table: str, name: str) -> float | None:
    return ratio(readings, (table, NAME), (table, name))


def write(folder: Path, document: Mapping[str, Any]) -> None:
    """Write generators.json and generators.csv.

    Raises:
        ResultsError: the folder cannot be written to.
    """
    columns = [each.name for each in fields(Reading)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "generators.json").write_text(json.dumps(document, indent=2) + "\n")
        with (folder / "generators.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(document["readings"])
    except OSError as error:
        raise ResultsError(
            f"{folder}: cannot be written: {error.strerror or error}: "
            "make room or choose another place with --out DIR"
        ) from error


def read_document(folder: Path) -> tuple[dict[str, Any], list[Row]]:
    """Return what write() has written, and its rows.

    Raises:
        ResultsError: there is none, or it is of another format.
    """
    path = folder / "generators.json"
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        if document["format_version"] != FORMAT_VERSION:
            raise ValueError(f"its format_version is not {FORMAT_VERSION}")
        return document, [Row(**row) for row in document["rows"]]
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
    except (KeyError, TypeError) as error:  # JSON, but not ours
        why = f"it is no table of generators ({type(error).__name__}: {error})"
    raise ResultsError(f"{path}: cannot be read: {why}: make bench writes one")
