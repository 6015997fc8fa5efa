"""What the tables of a result have in common: the cells of a point."""

from tw_bench.report.text import DASH, Cell, limit_cell
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


def predicted_limit_cell(point: PointResult) -> Cell:
    """Return the predicted limit; None is unlimited, nothing where the plan did not get so far."""
    if "saturated_per_s" not in point.prediction:
        return DASH, "dim"
    return limit_cell(point.prediction["saturated_per_s"])


def verdict_cell(point: PointResult) -> Cell:
    """Return the verdict in its colour."""
    return point.verdict, _VERDICT_STYLES[point.verdict]
