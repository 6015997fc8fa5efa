"""The way of an arrow across the picture: its lines, and where its label stands."""

import math
from dataclasses import dataclass
from functools import cached_property

from tw_bench.report.sequence import colours
from tw_bench.report.sequence.scene import HALF_FALLS, Arrow, Scene
from tw_bench.report.sequence.typeset import width

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, right, top, bottom
_EDGE = 10.0  # px between a label and the end of its line
_SIZE, _SMALLEST = 12.0, 9.0  # px, of a label
_READABLE = 10.0  # px: of what would be smaller, the flags alone are written
_NEAR = 0.14  # of the way: where a segment begins that the wire made
_CROSSED = 0.27  # of the way: where the label of an arrow stands that another one crosses


@dataclass(frozen=True, slots=True)
class Part:
    """A line; its kind is its class in the style sheet."""

    kind: str
    points: tuple[Point, Point]


@dataclass(frozen=True, slots=True)
class Writing:
    """A text along a line."""

    part: Part
    share: float  # of the line, where the middle of the text is
    text: str
    fate: str  # in a colour that stands out
    size: float  # px
    is_below: bool


class Way:
    """An arrow in its place."""

    def __init__(self, arrow: Arrow, scene: Scene, aside: float) -> None:
        """Take its ends from the scene; `aside` px from the middle is where the wire keeps it."""
        self.arrow = arrow
        lifelines = scene.stage.lifelines
        self._from, self._to = lifelines[arrow.sent.sender], lifelines[arrow.sent.receiver]
        self._middle = (self._from + self._to) / 2 + aside

    @property
    def colour(self) -> str:
        """The colour of its lines and its label."""
        if self.arrow.sent.kind == "RST":
            return colours.WRONG
        return colours.MADE if self.arrow.sent.is_made else self.arrow.colour

    @property
    def arrives(self) -> bool:
        """Whether it has a head."""
        return self.arrow.arrives is not None

    @cached_property
    def parts(self) -> list[Part]:
        """Its lines, from where it leaves on."""
        arrow = self.arrow
        begins = (self._from, arrow.leaves.y)
        if arrow.sent.is_made:
            begins = (self._from + _NEAR * (self._to - self._from), arrow.leaves.y)
        halfway = (self._middle, arrow.leaves.y + HALF_FALLS)
        if arrow.arrives is None:
            kind = "line" if arrow.sent.fate == "dropped" else "line kept"
            return [Part(kind, (begins, halfway))]
        end = (self._to, arrow.arrives.y)
        if arrow.released is None:
            return [Part("line", (begins, end))]
        freed = (self._middle, max(arrow.released.y, halfway[1]))
        return [
            Part("line kept", (begins, halfway)),
            Part("line waits", (halfway, freed)),
            Part("line", (freed, end)),
        ]

    def crosses(self, other: "Way") -> bool:
        """Whether another arrow goes the other way at the same time and place."""
        if (self._from, self._to) != (other._to, other._from):
            return False
        if len(self.parts) > 1 and len(other.parts) > 1:  # both kept back, and their labels low
            (own_top, own_end), (top, end) = self._span, other._span
            return own_top < end and top < own_end
        return any(_overlap(own, its) for own in self._boxes for its in other._boxes)

    @property
    def _span(self) -> tuple[float, float]:
        """From where to where it goes down."""
        return self.parts[0].points[0][1], self.parts[-1].points[-1][1]

    @property
    def _boxes(self) -> list[Box]:
        """What its slanted lines take."""
        return [
            (min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1))
            for (x0, y0), (x1, y1) in (part.points for part in self.parts)
            if x0 != x1
        ]

    def writings(self, is_crossed: bool) -> list[Writing]:
        """Return its label, in one piece or in two."""
        arrow, label = self.arrow, self.arrow.label
        text = f"{arrow.prefix}  {label.text}" if arrow.prefix else label.text
        flags = f"{arrow.prefix}  {label.flags}" if arrow.prefix else label.flags
        first, last = self.parts[0], self.parts[-1]
        if not self.arrives or len(self.parts) > 1:
            kept = label.fate.replace("late", "kept back")
            text = flags if is_crossed else text
            pieces = [self._at_end(first, text, kept, is_begin=True)]
            if self.arrives:
                whole = self._at_end(last, text, label.fate, is_begin=False)
                short = self._at_end(last, flags, label.fate, is_begin=False)
                pieces.append(whole if whole.size == _SIZE else short)
            return pieces
        room = abs(self._to - first.points[0][0]) - 2 * _EDGE
        text = text if width(text, _READABLE) <= room else flags
        size = _fitting(text, "", room)
        half = width(text, size) / 2 + _EDGE
        share = max(_CROSSED, half / self._length(first)) if is_crossed else 0.5
        pieces = [Writing(first, min(share, 0.5), text, "", size, is_below=False)]
        if label.fate:
            words = ", ".join(filter(None, (label.fate, label.remarks)))
            size = _fitting("", words, abs(self._to - first.points[0][0]) - 2 * _EDGE)
            pieces.append(Writing(first, min(share, 0.5), "", words, size, is_below=True))
        elif label.remarks:
            pieces.append(Writing(first, 0.5, "", label.remarks, _SIZE, is_below=True))
        return pieces

    def _at_end(self, part: Part, text: str, fate: str, *, is_begin: bool) -> Writing:
        """Return a label that begins, or ends, where a line does at a lifeline."""
        size = _fitting(text, fate, abs(self._to - self._from) * (0.9 if is_begin else 0.5))
        share = (width(f"{text}  {fate}", size) / 2 + _EDGE) / self._length(part)
        return Writing(part, share if is_begin else 1 - share, text, fate, size, is_begin)

    def _length(self, part: Part) -> float:
        (x0, _), (x1, _) = part.points
        return max(1.0, abs(x1 - x0))

    def head(self) -> str:
        """Return the path of its head."""
        (x0, y0), (x1, y1) = self.parts[-1].points
        angle = math.atan2(y1 - y0, x1 - x0)
        length, half = 9.0, 3.6
        back = (x1 - length * math.cos(angle), y1 - length * math.sin(angle))
        across = (half * math.sin(angle), -half * math.cos(angle))
        corners = [
            (x1, y1),
            (back[0] + across[0], back[1] + across[1]),
            (back[0] - across[0], back[1] - across[1]),
        ]
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners) + "Z"


def _overlap(one: Box, other: Box) -> bool:
    """Whether two boxes do more than touch."""
    wide = min(one[1], other[1]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[2], other[2])
    return wide > 1 and high > 1


def _fitting(text: str, fate: str, room: float) -> float:
    """Return the size at which a label fits."""
    wide = width(f"{text}  {fate}", _SIZE)
    return _SIZE if wide <= room else max(_SMALLEST, _SIZE * room / wide)
