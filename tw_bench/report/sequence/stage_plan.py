"""Where lifelines, bars and columns stand, from left to right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tw_bench.report.sequence.story import Ends, Sent, Story, turned

WIDTH = 900.0
TIMES = 52.0  # where the axis' figures end
_LEFT, _RIGHT = 62.0, 888.0  # of the texts
_TWO, _THREE = (262.0, 652.0), (224.0, 460.0, 696.0)  # lifelines
_MOST_LANES = 3
LANE, BAR = 11.0, 8.0


@dataclass(frozen=True, slots=True)
class Column:
    """Where texts beside a lifeline stand."""

    x: float
    anchor: str  # SVG text-anchor
    room: float


@dataclass(frozen=True, slots=True)
class StagePlan:
    """The places on a line."""

    sides: tuple[str, ...]
    lifelines: dict[str, float]  # side → x
    columns: dict[str, Column]  # outer sides
    lanes: dict[tuple[str, Ends], int]  # side, connection → the lane of its bar

    def bar_x(self, side: str, lane: int) -> float:
        """Return where a bar begins."""
        x, out = self.lifelines[side], 4 + LANE * lane
        return x - out - BAR if side == self.sides[0] else x + out


def plan_stage(story: Story, shown: Sequence[Sent]) -> StagePlan:
    """Return the places for a story; a side with too many connections at once has no bars."""
    sides = story.sides
    lifelines = dict(zip(sides, _THREE if len(sides) > 2 else _TWO, strict=True))
    drawn = {ends for row in shown for ends in (row.ends, turned(row.ends))}
    lanes: dict[tuple[str, Ends], int] = {}
    columns = {}
    for side, is_left in ((sides[0], True), (sides[-1], False)):
        own = _lanes(_spans(story, side, drawn))
        if max(own.values(), default=0) < _MOST_LANES:
            lanes |= {(side, ends): lane for ends, lane in own.items()}
        else:
            own = {}
        out = 10 + LANE * (1 + max(own.values(), default=-1))
        x = lifelines[side] - out if is_left else lifelines[side] + out
        columns[side] = Column(
            x, "end" if is_left else "start", x - _LEFT if is_left else _RIGHT - x
        )
    return StagePlan(sides, lifelines, columns, lanes)


def _spans(story: Story, side: str, drawn: set[Ends]) -> dict[Ends, tuple[float, float]]:
    """Return connection → from when to when it has a state on a side."""
    spans: dict[Ends, tuple[float, float]] = {}
    for change in story.changes:
        if change.side == side and change.ends in drawn:
            begun = spans.get(change.ends, (change.at_s, math.inf))[0]
            spans[change.ends] = begun, change.at_s if change.state == "CLOSED" else math.inf
    return spans


def _lanes(spans: dict[Ends, tuple[float, float]]) -> dict[Ends, int]:
    """Return connection → the first lane that is free for all of its time."""
    ends_s: list[float] = []
    lanes: dict[Ends, int] = {}
    for ends, (begun, ended) in sorted(spans.items(), key=lambda item: item[1]):
        lane = next((n for n, free in enumerate(ends_s) if free < begun), len(ends_s))
        ends_s[lane : lane + 1] = [ended]
        lanes[ends] = lane
    return lanes
