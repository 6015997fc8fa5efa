"""The generator in the terminal: what it can offer, what it used, and whose load came near."""

from collections.abc import Iterator, Mapping, Sequence

from tw_bench.plan.ceilings import Ceiling
from tw_bench.report.text import Cell
from tw_bench.results.schema import Generator, PointResult
from tw_bench.results.verdict import MUCH
from tw_bench.units import rate_text

MARK = " *"
_FOOTNOTE = (
    f"{MARK.strip()}: attempted more than half of what the generator can offer; "
    "its own lateness may show"
)

Row = tuple[str, str, str]  # label, words, style


def ceiling_rows(ceilings: Mapping[str, Ceiling]) -> Iterator[Row]:
    """Yield what one worker can offer on this host, a line a kind of transaction."""
    label = "generator"
    for name, ceiling in ceilings.items():
        words = (
            f"one worker can offer about {rate_text(ceiling.per_s)} on this host ({name}; "
            f"calibrated {ceiling.measured_at[:10]})"
        )
        yield label, words, ""
        label = ""


def marked(cell: Cell, point: PointResult) -> Cell:
    """Return the cell of a point's name, marked where it asked much of the generator."""
    return (cell[0] + MARK, cell[1]) if _is_much(point) else cell


def generator_rows(points: Sequence[PointResult]) -> Iterator[Row]:
    """Yield what the workers used, in the whole run, and the highest share of their ceiling."""
    known = [point for point in points if point.generator is not None]
    if not known:
        return
    shares = [f"{_of(point).cpu:.0%}" for point in sorted(known, key=lambda p: _of(p).cpu)]
    used = shares[0] if shares[0] == shares[-1] else f"{shares[0]} to {shares[-1]}"
    whose = "a point's workers" if len(known) > 1 else "the workers"
    yield "generator", f"CPU of {whose}: {used} of a processor; {_highest(known)}", ""
    if any(map(_is_much, known)):
        yield "", _FOOTNOTE, "yellow"


def _highest(points: Sequence[PointResult]) -> str:
    calibrated = [point for point in points if _of(point).ceiling_share is not None]
    if not calibrated:
        known = [per_s for point in points if (per_s := _of(point).ceiling_per_s) is not None]
        return (
            f"what share of its ceiling of about {rate_text(max(known))} is unknown: no window"
            if known
            else "its ceiling is unknown (not calibrated)"
        )
    most = max(calibrated, key=_share)
    ceiling = _of(most).ceiling_per_s
    assert ceiling is not None
    words = f"{_share(most):.0%} of its ceiling of about {rate_text(ceiling)}"
    return words if len(points) == 1 else f"at most {words} ({most.id})"


def _share(point: PointResult) -> float:
    return _of(point).ceiling_share or 0.0


def _is_much(point: PointResult) -> bool:
    return point.generator is not None and _share(point) > MUCH


def _of(point: PointResult) -> Generator:
    assert point.generator is not None
    return point.generator
