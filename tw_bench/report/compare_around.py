"""What stands around a comparison: the sides, what differs between them, how far intervals go."""

from collections.abc import Iterator

from tw_bench.results.compare_document import Comparison, Pair, Side
from tw_bench.results.compare_intervals import FEWEST


def chance_text(pair: Pair) -> str:
    """Return how many intervals leave out no difference by chance, or nothing where there are none.

    Where nothing changed at all one in twenty does so (CONFIDENCE): with many, some will.
    """
    if not pair.intervals:
        return ""
    return (
        f"of {pair.intervals} intervals of 95 % about {max(1, round(pair.expected_by_chance))} "
        "would leave out zero if nothing had changed: look at the goodput first"
    )


def one_run_text(pair: Pair) -> str:
    """Return what intervals cannot know where all measurements of a side are of one time."""
    if not any(change.interval and change.measurement == "repetition" for change in pair.changes):
        return ""
    return (
        "repetitions of a run share its time: a busier machine then counts as a change; "
        f"{FEWEST} runs a side, in turns, tell the two apart"
    )


def side_text(side: Side) -> str:
    """Return how many runs a side has, and from when."""
    first, last = min(side.started_at), max(side.started_at)
    when = first if first == last else f"{first} to {last}"
    count = "1 run" if len(side.runs) == 1 else f"{len(side.runs)} runs"
    return f"{side.name}: {count}, {when}"


def differs_texts(comparison: Comparison) -> Iterator[str]:
    """Yield what differs around the runs: `kernel: 6.12 | 6.18`."""
    for one in comparison.differs:
        text = f"{one.what}: {' | '.join(one.values)}"
        if one.points:
            more = f" and {len(one.points) - 1} more" if len(one.points) > 1 else ""
            text += f" ({one.points[0]}{more})"
        yield text
