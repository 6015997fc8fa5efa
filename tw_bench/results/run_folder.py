"""The folder of one run: made, written as the run goes, sealed last. Nothing else knows its files.

Every file that is written once is written beside its place and renamed, so a reader never sees
half of one. Until it is sealed the manifest says `running`: a half run is seen as one.
"""

import csv
import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hdrh.histogram import HdrHistogram

from tw_bench.errors import ResultsError
from tw_bench.results import percentiles
from tw_bench.results.durations import DurationLog
from tw_bench.results.files import digest, keep_rows, lock
from tw_bench.results.schema import Manifest, Status, Summary
from tw_bench.results.tally import INTERVAL_COLUMNS

MANIFEST = "manifest.json"
SUMMARY = "summary.json"
INTERVALS = "intervals.csv"
SAMPLES = "samples.csv"
LATENCY = "latency.hlog"
SERVICE_TIME = "service_time.hlog"
OPENMETRICS = "openmetrics.txt"
FIGURES = "figures"
PAGE = "report.html"

# Given back before the summary is written, so that a disk that fills up in mid-run still takes it.
_RESERVE = ".reserve"
_RESERVE_BYTES = 256 * 1024

# Two files and not two tags: an HDR tool draws what a file holds, and in both files the tag is the
# point, so that a point's latency and its service time are laid over each other by one name.
_DURATIONS = {
    LATENCY: "Latency from the intended start",
    SERVICE_TIME: "Service time from the real start",
}


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the file system says into one line."""
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"{path}: cannot be written: {error.strerror or error}: "
            "make room or choose another place with --out DIR"
        ) from error


def make_folder(path: Path) -> None:
    """Make the folder of what is played.

    Raises:
        ResultsError: it cannot be made.
    """
    with _writing(path):
        path.mkdir(parents=True)


class RunFolder:
    """An open run folder: a new one, or one of an interrupted run (`kept`: its finished points)."""

    def __init__(
        self, path: Path, sample_columns: Sequence[str], kept: Collection[str] | None = None
    ) -> None:
        self.path = path
        samples = ("point", "side", "time_s", *sample_columns)
        self._sample_width = len(samples)
        with _writing(path):
            if kept is None:
                path.mkdir(parents=True, exist_ok=False)
                (path / FIGURES).mkdir()
            self._lock = lock(path)
            if kept is not None:
                keep_rows(path, kept, {INTERVALS: INTERVAL_COLUMNS, SAMPLES: samples}, _DURATIONS)
                percentiles.keep_files(path, kept)
            with (path / _RESERVE).open("wb") as reserve:
                os.posix_fallocate(reserve.fileno(), 0, _RESERVE_BYTES)
            # Line buffered: what was measured is on the disk a second later, whatever happens.
            self._intervals = (path / INTERVALS).open("a", 1, "utf-8", newline="")
            self._samples = (path / SAMPLES).open("a", 1 << 13, "utf-8", newline="")
            self._logs = {name: DurationLog(path / name, what) for name, what in _DURATIONS.items()}
        self._interval_writer = csv.writer(self._intervals, lineterminator="\n")
        self._sample_writer = csv.writer(self._samples, lineterminator="\n")
        if kept is None:
            with _writing(path):
                self._interval_writer.writerow(INTERVAL_COLUMNS)
                self._sample_writer.writerow(samples)
                self._samples.flush()

    def begin_latency_log(self, start_s: float) -> None:
        """Begin a wave in the logs of durations; `start_s` is seconds since the epoch."""
        for name, log in self._logs.items():
            with _writing(self.path / name):
                log.begin(start_s)

    def add_interval(self, row: list[object]) -> None:
        """Append a line to intervals.csv."""
        with _writing(self.path / INTERVALS):
            self._interval_writer.writerow(row)

    def add_sample(self, row: list[object]) -> None:
        """Append a line to samples.csv, with empty cells where it has less than others."""
        missing = [""] * (self._sample_width - len(row))
        with _writing(self.path / SAMPLES):
            self._sample_writer.writerow(row + missing)

    def add_latency(self, id: str, start_s: float, end_s: float, values: HdrHistogram) -> None:
        """Append an interval of a point to latency.hlog; times since the start of its wave."""
        with _writing(self.path / LATENCY):
            self._logs[LATENCY].add(id, start_s, end_s, values)

    def add_service_time(self, id: str, start_s: float, end_s: float, values: HdrHistogram) -> None:
        """Append an interval of a point to service_time.hlog; times since the start of its wave."""
        with _writing(self.path / SERVICE_TIME):
            self._logs[SERVICE_TIME].add(id, start_s, end_s, values)

    def add_percentiles(self, id: str, kind: percentiles.Kind, values: HdrHistogram) -> None:
        """Write the distribution of a point, whole run; no file where nothing was measured."""
        name = percentiles.file_name(id, kind)
        with _writing(self.path / name):
            (self.path / name).unlink(missing_ok=True)  # of an attempt that was interrupted
            (self.path / percentiles.PERCENTILES).mkdir(exist_ok=True)
        if values.get_total_count():
            self._write(name, percentiles.text(values, id, kind))

    def write_manifest(self, manifest: Manifest) -> None:
        """Write manifest.json."""
        self._write(MANIFEST, manifest.model_dump_json(indent=2))

    def keep(self, summary: Summary) -> None:
        """Write summary.json so far: a run that is killed later keeps its finished points."""
        with _writing(self.path / SAMPLES):
            self._samples.flush()
        self._write(SUMMARY, summary.model_dump_json(indent=2))

    def finish(self, summary: Summary) -> None:
        """Write summary.json and close the files that were appended to."""
        try:
            (self.path / _RESERVE).unlink(missing_ok=True)
            self._write(SUMMARY, summary.model_dump_json(indent=2))
        finally:
            with _writing(self.path), ExitStack() as files:
                logs = (log.close for log in self._logs.values())
                for close in (self._intervals.close, self._samples.close, *logs):
                    files.callback(close)

    def add_openmetrics(self, manifest: Manifest, summary: Summary) -> None:
        """Write openmetrics.txt, of a run that ends now."""
        from tw_bench.results.openmetrics import openmetrics  # a tenth of a second, at the end

        with _writing(self.path / OPENMETRICS):
            text = openmetrics(manifest, summary, self.path / SAMPLES, round(time.time()))
        self._write(OPENMETRICS, text)

    def seal(self, manifest: Manifest, status: Status, error: str | None) -> None:
        """Write the manifest for the last time, with the checksum of each file of figures."""
        with _writing(self.path):
            files = {name: digest(self.path / name) for name in self._data_files()}
        update: dict[str, Any] = {
            "status": status,
            "ended_at": utc_now(),
            "error": error,
            "files": files,
        }
        self.write_manifest(manifest.model_copy(update=update))
        os.close(self._lock)

    def _data_files(self) -> list[str]:
        """Return the names of the files that hold what was measured; another's are not ours."""
        own = (SUMMARY, OPENMETRICS, INTERVALS, SAMPLES, LATENCY, SERVICE_TIME)
        distributions = (self.path / percentiles.PERCENTILES).glob("*.hgrm")
        found = [*(self.path / name for name in own), *distributions]
        return sorted(str(path.relative_to(self.path)) for path in found if path.is_file())

    def _write(self, name: str, text: str) -> None:
        path = self.path / name
        beside = path.with_suffix(".tmp")
        with _writing(path):
            try:
                with beside.open("w", encoding="utf-8") as file:
                    file.write(text.rstrip("\n") + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(path)
            finally:
                beside.unlink(missing_ok=True)


def utc_now() -> str:
    """Return the time, UTC, ISO 8601 to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def choose_path(out: Path | None, name: str) -> Path:
    """Return where a run goes: the folder asked for, or results/<UTC time>-<profile>.

    Raises:
        ResultsError: the folder asked for exists already.
    """
    if out is not None:
        with _writing(out):
            exists = out.exists()
        if exists:
            raise ResultsError(f"{out}: exists already: want a new folder, or leave --out away")
        return out
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    path = Path("results") / f"{stamp}-{name}"
    number = 2
    while path.exists():
        path = Path("results") / f"{stamp}-{name}-{number}"
        number += 1
    return path
