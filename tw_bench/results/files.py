"""The files of a run as a whole: locked, sealed, and cleared of what was not finished."""

import csv
import fcntl
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tw_bench.errors import ResultsError
from tw_bench.results.durations import tag


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lock(folder: Path) -> int:
    """Lock a run folder for its one writer, and return the descriptor that holds the lock.

    The kernel unlocks it when the process is gone, however it went.

    Raises:
        ResultsError: a run is being written there.
    """
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise ResultsError(f"{folder}: its run goes on: wait until it ends") from error
    return held


def keep_rows(
    folder: Path,
    kept: Collection[str],
    tables: Mapping[str, Sequence[str]],
    logs: Iterable[str],
) -> None:
    """Drop what other points than these left: in tables (name → columns) and histogram logs.

    Raises:
        ResultsError: a file is missing, or a table has other columns.
    """
    for name, columns in tables.items():
        _rewrite(folder / name, partial(_table_rows, columns=columns, kept=kept))
    for name in logs:
        _rewrite(folder / name, partial(_log_lines, kept=kept))
    for place in (folder / "targets").glob("*"):
        if place.name not in {id.replace("/", "_") for id in kept}:
            shutil.rmtree(place)


def _rewrite(path: Path, lines: Callable[[Path], Iterator[str]]) -> None:
    beside = path.with_suffix(".tmp")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines(path))
        beside.replace(path)
    except FileNotFoundError as error:
        raise ResultsError(
            f"{path}: is missing: the run cannot be taken up: run it anew"
        ) from error
    except csv.Error as error:  # a NUL, or a cell without an end
        raise ResultsError(
            f"{path}: is no table ({error}): the run cannot be taken up: run it anew"
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def _table_rows(path: Path, columns: Sequence[str], kept: Collection[str]) -> Iterator[str]:
    """Yield the head and the whole rows of the kept points.

    The kernel tore what a kill met in the middle: what does not read was of no finished point.
    """
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        reader = csv.reader(file)
        if tuple(next(reader, columns)) != tuple(columns):
            raise ResultsError(f"{path}: has other columns than today's: run it anew")
        yield _line(columns)
        for row in reader:
            if len(row) == len(columns) and row[0] in kept:
                yield _line(row)


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _log_lines(path: Path, kept: Collection[str]) -> Iterator[str]:
    """Yield the heads and the lines of the kept points; the same of what was torn."""
    own = tuple(f"Tag={tag(id)}," for id in kept)
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for line in file:
            if line.endswith("\n") and (not line.startswith("Tag=") or line.startswith(own)):
                yield line
