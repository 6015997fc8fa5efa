"""The CSV files of a run, read into columns."""

import csv
import io
import warnings
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tw_bench.errors import ResultsError

_LONGEST_NUMBER = 24  # characters
_LONGEST_SIDE = 8

Columns: TypeAlias = dict[str, NDArray[Any]]


def read(
    path: Path, names: tuple[str, ...], keys: tuple[str, ...], longest_key: int, *, is_whole: bool
) -> Columns:
    """Return the named columns, or all: those in `keys` as text, the others as float64.

    A run that was cut off may end in half a row, which is left out; one that is whole may not.

    Raises:
        ResultsError: a column is missing, or a row does not fit the head.
    """
    header = columns(path)
    wanted = names or header
    missing = [name for name in (keys[0], *wanted) if name not in header]
    if missing:
        raise ResultsError(f"{path}: has no column {missing[0]!r}: want the file of a run")
    source = path if is_whole else _whole_lines(path)
    kinds = [_kind(name, keys, longest_key) for name in wanted]
    try:
        rows = _load(source, header, wanted, kinds)
    except ValueError:
        rows = _load_with_gaps(source, header, wanted, kinds, path)
    return {name: rows[f"f{number}"] for number, name in enumerate(wanted)}


def columns(path: Path) -> tuple[str, ...]:
    """Return the names in the head of a file."""
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return tuple(next(csv.reader(file), []))


def _kind(name: str, keys: tuple[str, ...], longest_key: int) -> str:
    if name not in keys:
        return "f8"
    return f"U{longest_key if name == keys[0] else _LONGEST_SIDE}"


def _whole_lines(path: Path) -> Path | io.StringIO:
    """Return the file, or its text up to the last whole line where it ends in half a one."""
    data = path.read_bytes()
    if data.endswith(b"\n"):
        return path
    return io.StringIO(data[: data.rfind(b"\n") + 1].decode(errors="replace"))


def _load(
    source: Path | io.StringIO, header: tuple[str, ...], names: tuple[str, ...], kinds: list[str]
) -> NDArray[Any]:
    """Return a structured array with fields f0, f1, ...; a gap in a number is a ValueError."""
    if isinstance(source, io.StringIO):
        source.seek(0)
    with warnings.catch_warnings():
        # A run that ended in its first second: a table without a row is one.
        warnings.filterwarnings("ignore", "loadtxt: input contained no data")
        return np.loadtxt(
            source,
            delimiter=",",
            skiprows=1,
            usecols=[header.index(name) for name in names],
            dtype=[(f"f{number}", kind) for number, kind in enumerate(kinds)],
            comments=None,
            quotechar='"',
            ndmin=1,
            encoding="utf-8",
        )


def _load_with_gaps(
    source: Path | io.StringIO,
    header: tuple[str, ...],
    names: tuple[str, ...],
    kinds: list[str],
    path: Path,
) -> NDArray[Any]:
    """Return the same, slower, an empty cell as nan."""
    as_text = [f"U{_LONGEST_NUMBER}" if kind == "f8" else kind for kind in kinds]
    try:
        texts = _load(source, header, names, as_text)
        rows = np.empty(texts.shape, [(f"f{n}", kind) for n, kind in enumerate(kinds)])
        for field, kind in rows.dtype.fields.items() if rows.dtype.fields else ():
            cells = texts[field]
            is_gap = (kind[0] == np.dtype("f8")) & (cells == "")
            rows[field] = np.where(is_gap, "nan", cells)
    except ValueError as error:
        why = str(error).partition(";")[0]
        raise ResultsError(
            f"{path}: is cut off or no table ({why}): want it as tw-bench wrote it"
        ) from error
    return rows
