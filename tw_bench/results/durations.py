"""The HDR histogram logs of a run, written and read back: a line an interval, tag = point."""

import re
from pathlib import Path

from hdrh.histogram import HdrHistogram

from tw_bench.errors import ResultsError
from tw_bench.results.histogram import histogram

_NS_PER_MS = 1e6
_START = re.compile(r"#\[StartTime: ([\d.]+) ")


class DurationLog:
    """A log of interval histograms being written, version 1.3: the package's writer knows no tags.

    It has one head, and the times of later waves are since that one: HistogramLogProcessor takes
    its base from the first head, its range from the last, and so leaves out what follows a second.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._what = what
        # Line buffered: on the disk a second later, whatever happens.
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._started_s = _start_time(path)
        self._offset_s = 0.0  # of the wave

    def begin(self, start_s: float) -> None:
        """Begin a wave, `start_s` seconds after the epoch; the first one writes the head."""
        if self._started_s is None:
            self._started_s = start_s
            self._file.write(
                f"#[{self._what}, in ns; the tag is the point]\n"
                "#[Histogram log format version 1.3]\n"
                f"#[StartTime: {start_s:.3f} (seconds since epoch)]\n"
                '"StartTimestamp","Interval_Length","Interval_Max",'
                '"Interval_Compressed_Histogram"\n'
            )
        self._offset_s = start_s - self._started_s

    def add(self, id: str, start_s: float, end_s: float, values: HdrHistogram) -> None:
        """Append an interval of a point; times in seconds since the start of its wave."""
        longest_ms = values.get_max_value() / _NS_PER_MS
        self._file.write(
            f"Tag={tag(id)},{self._offset_s + start_s:.3f},{end_s - start_s:.3f},"
            f"{longest_ms:.3f},{values.encode().decode()}\n"
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _start_time(path: Path) -> float | None:
    """Return when a log began, in seconds since the epoch; None where it has no head yet."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if found := _START.match(line):
                return float(found[1])
            if line.startswith("Tag="):
                break
    return None


def read(path: Path, id: str) -> HdrHistogram:
    """Return all intervals of a point as one histogram, values in ns; empty where it has none.

    Raises:
        ResultsError: a line of the point does not read.
    """
    total = histogram()
    start = f"Tag={tag(id)},"
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if line.startswith(start):
                _add(total, line, f"{path}:{number}")
    return total


def tag(id: str) -> str:
    """Return a point's id as a tag may be written: without commas."""
    return id.replace(",", ";")


def _add(total: HdrHistogram, line: str, place: str) -> None:
    """Add one line: Tag=..., start, length, longest, histogram."""
    payload = line.rstrip("\n").rpartition(",")[2]
    try:
        interval = HdrHistogram.decode(payload)
    except Exception as error:  # binascii, zlib, struct, IndexError: whatever a torn text gives
        raise ResultsError(
            f"{place}: is no histogram: cut off or changed; want it as tw-bench wrote it"
        ) from error
    total.add(interval)
