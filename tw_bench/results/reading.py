"""A run folder, read back and checked: the one door for reports, comparisons and notebooks.

Whatever is missing, cut off or changed since the run ended is said in one line (exit 7). A file's
checksum is looked at when the file is first read, so that who wants the summary reads no more.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from tw_bench.errors import ResultsError
from tw_bench.results import durations, percentiles, tables
from tw_bench.results.files import digest
from tw_bench.results.played import PLAYED
from tw_bench.results.run_folder import (
    INTERVALS,
    LATENCY,
    MANIFEST,
    SAMPLES,
    SERVICE_TIME,
    SUMMARY,
)
from tw_bench.results.schema import FORMAT_VERSION, Manifest, PointResult, Summary

Document = TypeVar("Document", bound=BaseModel)
Table = dict[str, NDArray[Any]]

_KEYS = ("point", "side")  # the columns that are text
_WANT_RUN = "want a run folder such as results/TIME-NAME"


@dataclass(frozen=True)
class LoadedRun:
    """A run: what was asked (manifest), the quotable figures (summary), and the rows on demand."""

    path: Path
    manifest: Manifest
    summary: Summary

    @property
    def points(self) -> list[PointResult]:
        """The points, in the profile's order."""
        return self.summary.points

    def point(self, id: str) -> PointResult:
        """Return one point.

        Raises:
            KeyError: the run has none of this id.
        """
        return self._by_id[id]

    def columns(self, name: str) -> tuple[str, ...]:
        """Return the columns that one of the run's CSV files has."""
        return tables.columns(self.path / name)

    def intervals(self, *columns: str) -> Table:
        """Return intervals.csv: column → (n,) array, of these columns or of all.

        `point` is text, the others float64; an empty cell is nan.

        Raises:
            ResultsError: the file is missing, cut off or changed, or has no such column.
        """
        return self._table(INTERVALS, columns)

    def samples(self, *columns: str) -> Table:
        """Return samples.csv in the same way; `point` and `side` are text."""
        return self._table(SAMPLES, columns)

    def latency(self, id: str) -> HdrHistogram:
        """Return the latency of a point, from the intended start, whole run; values in ns."""
        return durations.read(self.check(LATENCY), id)

    def service_time(self, id: str) -> HdrHistogram:
        """Return the service time of a point, from the real start, whole run; values in ns."""
        return durations.read(self.check(SERVICE_TIME), id)

    def percentiles(self, id: str, kind: percentiles.Kind = "latency") -> percentiles.Distribution:
        """Return how a point's latency or service time is distributed, whole run.

        From its .hgrm file; of an older run, which has none, from the log of intervals.

        Raises:
            ResultsError: both are missing, or it is cut off or changed.
        """
        name = percentiles.file_name(id, kind)
        if name in self.manifest.files or (self.path / name).is_file():
            return percentiles.read(self.check(name))
        whole_run = self.latency if kind == "latency" else self.service_time
        return percentiles.distribution(whole_run(id))

    def check(self, name: str) -> Path:
        """Return the path of one of the run's files.

        Raises:
            ResultsError: it is missing, or not what it was when the run was sealed.
        """
        if name not in self._checked:
            _check(self.path / name, self.manifest.files.get(name))
            self._checked.add(name)
        return self.path / name

    def check_all(self) -> None:
        """Check every file that was sealed.

        Raises:
            ResultsError: one is missing, or not what it was when the run was sealed.
        """
        for name in self.manifest.files:
            self.check(name)

    @cached_property
    def _by_id(self) -> dict[str, PointResult]:
        return {point.id: point for point in self.points}

    @cached_property
    def _checked(self) -> set[str]:
        return set()

    def _table(self, name: str, columns: tuple[str, ...]) -> Table:
        longest = max((len(point.id) for point in self.points), default=1)
        is_whole = self.manifest.status == "complete"
        return tables.read(self.check(name), columns, _KEYS, longest, is_whole=is_whole)


def load_run(path: Path | str) -> LoadedRun:
    """Read a run folder.

    Raises:
        ResultsError: it is none, its files contradict each other, or a newer tw-bench wrote it.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    if manifest.status == "running" and not (folder / SUMMARY).is_file():
        raise ResultsError(
            f"{folder}: has no {SUMMARY}: the run was killed in its first wave, or goes on; "
            f"tw-bench run --resume {folder} finishes one that was killed"
        )
    _check(folder / SUMMARY, manifest.files.get(SUMMARY))
    summary = _document(folder / SUMMARY, Summary)
    planned = {str(point.get("id")) for point in manifest.points}
    stray = [point.id for point in summary.points if point.id not in planned]
    if stray and manifest.status != "running":  # a search adds points as it goes
        raise ResultsError(
            f"{folder / SUMMARY}: has a point {stray[0]!r} that {MANIFEST} does not know: "
            "want both files of one run"
        )
    return LoadedRun(folder, manifest, summary)


def read_manifest(folder: Path) -> Manifest:
    """Read what was asked, also of a run that left nothing else.

    Raises:
        ResultsError: it is missing, no manifest, or of a newer tw-bench.
    """
    with looking_at(folder):
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "no such folder"
            raise ResultsError(f"{folder}: {what}: {_WANT_RUN}")
        if not (folder / MANIFEST).is_file() and is_played(folder):
            raise ResultsError(f"{folder}: is of a scenario, which has no {MANIFEST}: {_WANT_RUN}")
        if not (folder / MANIFEST).is_file():
            raise ResultsError(f"{folder}: has no {MANIFEST}: {_WANT_RUN}")
    return _document(folder / MANIFEST, Manifest)


def is_played(folder: Path) -> bool:
    """Whether it is the folder of a scenario, or of many."""
    return any(path.is_file() for pattern in ("", "*/") for path in folder.glob(pattern + PLAYED))


@contextmanager
def looking_at(folder: Path) -> Iterator[None]:
    """Say in one line that the kernel does not take a path: too long, not to be entered.

    Raises:
        ResultsError: it does not.
    """
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a NUL byte
        told = getattr(error, "strerror", None) or error
        raise ResultsError(f"{folder}: cannot be read: {told}: {_WANT_RUN}") from error


def _document(path: Path, kind: type[Document]) -> Document:
    """Return a JSON file as the model that it should be."""
    try:
        data = json.loads(path.read_bytes(), parse_float=_finite, parse_constant=_finite)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or too deep
        raise ResultsError(
            f"{path}: is cut off or no JSON ({error}): want it as tw-bench wrote it"
        ) from error
    newest = data.get("format_version") if isinstance(data, dict) else None
    if isinstance(newest, int) and newest > FORMAT_VERSION:
        raise ResultsError(
            f"{path}: is of format {newest}, written by a newer tw-bench; this one reads up to "
            f"{FORMAT_VERSION}: update it"
        )
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise ResultsError(
            f"{path}: {where}: {first['msg']}: want it as tw-bench wrote it"
        ) from error


def _finite(text: str) -> float:
    """Return a number as JSON has them: no NaN, and none that is larger than any."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is no number")
    return number


def _check(path: Path, sealed: str | None) -> None:
    """Check that a file is there, and what it was when the run was sealed."""
    if not path.is_file():
        raise ResultsError(f"{path}: is missing: want the whole run folder, as it was written")
    try:
        is_changed = sealed is not None and digest(path) != sealed
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from error
    if is_changed:
        raise ResultsError(
            f"{path}: is not what it was when the run was sealed: it was cut off or changed; "
            "want the run folder as it was written"
        )
