"""What the remedies picture shows, row by row: where each stands, and what is said of it."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from tw_bench.report.comparison import is_at_least
from tw_bench.report.figures import style
from tw_bench.report.figures.fates import FATES, UNKNOWN, fate
from tw_bench.report.figures.run_data import PointData

_NEAR = 3.0  # times the bar: a limit beyond is named, not drawn
_GAP = 0.45  # rows between two groups
_LONGEST_ERROR = 36  # characters


class Row(NamedTuple):
    """A part of the comparison, and its place."""

    point: PointData
    fate: str
    per_s: float  # goodput; 0 where nothing was measured, too
    y: float  # of the bar's middle, in rows from the top

    @property
    def limit_per_s(self) -> float | None:
        """What the model says of the window: of a cold range more than its limit."""
        prediction = self.point.result.prediction
        if prediction.get("binding") == "ports" and prediction.get("expected_per_s"):
            return float(prediction["expected_per_s"])
        return self.point.prediction.saturated_per_s

    @property
    def near_limit_per_s(self) -> float | None:
        """The same, where it is near enough to the bar to be drawn; 0 bars have none."""
        limit = self.limit_per_s
        return limit if limit and limit <= _NEAR * self.per_s else None

    @property
    def end_per_s(self) -> float:
        """Where the bar and its limit end, and words begin; 0: there is no bar."""
        return max(self.per_s, self.near_limit_per_s or 0.0)

    @property
    def number(self) -> str:
        """The goodput in words."""
        least = "≥ " if is_at_least(self.point.result) else ""
        is_measured = self.point.result.measured is not None
        return f"{least}{style.rate_text(self.per_s)}" if is_measured else ""

    @property
    def words(self) -> str:
        """How far it is from the predicted limit, or why none is to be seen."""
        result = self.point.result
        if result.measured is None:
            why = result.error or "not measured"
            return textwrap.shorten(why, _LONGEST_ERROR, placeholder=" …")
        if is_at_least(result):
            offered = self.point.prediction.offered_per_s
            if self.limit_per_s and not self.near_limit_per_s:
                return f"limit {style.rate_text(self.limit_per_s)}"
            return "all that was offered" if offered is not None else "closed loop, no refusal"
        if result.verdict != "port-bound":
            look = style.VERDICTS.get(result.verdict, style.NO_VERDICT)
            return f"{look.glyph} {result.verdict}"
        share = result.prediction_error
        return "" if share is None else f"{100 * share:+.1f} %".replace("-0.0", "+0.0")


def tip(row: Row) -> str:
    """Return what a row says where it is pointed at."""
    result, limit = row.point.result, row.limit_per_s
    off = result.prediction_error
    return "\n".join(
        [
            f"{result.group}: {result.verdict}",
            *([f"goodput {style.rate_text(row.per_s)}"] if result.measured is not None else []),
            "predicted: no limit" if limit is None else f"predicted {style.rate_text(limit)}",
            *([] if off is None else [f"{100 * off:+.2f} % from what was expected"]),
            f"TIME_WAIT: {row.fate}",
        ]
    )


def make_rows(points: Sequence[PointData]) -> list[Row]:
    """Return the rows from the top: the first one's group first, in each the lowest first."""
    found = []
    for point in points:
        measured = point.result.measured
        found.append(Row(point, fate(point), measured.goodput_per_s if measured else 0.0, 0.0))
    order = list(FATES)
    home = found[0].fate

    def place(row: Row) -> tuple[bool, int, bool, float]:
        rank = -1 if row.fate == home else order.index(row.fate)
        return row.fate == UNKNOWN, rank, row.point is not points[0], float(f"{row.per_s:.2g}")

    placed: list[Row] = []
    y = -1.0
    for row in sorted(found, key=place):
        y += 1.0 + (_GAP if placed and placed[-1].fate != row.fate else 0.0)
        placed.append(row._replace(y=y))
    return placed
