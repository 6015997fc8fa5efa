"""Where each moment of a story stands: in order, and close together, however long the waits.

Time goes downwards and not to scale. Each moment is pushed down until its texts and arrows have
room, so that steps are of about equal height; a long wait is a break that says how long it was.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_LEAST, _USUAL, _MORE = 3.0, 24.0, 5.0  # px: between any two, after one delay, for its double
_BREAK = 48.0
_MANY_DELAYS, _LONG_S = 12, 0.15  # a wait that is more than both is a break
LINE = 14.0  # px, of a text beside a lifeline
_ABOVE, _BELOW = 9.0, 6.0  # what its first line takes
_PARALLEL = 19.0  # between the ends of arrows that go the same way
_SLANT = 20.0  # from an arrow's beginning to its end, at least
_FLYING = 4  # arrows one way, one after the other; of more at once the first arrive before


@dataclass(frozen=True, slots=True)
class Words:
    """A line beside a lifeline."""

    text: str
    kind: str  # state, call, says, wrong


@dataclass(eq=False)
class Moment:
    """Something that happens, and where it stands."""

    at_s: float
    side: str = ""  # on whose lifeline; none: on the wire
    rank: int = 0  # among those of one instant
    words: list[Words] = field(default_factory=list)
    arrow: str = ""  # arrows' ends that keep a distance: those of one kind
    below: "Moment | None" = None  # what it ends
    depth: float = 0.0  # px that its label takes below it
    gap: str = ""  # what is left out here, in words
    is_dated: bool = False  # its time is what the axis shows first
    y: float = 0.0


@dataclass(frozen=True, slots=True)
class Break:
    """A wait that is not drawn, or segments that are not."""

    y: float
    text: str


def place(moments: Iterable[Moment], top: float, delay_s: float) -> list[Break]:
    """Give each moment its y, from `top` on; return the breaks between them.

    Args:
        moments: in any order.
        top: px.
        delay_s: how long a segment usually takes, which is the measure of what is long.
    """
    breaks: list[Break] = []
    taken: dict[tuple[str, str], float] = {}
    y = floor = top
    last_s: float | None = None
    for moment in _in_order(moments, delay_s):
        wait_s = 0.0 if last_s is None else max(0.0, moment.at_s - last_s)
        if moment.gap or wait_s > _long_s(delay_s):
            y = max(y, floor) + _BREAK
            breaks.append(Break(y - _BREAK / 2, moment.gap or wait_text(wait_s)))
        elif last_s is not None:
            y += _height(wait_s, delay_s)
        moment.y = y = max(y, _free(moment, taken))
        floor = max(floor, y + moment.depth)
        if moment.words:
            taken["text", moment.side] = y + _BELOW + LINE * (len(moment.words) - 1)
        if moment.arrow:
            taken["arrow", moment.arrow] = y + _PARALLEL + moment.depth
        if moment.depth:
            taken["depth", moment.side] = y + moment.depth
        last_s = max(moment.at_s, last_s or 0.0)
    return breaks


def _in_order(moments: Iterable[Moment], delay_s: float) -> Iterator[Moment]:
    """Yield moments as they happened on each side, and nearly so between the sides.

    A burst of segments would otherwise leave as a whole before the first of it arrives, with
    arrows that fall ever more steeply.
    """
    tracks: dict[str, deque[Moment]] = {}
    for moment in sorted(moments, key=_when):
        tracks.setdefault(moment.side, deque()).append(moment)
    ends = Counter(m.arrow for track in tracks.values() for m in track if m.below is not None)
    waiting = {moment: moment.below for track in tracks.values() for moment in track}
    flying: Counter[str] = Counter()
    begun: dict[Moment, str] = {
        below: moment.arrow for moment, below in waiting.items() if below is not None
    }
    placed: set[Moment] = set()
    while heads := [track[0] for track in tracks.values() if track]:
        ready = [head for head in heads if head.below is None or head.below in placed]
        following = min(ready, key=_when)
        landing = [m for m in ready if m.below is not None and flying[m.arrow] >= _FLYING]
        soonest = min(landing, key=_when, default=following)
        if soonest.at_s - following.at_s < _long_s(delay_s):
            following = soonest
        tracks[following.side].popleft()
        placed.add(following)
        flying[begun.get(following, "")] += 1
        flying[following.arrow] -= ends[following.arrow] > 0
        yield following


def _when(moment: Moment) -> tuple[float, int]:
    return moment.at_s, moment.rank


def _free(moment: Moment, taken: dict[tuple[str, str], float]) -> float:
    """Return from where on a moment has room."""
    free = 0.0
    if moment.words:
        free = taken.get(("text", moment.side), 0.0) + _ABOVE
    if moment.arrow:
        free = max(free, taken.get(("arrow", moment.arrow), 0.0))
    if moment.below is not None:
        return max(free, moment.below.y + _SLANT)
    return max(free, taken.get(("depth", moment.side), 0.0)) if moment.arrow else free


def _long_s(delay_s: float) -> float:
    return max(_MANY_DELAYS * delay_s, _LONG_S)


def _height(wait_s: float, delay_s: float) -> float:
    delays = wait_s / delay_s
    return _LEAST + (_USUAL - _LEAST) * min(1.0, delays) + _MORE * math.log2(max(1.0, delays))


def wait_text(wait_s: float) -> str:
    """Return a wait in three digits.

    >>> wait_text(58.93), wait_text(0.2071), wait_text(3.04)
    ('58.9 s', '207 ms', '3.04 s')
    """
    if wait_s < 0.9995:
        return f"{wait_s * 1_000:.0f} ms"
    return f"{wait_s:.{2 if wait_s < 9.995 else 1 if wait_s < 99.95 else 0}f} s"
