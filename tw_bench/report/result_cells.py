"""What the tables of a result have in common: the cells of a point."""

from collections.abc import Iterator, Sequence

from tw_bench.report.text import DASH, Cell, Column, limit_cell
from tw_bench.results.repetitions import Representative, spread_text
from tw_bench.results.schema import PointResult

_VERDICT_STYLES = {
    "port-bound": "green",
    "offered-load-bound": "cyan",
    "unlimited": "cyan",
    "generator-bound": "yellow",
    "target-bound": "yellow",
    "not-measured": "red",
}
_FAR_OFF = 0.05  # a prediction error from here on is coloured


def bold(cell: Cell) -> Cell:
    """Return a cell that stands out, unless it has a style of its own."""
    return cell[0], cell[1] or "bold"


def error_cell(point: PointResult) -> Cell:
    """Return how far the goodput is from the expected one, for a column that says `[%]`."""
    share = point.prediction_error
    if share is None:
        return DASH, "dim"
    decimals = 2 if abs(share) < 0.1 else 1
    text = f"{100 * share:+.{decimals}f}".replace("-0.00", "+0.00")
    return text, "yellow" if abs(share) >= _FAR_OFF else ""


def generator_cpu_cell(point: PointResult) -> Cell:
    """Return what the workers used of one processor, for a column that says `[%]`."""
    if point.generator is None:
        return DASH, "dim"
    return f"{100 * point.generator.cpu:.1f}", ""


def spread_columns(points: Sequence[PointResult]) -> Iterator[Column]:
    """Yield how far the goodputs of each point's repetitions lie apart, where there are any."""
    if not any(isinstance(point, Representative) for point in points):
        return
    shares = [point.spread if isinstance(point, Representative) else None for point in points]
    cells = [(DASH, "dim") if s is None else (f"±{spread_text(s)}", "") for s in shares]
    yield Column(("spread", "[%]"), cells, goes=2)


def predicted_limit_cell(point: PointResult) -> Cell:
    """Return the predicted limit; None is unlimited, nothing where the plan did not get so far."""
    if "saturated_per_s" not in point.prediction:
        return DASH, "dim"
    return limit_cell(point.prediction["saturated_per_s"])


def verdict_cell(point: PointResult) -> Cell:
    """Return the verdict in its colour."""
    return point.verdict, _VERDICT_STYLES[point.verdict]
