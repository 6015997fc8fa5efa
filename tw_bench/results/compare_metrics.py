"""The figures of a point that a comparison looks at, and the least step of each. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tw_bench.results.metrics import SIDES, metrics
from tw_bench.results.schema import PointResult

Better = Literal["higher", "lower", "neither"]

GOODPUT = "goodput_per_s"
FOUND = "found.rate_per_s"
PREDICTION_ERROR = "prediction_error"
COUNTS = ("refusals", "errors")  # where the base has none, a single one is news
_HDR_STEP = 1e-3  # share of a value: three significant digits (histogram.py)


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure."""

    name: str  # as in results/metrics.py
    better: Better
    step: Callable[[PointResult, float], float]  # point, value → what one measurement can tell
    is_share: bool = True  # differences are shares of the base

    def value(self, point: PointResult) -> float | None:
        """Return the figure, None where the point does not have it."""
        return metrics()[self.name].read(point)


def _one_in_window(point: PointResult, value: float) -> float:
    """One transaction more or less in the window, as a rate."""
    window_s = point.measured.window_s if point.measured is not None else 0.0
    return 1 / window_s if window_s else 0.0


def _one_of_expected(point: PointResult, value: float) -> float:
    expected = point.prediction.get("expected_per_s") or 0.0
    return _one_in_window(point, value) / expected if expected else 0.0


def _one(point: PointResult, value: float) -> float:
    return 1.0


def _digits(point: PointResult, value: float) -> float:
    return _HDR_STEP * value


def _exact(point: PointResult, value: float) -> float:
    return 0.0


COMPARED = (
    Compared(GOODPUT, "higher", _one_in_window),
    *(Compared(name, "lower", _one) for name in COUNTS),
    Compared("latency_us.p50", "lower", _digits),
    Compared("latency_us.p99", "lower", _digits),
    Compared("connect_us.p99", "lower", _digits),
    Compared("connect_call_us.p99", "lower", _digits),
    *(Compared(f"time_wait.{side}.peak", "neither", _one) for side in SIDES),
    Compared("generator.cpu", "neither", _exact),
    Compared("forwarding.cpu", "lower", _exact),
    Compared("forwarding.requests_per_connection", "higher", _exact),
    Compared(PREDICTION_ERROR, "neither", _one_of_expected, is_share=False),
)
