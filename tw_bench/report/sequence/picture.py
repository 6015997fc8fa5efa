"""The diagram as SVG, written element by element."""

import math
from xml.etree import ElementTree

from tw_bench.report.figures.states import COLOURS as STATES
from tw_bench.report.sequence import colours
from tw_bench.report.sequence.labels import labels
from tw_bench.report.sequence.moments import LINE, Moment
from tw_bench.report.sequence.scene import set_scene
from tw_bench.report.sequence.stage_plan import BAR, TIMES, WIDTH
from tw_bench.report.sequence.story import Story
from tw_bench.report.sequence.typeset import wrap
from tw_bench.report.sequence.ways import Point, Way
from tw_bench.report.text import clean

Element = ElementTree.Element
_MARGIN = 28.0
_APART = 13.0  # px between two times of the axis
_CLAIM_PX = 12.5
_BAND = 20.0  # px, of a break
_MOST_TOLD = 60  # segments in the words for those who do not see it


def picture(story: Story) -> str:
    """Return the diagram of a story as an SVG document."""
    text = ElementTree.tostring(_Picture(story).root, encoding="unicode")
    return f"{text}\n"


class _Picture:
    """An SVG that grows."""

    def __init__(self, story: Story) -> None:
        self._story = story
        played = story.played
        self.root = ElementTree.Element(
            "svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "tw-sequence", "role": "img"}
        )
        self._add(self.root, "title", clean(played.title))
        self._add(self.root, "desc", _told(story))
        self._add(self.root, "style", colours.sheet())
        self._card = self._add(self.root, "rect", **{"class": "card"})
        top = self._write_head()
        self._scene = set_scene(story, top + 34)
        self._heads_y = top
        self._draw()

    def _draw(self) -> None:
        scene = self._scene
        self._draw_lifelines()
        held = [arrow for arrow in scene.arrows if arrow.sent.fate in ("held", "late")]
        middles = {arrow.sent.number: 12.0 * (n % 4) for n, arrow in enumerate(held)}
        drawn = [Way(arrow, scene, middles.get(arrow.sent.number, 0.0)) for arrow in scene.arrows]
        for way in drawn:
            self._draw_way(way)
        self._draw_breaks()
        for way in drawn:
            self._write_label(way, any(way.crosses(other) for other in drawn))
        for moment in scene.moments:
            self._write_words(moment)
        self._write_times()
        height = self._write_foot()
        size = {"width": _px(WIDTH), "height": _px(height)}
        self._card.attrib |= size
        self.root.attrib |= size | {"viewBox": f"0 0 {_px(WIDTH)} {_px(height)}"}

    def _write_head(self) -> float:
        """Write title and claim; return where they end."""
        played, y = self._story.played, 34.0
        room = WIDTH - 2 * _MARGIN
        for line in wrap(clean(played.title), room, 17)[:2]:
            self._text(_MARGIN, y, line, "title")
            y += 21
        for line in wrap(clean(played.claim), room, _CLAIM_PX):
            self._text(_MARGIN, y, line, "claim")
            y += 17
        return y + 32

    def _draw_lifelines(self) -> None:
        scene, top, bottom = self._scene, self._heads_y + 12, self._scene.bottom
        for side, x in scene.stage.lifelines.items():
            self._text(x, self._heads_y - 14, side, "head", "middle")
            self._text(x, self._heads_y, self._addresses(side), "foot", "middle")
            self._line("life", ((x, top), (x, bottom)))
        self._text(TIMES, self._heads_y, "s", "time", "end")
        for bar in scene.bars:
            x = scene.stage.bar_x(bar.side, bar.lane)
            ends = [moment.y for moment, _ in bar.states[1:]] + [bottom]
            for (moment, state), end in zip(bar.states, ends, strict=True):
                if state != "CLOSED":
                    colour = STATES.get(state, colours.FAINT)
                    box = {"x": x, "y": moment.y, "width": BAR, "height": max(1.0, end - moment.y)}
                    self._add(self.root, "rect", fill=colour, **_numbers(box))

    def _addresses(self, side: str) -> str:
        """Return the addresses that a side sends from; a NAT's, that it masquerades to."""
        own = {
            row.ends[0]
            for row in self._story.segments
            if row.sender == side and not row.is_made and (side, row.receiver) != ("nat", "client")
        }
        first, *more = sorted(own) or [""]
        return f"{first} and {len(more)} more" if len(more) > 1 else ", ".join([first, *more])

    def _draw_way(self, way: Way) -> None:
        for part in way.parts:
            self._line(part.kind, part.points, way.colour)
        if way.arrives:
            self._add(self.root, "path", d=way.head(), fill=way.colour)
        x, y = way.parts[-1].points[-1]
        sent = way.arrow.sent
        if sent.fate == "dropped":
            cross = f"M{_px(x - 5)} {_px(y - 5)}l10 10m0 -10l-10 10"
            self._add(
                self.root, "path", d=cross, stroke=colours.WRONG, fill="none",
                **{"class": "lost", "stroke-width": "2.2"},
            )  # fmt: skip
        elif sent.fate == "held":
            box = {"x": x - 4, "y": y - 4, "width": 8, "height": 8}
            self._add(self.root, "rect", fill=colours.MADE, **_numbers(box))
        if sent.is_made:
            x, y = way.parts[0].points[0]
            dot = _numbers({"cx": x, "cy": y, "r": 3.5})
            self._add(self.root, "circle", fill=colours.CARD, stroke=way.colour, **dot)

    def _draw_breaks(self) -> None:
        """Interrupt everything between the columns, and say what is left out."""
        lifelines = list(self._scene.stage.lifelines.values())
        left, right = lifelines[0] - 40, lifelines[-1] + 40
        for each in self._scene.breaks:
            box = {"x": left, "y": each.y - _BAND / 2, "width": right - left, "height": _BAND}
            self._add(self.root, "rect", **{"class": "card"}, **_numbers(box))
            middle = (left + right) / 2
            self._text(middle, each.y + 4, f"…  {each.text}  …", "wait", "middle")

    def _write_label(self, way: Way, is_crossed: bool) -> None:
        colour = colours.WRONG if way.arrow.sent.fate == "dropped" else colours.MADE
        for piece in way.writings(is_crossed):
            (x0, y0), (x1, y1) = piece.part.points
            x, y = x0 + piece.share * (x1 - x0), y0 + piece.share * (y1 - y0)
            angle = math.degrees(math.atan((y1 - y0) / (x1 - x0)))
            label = self._add(
                self.root,
                "text",
                clean(piece.text),
                style=f"fill:{way.colour};font-size:{_px(piece.size)}px",
                transform=f"rotate({angle:.2f} {_px(x)} {_px(y)})",
                **{"class": "label", "text-anchor": "middle"},
                **_numbers({"x": x, "y": y + (piece.size + 2 if piece.is_below else -5)}),
            )
            if piece.fate:
                space = "  " if piece.text else ""
                look = f"fill:{colour};font-weight:600"
                self._add(label, "tspan", f"{space}{clean(piece.fate)}", style=look)

    def _write_words(self, moment: Moment) -> None:
        column = self._scene.stage.columns.get(moment.side)
        if column is None:
            return
        for number, words in enumerate(moment.words):
            y = moment.y + 4 + LINE * number
            self._text(column.x, y, words.text, words.kind, column.anchor)

    def _write_times(self) -> None:
        """Write the times that have room: of departures first."""
        taken: list[Moment] = []
        for is_first in (True, False):
            for moment in self._scene.moments:
                wants = moment.is_dated or (moment.words and not is_first)
                if not wants or (is_first and not moment.is_dated):
                    continue
                if all(_in_order(moment, other) for other in taken):
                    taken.append(moment)
                    self._text(TIMES, moment.y + 4, f"{moment.at_s:.3f}", "time", "end")

    def _write_foot(self) -> float:
        played, y = self._story.played, self._scene.bottom + 26
        words = [
            played.name,
            played.source,
            f"Linux {played.kernel}",
            played.started_at[:10],
            "seq and ack from each side's first; time not to scale",
        ]
        for line in wrap(clean("  ·  ".join(filter(None, words))), WIDTH - 2 * _MARGIN, 10.5):
            self._text(_MARGIN, y, line, "foot")
            y += 14
        return y + 4

    def _text(self, x: float, y: float, text: str, kind: str, anchor: str = "start") -> None:
        where = _numbers({"x": x, "y": y}) | {"class": kind}
        if anchor != "start":
            where["text-anchor"] = anchor
        self._add(self.root, "text", text, **where)

    def _line(self, kind: str, points: tuple[Point, ...], colour: str = "") -> None:
        path = "M" + "L".join(f"{_px(x)} {_px(y)}" for x, y in points)
        look = {"stroke": colour} if colour else {}
        self._add(self.root, "path", d=path, **{"class": kind}, **look)

    def _add(self, parent: Element, tag: str, text: str = "", /, **attributes: str) -> Element:
        made = ElementTree.SubElement(parent, tag, attributes)
        made.text = text or None
        return made


def _told(story: Story) -> str:
    """Return the segments in words, one a line."""
    said = labels(story.segments)
    lines = [clean(story.played.claim)]
    for row in story.segments[:_MOST_TOLD]:
        way = f"{row.left_s:.3f} s {row.sender} to {row.receiver}"
        lines.append(clean(f"{way}: {said[row.number].whole}"))
    more = len(story.segments) - _MOST_TOLD
    return "\n".join([*lines, f"and {more:,} more segments"] if more > 0 else lines)


def _in_order(one: Moment, other: Moment) -> bool:
    """Whether the axis has room for the times of both, and they go downwards."""
    away, later_s = one.y - other.y, one.at_s - other.at_s
    return abs(away) >= _APART and away * later_s >= 0


def _numbers(values: dict[str, float]) -> dict[str, str]:
    return {name: _px(value) for name, value in values.items()}


def _px(value: float) -> str:
    """Return a length with a tenth at the most.

    >>> _px(12.0), _px(12.34)
    ('12', '12.3')
    """
    return f"{value:.1f}".removesuffix(".0")
