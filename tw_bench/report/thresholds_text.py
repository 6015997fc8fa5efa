"""Thresholds in words: which were kept, which not, and by how much."""

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from tw_bench.report.text import DASH, Cell, Column, Columns, clean, labelled
from tw_bench.results.schema import ThresholdResult

_MOST_PASSED = 8  # shown beside those that failed; more are only counted
_OF_SEARCH = "search"
_UNITS = {"/s": "/s", "s": " s", "bytes": " bytes"}
_TIMES = ((1e6, "s"), (1e3, "ms"), (1.0, "us"))


def thresholds_table(results: Sequence[ThresholdResult], width: int) -> RenderableType:
    """Return how many were kept, and a table: those that failed first."""
    failed = [result for result in results if not result.passed]
    passed = [result for result in results if result.passed]
    shown = [*failed, *(passed if len(passed) <= _MOST_PASSED else [])]
    count = (count_text(results), "red" if failed else "green")
    head = Text.assemble(("thresholds", "bold"), ": ", count)
    table = Columns(_columns(shown), width)
    rows = [table.header(), table.rows(range(len(shown)))] if shown else []
    reasons: dict[str, list[ThresholdResult]] = {}
    for result in failed:
        reasons.setdefault(result.reason, []).append(result)
    words = [("", f"{_whose(whose)}: {why}", "red") for why, whose in reasons.items() if why]
    return Group(head, *rows, *([labelled(words, width, 0)] if words else []))


def count_text(results: Sequence[ThresholdResult]) -> str:
    """Return how many were kept: `12 of 12 passed`, `2 of 14 failed`."""
    failed = sum(not result.passed for result in results)
    count = failed or len(results)
    return f"{count} of {len(results)} {'failed' if failed else 'passed'}"


def failure_line(results: Sequence[ThresholdResult]) -> str:
    """Return what failed, on one line; nothing where all were kept."""
    failed = [result for result in results if not result.passed]
    if not failed:
        return ""
    first = failed[0]
    of = f" at {first.point}" if first.point else ""
    is_only = len(results) == 1
    count = "" if is_only else f"{count_text(results)}{', the first' if len(failed) > 1 else ''}: "
    return f"threshold{'' if is_only else 's'}: {count}{first.text}{of}: {measured_text(first)}"


def measured_text(result: ThresholdResult) -> str:
    """Return what was measured, or why nothing was."""
    return result.reason if result.value is None else value_text(result)


def value_text(result: ThresholdResult) -> str:
    """Return the figure with its unit, and with as many digits as tell it from the bound."""
    value, unit = result.value, result.unit
    if value is None:
        return DASH
    value = _told_apart(value, result.bound)
    if unit == "share":
        return f"{_digits(100 * value)} %"
    if unit == "us":
        size, name = next((each for each in _TIMES if abs(value) >= each[0]), _TIMES[-1])
        return f"{_digits(value / size)} {name}"
    return f"{_digits(value)}{_UNITS.get(unit, '')}"


def _told_apart(value: float, bound: float) -> float:
    """Return a figure rounded, but not so far that it seems to be the bound or beyond it."""
    for digits in range(4, 17):
        rounded = float(f"{value:.{digits}g}")
        sides = ((one > bound) - (one < bound) for one in (value, rounded))
        if len({*sides}) == 1 and (not value.is_integer() or rounded == value):
            return rounded
    return value


def _digits(value: float) -> str:
    """Return a number in full, with commas.

    >>> _digits(28232.0), _digits(449.96), _digits(0.1 + 0.2)
    ('28,232', '449.96', '0.3')
    """
    text = f"{value:,.10f}".rstrip("0").rstrip(".")
    return text if math.isfinite(value) else str(value)


def _columns(results: Sequence[ThresholdResult]) -> list[Column]:
    return [
        Column(("", "point"), [(clean(_point(r)), "") for r in results], is_right=False),
        Column(("", "threshold"), [(r.text, "") for r in results], is_right=False),
        Column(("", "measured"), [_measured(r) for r in results], goes=1),
        Column(("", "result"), [_result(r) for r in results], is_right=False),
    ]


def _point(result: ThresholdResult) -> str:
    return result.point or _OF_SEARCH


def _measured(result: ThresholdResult) -> Cell:
    if result.value is None and result.passed:
        return "never", ""
    return value_text(result), "dim" if result.value is None else "bold"


def _result(result: ThresholdResult) -> Cell:
    return ("passed", "green") if result.passed else ("failed", "red")


def _whose(results: Sequence[ThresholdResult]) -> str:
    names = list(dict.fromkeys(_point(result) for result in results))
    return names[0] if len(names) == 1 else f"{len(results)} of them"
