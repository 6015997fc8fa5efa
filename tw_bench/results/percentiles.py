"""The percentile distribution of a point's durations: a .hgrm file, as the HDR tools write it.

The steps are those of HdrHistogram's PercentileIterator, five to each halving of what is left.
The Python package has the same by name, but divides where Java divides whole numbers, so that its
steps are others, and leaves the standard deviation in ns. A test lays ours over Java's.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from tw_bench.errors import ResultsError

PERCENTILES = "percentiles"

Kind: TypeAlias = Literal["latency", "service_time"]

_WORDS: dict[Kind, str] = {
    "latency": "Latency from the intended start",
    "service_time": "Service time from the real start",
}
_STEPS = 5  # to each halving of the distance to 100 %: HistogramLogProcessor's default
_NS_PER_MS = 1e6
_US_PER_MS = 1e3
_LONGEST_NAME = 200  # characters; a file system takes 255 bytes, with the ending


@dataclass(frozen=True, slots=True)
class Distribution:
    """How long so many of all took at the most; the last step is 100 %, the longest."""

    percentile: NDArray[np.float64]  # (n,) 0 to 1, rising
    value_us: NDArray[np.float64]  # (n,)
    count: NDArray[np.int64]  # (n,) how many took so long or less; the last is all of them


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The values of a histogram that were met, rising; a value stands for a range of its size."""

    low_ns: NDArray[np.int64]
    size_ns: NDArray[np.int64]
    count: NDArray[np.int64]

    @property
    def highest_ns(self) -> NDArray[np.int64]:
        """The longest that counts as the same."""
        return self.low_ns + self.size_ns - 1

    @property
    def median_ns(self) -> NDArray[np.int64]:
        """The middle of what counts as the same."""
        return self.low_ns + self.size_ns // 2


def keep_files(folder: Path, kept: Iterable[str]) -> None:
    """Remove the distributions of other points than these from a run folder."""
    names = {file_name(id, kind) for id in kept for kind in _WORDS}
    for path in (folder / PERCENTILES).glob("*.hgrm"):
        if f"{PERCENTILES}/{path.name}" not in names:
            path.unlink()


def file_name(id: str, kind: Kind) -> str:
    """Return where a point's distribution is in the run folder, a name of its own for each point.

    >>> file_name("time-lapse/ports=50", "latency")
    'percentiles/time-lapse~ports=50.latency.hgrm'
    """
    name = quote(id, safe="/=,;+ ").replace("~", "%7E").replace("/", "~").replace(" ", "%20")
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 17]}~{sha256(id.encode()).hexdigest()[:16]}"
    return f"{PERCENTILES}/{name}.{kind}.hgrm"


def distribution(histogram: HdrHistogram) -> Distribution:
    """Return the percentile distribution of a histogram of ns; nothing of an empty one."""
    recorded = _recorded(histogram)
    up_to = np.cumsum(recorded.count)
    steps, places = _steps(up_to)
    return Distribution(
        np.array(steps, dtype=np.float64) / 100,
        recorded.highest_ns[places] / _US_PER_MS,
        up_to[places],
    )


def text(histogram: HdrHistogram, id: str, kind: Kind) -> str:
    """Return a .hgrm file: values in ms, with a line that says of what."""
    found, recorded = distribution(histogram), _recorded(histogram)
    rows = zip(found.value_us / _US_PER_MS, found.percentile, found.count, strict=True)
    lines = [
        f"#[{_WORDS[kind]}, in ms, of {id}]",
        f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n",
        *(_line(*row) for row in rows),
    ]
    if len(found.count):
        lines += _footer(histogram, recorded)
    return "\n".join(lines) + "\n"


def _line(value_ms: float, percentile: float, count: int) -> str:
    line = f"{value_ms:12.3f} {percentile:2.12f} {count:10d}"
    return line if percentile == 1 else f"{line} {1 / (1 - percentile):14.2f}"


def _footer(histogram: HdrHistogram, recorded: _Recorded) -> list[str]:
    total = int(recorded.count.sum())
    mean_ns = float(recorded.median_ns @ recorded.count) / total
    squares = (recorded.median_ns - mean_ns) ** 2 @ recorded.count
    deviation_ns = math.sqrt(float(squares) / total)
    longest_ns = int(recorded.highest_ns[-1])
    return [
        f"#[Mean    = {mean_ns / _NS_PER_MS:12.3f}, "
        f"StdDeviation   = {deviation_ns / _NS_PER_MS:12.3f}]",
        f"#[Max     = {longest_ns / _NS_PER_MS:12.3f}, Total count    = {total:12d}]",
        f"#[Buckets = {histogram.bucket_count:12d}, "
        f"SubBuckets     = {histogram.sub_bucket_count:12d}]",
    ]


def read(path: Path) -> Distribution:
    """Read a .hgrm file back; values to the microsecond, as they stand there.

    Raises:
        ResultsError: it is no such file.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line.split()[:3] for line in lines if line.strip() and not line.startswith("#")]
    try:
        table = np.array(rows[1:], dtype=np.float64).reshape(-1, 3)
    except ValueError:
        table = np.empty((0, 3))
    if not len(table) or table[-1, 1] != 1:
        raise ResultsError(
            f"{path}: is cut off or no percentile distribution: want it as tw-bench wrote it"
        )
    return Distribution(table[:, 1], table[:, 0] * _US_PER_MS, table[:, 2].astype(np.int64))


def _recorded(histogram: HdrHistogram) -> _Recorded:
    """Return what was met: the layout of counts is that of HdrHistogram's valueFromIndex()."""
    counts = np.ctypeslib.as_array(histogram.counts).astype(np.int64)
    index = np.flatnonzero(counts)
    half = histogram.sub_bucket_half_count
    bucket = index // half - 1
    sub_bucket = index % half + np.where(bucket < 0, 0, half)
    size_ns = np.left_shift(1, np.maximum(bucket, 0) + histogram.unit_magnitude)
    return _Recorded(sub_bucket * size_ns, size_ns, counts[index])


def _steps(up_to: NDArray[np.int64]) -> tuple[list[float], list[int]]:
    """Return the percentiles (0 to 100) that are told, and the place of the value of each."""
    steps: list[float] = []
    places: list[int] = []
    if not len(up_to):
        return steps, places
    reached = 100.0 * up_to / up_to[-1]
    step, last = 0.0, len(up_to) - 1
    while not places or places[-1] < last:
        steps.append(step)
        places.append(int(np.searchsorted(reached, step)))
        halvings = int(math.log(100 / (100 - step)) / math.log(2)) + 1
        step += 100 / (_STEPS * 2**halvings)
    return [*steps, 100.0], [*places, last]
