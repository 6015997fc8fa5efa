"""What connect() calls cost at which occupancy of the range, out of a run's seconds and samples."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tw_bench.report.figures.run_data import Floats, PointData, Samples, Seconds

_BIN_PERCENT = 5  # a divisor of 50, so that no bin mixes the two halves
_FEWEST_SECONDS = 16
_FEWEST_PERCENT = 25  # a range that was never filled so far says nothing
_CALM, _REFUSED = 0.02, 0.95  # shares of a second's calls that were refused


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls that took their ports in one way, from ranges of one size; a row a second."""

    ports: int
    own_range: bool  # IP_LOCAL_PORT_RANGE on the socket: no search through one parity first
    percent: Floats  # (n,) of the range in TIME_WAIT
    p50_us: Floats  # (n,) of the second's calls
    p99_us: Floats  # (n,) of the slowest worker's
    refused_us: float  # p50 of the seconds with nothing but refusals; nan without

    def binned(self, values: Floats) -> tuple[Floats, Floats]:
        """Return (mean occupancy, median of `values`) of each bin of occupancy that has any."""
        place = np.minimum(self.percent // _BIN_PERCENT, 100 // _BIN_PERCENT - 1)
        bins = [place == one for one in np.unique(place)]
        middle = np.array([self.percent[one].mean() for one in bins])
        return middle, np.array([np.median(values[one]) for one in bins])

    @property
    def below_us(self) -> float:
        """The median while less than half of the range is taken; nan without one."""
        return median(self.p50_us[self.percent < 48])

    @property
    def above_us(self) -> float:
        """The median while more than half of the range is taken; nan without one."""
        return median(self.p50_us[self.percent > 52])

    @property
    def says_something(self) -> bool:
        """Whether there are enough seconds, in a range that fills or that was full already."""
        if len(self.percent) < _FEWEST_SECONDS:
            return False
        return bool(np.ptp(self.percent) >= _FEWEST_PERCENT or self.percent.min() > 50)


def median(values: Floats) -> float:
    """Return the median, nan of nothing."""
    return float(np.median(values)) if len(values) else float("nan")


def calls(points: Sequence[PointData]) -> list[Calls]:
    """Return what says something, by usable ports; points with as many are taken together.

    Left out is where the number of TIME_WAIT does not say how full the range is, as in
    time-lapse, and where bind() takes the port and not connect().
    """
    groups: defaultdict[tuple[int, bool], list[Floats]] = defaultdict(list)
    for point in points:
        samples = point.samples.get("client") or point.samples.get("host")
        is_meant = point.is_plain and point.is_searched and not point.prediction.time_lapse
        if point.seconds is None or samples is None or not is_meant:
            continue
        rows = _rows(point.prediction.usable_ports, point.seconds, samples)
        in_fill = point.seconds.start_s < point.prediction.fill_s
        own_range = np.where(in_fill, point.own_range_in_fill, point.own_range)
        for way in (False, True):
            groups[point.prediction.usable_ports, way].append(rows[own_range == way])
    found = [_calls(*key, np.concatenate(rows)) for key, rows in sorted(groups.items())]
    return [one for one in found if one.says_something]


def _calls(ports: int, own_range: bool, rows: Floats) -> Calls:
    rows = rows[~np.isnan(rows).any(axis=1)]
    percent, p50_us, p99_us, refused = rows.T
    calm = refused <= _CALM
    refused_us = median(p50_us[refused > _REFUSED])
    return Calls(ports, own_range, percent[calm], p50_us[calm], p99_us[calm], refused_us)


def _rows(ports: int, seconds: Seconds, samples: Samples) -> Floats:
    """Return (n, 4): percent of the ports in TIME_WAIT, p50, p99, share of calls refused."""
    refused = seconds.counts["refusals"] / np.maximum(seconds.counts["attempted"], 1)
    percent = 100 * _time_wait(seconds.start_s, samples) / ports
    columns = (np.minimum(percent, 100), seconds.call_p50_us, seconds.call_p99_us, refused)
    return np.column_stack(columns)


def _time_wait(start_s: Floats, samples: Samples) -> Floats:
    """Return the mean number of TIME_WAIT sockets in each second; nan where none was sampled."""
    second = np.floor(samples.time_s)
    place = np.searchsorted(start_s, second)
    place[place == len(start_s)] = 0
    here = start_s[place] == second
    ticks = np.bincount(place[here], minlength=len(start_s))
    total = np.bincount(place[here], samples.time_wait[here], minlength=len(start_s))
    mean = np.full(len(start_s), np.nan)
    np.divide(total, ticks, out=mean, where=ticks > 0)
    return mean
