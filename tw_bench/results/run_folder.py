"""The folder of one run: made, written as the run goes, sealed last. Nothing else knows its files.

Every file that is written once is written beside its place and renamed, so a reader never sees
half of one. Until it is sealed the manifest says `running`: a half run is seen as one.
"""

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hdrh.histogram import HdrHistogram

from tw_bench.errors import ResultsError
from tw_bench.results.schema import Manifest, Status, Summary
from tw_bench.results.tally import INTERVAL_COLUMNS

MANIFEST = "manifest.json"
SUMMARY = "summary.json"
INTERVALS = "intervals.csv"
SAMPLES = "samples.csv"
LATENCY = "latency.hlog"
SERVICE_TIME = "service_time.hlog"
FIGURES = "figures"

# Given back before the summary is written, so that a disk that fills up in mid-run still takes it.
_RESERVE = ".reserve"
_RESERVE_BYTES = 256 * 1024

# Two files and not two tags: an HDR tool draws what a file holds, and in both files the tag is the
# point, so that a point's latency and its service time are laid over each other by one name.
_DURATIONS = {
    LATENCY: "Latency from the intended start",
    SERVICE_TIME: "Service time from the real start",
}
_NS_PER_MS = 1e6


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


class RunFolder:
    """An open run folder."""

    def __init__(self, path: Path, sample_columns: Iterable[str]) -> None:
        self.path = path
        with _writing(path):
            path.mkdir(parents=True, exist_ok=False)
            (path / FIGURES).mkdir()
            with (path / _RESERVE).open("wb") as reserve:
                os.posix_fallocate(reserve.fileno(), 0, _RESERVE_BYTES)
            # Line buffered: what was measured is on the disk a second later, whatever happens.
            self._intervals = (path / INTERVALS).open("w", newline="", buffering=1)
            self._samples = (path / SAMPLES).open("w", newline="", buffering=1 << 13)
            self._logs = {name: (path / name).open("w", buffering=1) for name in _DURATIONS}
        self._interval_writer = csv.writer(self._intervals, lineterminator="\n")
        self._sample_writer = csv.writer(self._samples, lineterminator="\n")
        with _writing(path):
            self._interval_writer.writerow(INTERVAL_COLUMNS)
            self._sample_writer.writerow(("point", "side", "time_s", *sample_columns))

    def begin_latency_log(self, start_s: float) -> None:
        """Write the heads of the two logs; `start_s` is seconds since the epoch."""
        for name, what in _DURATIONS.items():
            with _writing(self.path / name):
                self._logs[name].write(
                    f"#[{what}, in ns; the tag is the point]\n"
                    "#[Histogram log format version 1.3]\n"
                    f"#[StartTime: {start_s:.3f} (seconds since epoch)]\n"
                    '"StartTimestamp","Interval_Length","Interval_Max",'
                    '"Interval_Compressed_Histogram"\n'
                )

    def add_interval(self, row: list[object]) -> None:
        """Append a line to intervals.csv."""
        with _writing(self.path / INTERVALS):
            self._interval_writer.writerow(row)

    def add_sample(self, row: list[object]) -> None:
        """Append a line to samples.csv."""
        with _writing(self.path / SAMPLES):
            self._sample_writer.writerow(row)

    def add_latency(self, tag: str, start_s: float, end_s: float, values: HdrHistogram) -> None:
        """Append an interval histogram to latency.hlog; times since the start of the log."""
        self._add_histogram(LATENCY, tag, start_s, end_s, values)

    def add_service_time(
        self, tag: str, start_s: float, end_s: float, values: HdrHistogram
    ) -> None:
        """Append an interval histogram to service_time.hlog; times since the start of the log."""
        self._add_histogram(SERVICE_TIME, tag, start_s, end_s, values)

    def _add_histogram(
        self, name: str, tag: str, start_s: float, end_s: float, values: HdrHistogram
    ) -> None:
        """Append a line of HdrHistogram's log, version 1.3: the package's writer knows no tags."""
        longest_ms = values.get_max_value() / _NS_PER_MS
        with _writing(self.path / name):
            self._logs[name].write(
                f"Tag={tag.replace(',', ';')},{start_s:.3f},{end_s - start_s:.3f},"
                f"{longest_ms:.3f},{values.encode().decode()}\n"
            )

    def write_manifest(self, manifest: Manifest) -> None:
        """Write manifest.json."""
        self._write(MANIFEST, manifest.model_dump_json(indent=2))

    def finish(self, summary: Summary) -> None:
        """Write summary.json and close the files that were appended to."""
        try:
            (self.path / _RESERVE).unlink(missing_ok=True)
            self._write(SUMMARY, summary.model_dump_json(indent=2))
        finally:
            with _writing(self.path), ExitStack() as files:
                for file in (self._intervals, self._samples, *self._logs.values()):
                    files.enter_context(file)

    def seal(self, manifest: Manifest, status: Status, error: str | None) -> None:
        """Write the manifest for the last time."""
        update: dict[str, Any] = {"status": status, "ended_at": utc_now(), "error": error}
        self.write_manifest(manifest.model_copy(update=update))

    def _write(self, name: str, text: str) -> None:
        path = self.path / name
        beside = path.with_suffix(".tmp")
        with _writing(path):
            try:
                with beside.open("w") as file:
                    file.write(text + "\n")
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
