"""From a story to what is drawn: arrows, bars and words, each tied to a moment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from tw_bench.report.sequence.crowd import without_crowd
from tw_bench.report.sequence.labels import Label, labels
from tw_bench.report.sequence.moments import Break, Moment, Words, place
from tw_bench.report.sequence.naming import Naming
from tw_bench.report.sequence.stage_plan import StagePlan, plan_stage
from tw_bench.report.sequence.story import Change, Ends, Sent, Story, turned
from tw_bench.report.sequence.typeset import wrap
from tw_bench.report.text import clean

_MOST = 60  # segments that are drawn all; of more, so many first and last
_FIRST, _LAST = 30, 20
_DELAY_S = 0.01  # where no segment says how long one takes
_NEAR_S = 0.05  # a change of state is of the segment that left or came so near to it
_TEXT_PX = 11.5  # of calls and of what is said
_LABEL_BELOW = 15.0  # px
_HEAD = 10.0  # px below an arrow's head, where labels are as long as the arrows: beside a NAT
_WAITING = ("accept", "receive")  # what is said of them is about what came
HALF_FALLS = 13.0  # px that an arrow falls on its way to the middle of the wire


@dataclass(frozen=True, slots=True)
class Arrow:
    """A segment on its way."""

    sent: Sent
    label: Label
    colour: str
    prefix: str
    leaves: Moment
    released: Moment | None = None  # by the wire, that kept it back
    arrives: Moment | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """The states of a connection on a side, from the moment on."""

    side: str
    lane: int
    states: list[tuple[Moment, str]]


@dataclass
class Scene:
    """Everything that has a place."""

    stage: StagePlan
    arrows: list[Arrow] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    bottom: float = 0.0


def set_scene(story: Story, top: float) -> Scene:
    """Return the scene of a story, everything in its place from `top` px on."""
    story, few = without_crowd(story, _MOST)
    naming = Naming(story)
    shown, gap = _cut(story.segments)
    scene = Scene(plan_stage(story, shown))
    delay_s = _delay_s(story.segments)
    said = labels(story.segments)
    for row in shown:
        scene.arrows.append(_arrow(row, said[row.number], naming, delay_s))
    for arrow in scene.arrows:
        own = (arrow.leaves, arrow.released, arrow.arrives)
        scene.moments += [moment for moment in own if moment is not None]
    scene.moments += [moment for moment in (few, gap) if moment is not None]
    _add_states(scene, story, naming, gap)
    scene.moments += _steps(story, scene.stage, naming, delay_s)
    scene.breaks = place(scene.moments, top, delay_s)
    scene.bottom = max([top, *(m.y + 14 * len(m.words) for m in scene.moments)]) + 22
    return scene


def _cut(segments: list[Sent]) -> tuple[list[Sent], Moment | None]:
    """Return the segments that are drawn, and the moment at which some are left out."""
    if len(segments) <= _MOST:
        return segments, None
    more = len(segments) - _FIRST - _LAST
    arrived = [row.arrived_s or 0.0 for row in segments[:_FIRST] if row.fate == "delivered"]
    at_s = min(max([segments[_FIRST].left_s, *arrived]), segments[-_LAST].left_s)
    gap = Moment(at_s, rank=2, gap=f"{more:,} more segments")
    return segments[:_FIRST] + segments[-_LAST:], gap


def _delay_s(segments: list[Sent]) -> float:
    """Return how long a segment usually takes."""
    taken = [
        row.arrived_s - row.left_s
        for row in segments
        if row.arrived_s is not None and row.fate == "delivered"
    ]
    return max(median(taken), 1e-3) if taken else _DELAY_S


def _arrow(row: Sent, label: Label, naming: Naming, delay_s: float) -> Arrow:
    way = f"{row.sender}→{row.receiver}"
    depth = _LABEL_BELOW if label.fate else 0.0
    if row.arrived_s is None or row.fate == "late":
        depth += HALF_FALLS
    side = "" if row.is_made else row.sender
    leaves = Moment(row.left_s, side, arrow=f"from {way}", depth=depth, is_dated=True)
    released = arrives = None
    if row.arrived_s is not None:
        if row.fate == "late":
            at_s = max(row.left_s, row.arrived_s - delay_s)
            released = Moment(at_s, below=leaves, arrow=f"held {way}")
        below = released or leaves
        under = _LABEL_BELOW if row.is_made else _HEAD if naming.has_nat else 0.0
        arrives = Moment(row.arrived_s, row.receiver, arrow=f"to {way}", below=below, depth=under)
    colour = naming.colour(row.ends, row.left_s)
    name = naming.on_arrow(row.ends, row.left_s)
    return Arrow(row, label, colour, name, leaves, released, arrives)


def _add_states(scene: Scene, story: Story, naming: Naming, gap: Moment | None) -> None:
    """Tie each change of a state to the segment that it goes with, or to a moment of its own."""
    bars: dict[tuple[str, Ends], Bar] = {}
    names: dict[tuple[str, Ends], str] = {}
    for change in _kept(scene, story.changes, gap):
        key = change.side, change.ends
        lane = scene.stage.lanes.get(key)
        moment = _segment_of(scene, change)
        if moment is None:
            if lane is None:
                continue
            moment = Moment(change.at_s, change.side, rank=1, is_dated=True)
            scene.moments.append(moment)
        who = naming.name(change.ends, change.at_s)
        if change.state == "CLOSED":  # of the one before, where another has its ports already
            who = names.get(key, who)
        names[key] = who
        text = f"{who}  {change.state}" if who else change.state
        moment.words.append(Words(clean(text), "state"))
        if lane is not None:
            bar = bars.setdefault(key, Bar(change.side, lane, []))
            bar.states.append((moment, change.state))
    scene.bars = list(bars.values())


def _kept(scene: Scene, changes: list[Change], gap: Moment | None) -> Iterator[Change]:
    """Yield the changes of sides that are drawn; of those in the gap each one's last."""
    drawn = {ends for arrow in scene.arrows for ends in _both(arrow.sent.ends)}
    own = [c for c in changes if c.ends in drawn and c.side in scene.stage.lifelines]
    if gap is None:
        yield from own
        return
    back_s = min(arrow.sent.left_s for arrow in scene.arrows[_FIRST:])
    within = [c for c in own if gap.at_s <= c.at_s < back_s]
    last = {(c.side, c.ends): c for c in within}
    for change in own:
        if not gap.at_s <= change.at_s < back_s or last[change.side, change.ends] is change:
            yield change


def _both(ends: Ends) -> tuple[Ends, Ends]:
    return ends, turned(ends)


def _segment_of(scene: Scene, change: Change) -> Moment | None:
    """Return the end of the arrow that a change goes with."""
    near: list[tuple[float, Moment]] = []
    for arrow in scene.arrows:
        row = arrow.sent
        ends = (
            (row.sender, row.ends, row.sender_state, arrow.leaves, not row.is_made),
            (row.receiver, turned(row.ends), row.receiver_state, arrow.arrives, True),
        )
        near += [
            (abs(moment.at_s - change.at_s), moment)
            for side, own, state, moment, is_there in ends
            if moment is not None
            and is_there
            and (side, own, state) == (change.side, change.ends, change.state)
        ]
    away_s, moment = min(near, key=lambda each: each[0], default=(_NEAR_S, None))
    return moment if away_s < _NEAR_S else None


def _steps(story: Story, stage: StagePlan, naming: Naming, delay_s: float) -> Iterator[Moment]:
    """Yield the calls, what is said of them, and what was otherwise than expected."""
    wrong: dict[int, list[str]] = {}
    for check in story.played.checks:
        if not check.passed:
            text = f"✕ expected {check.expected}; was {check.observed}"
            wrong.setdefault(check.step, []).append(text)
    for step in story.played.steps:
        side = step.side if step.side in stage.columns else stage.sides[0]
        called = []
        if step.text:
            who = f"{step.name}: " if step.name and naming.is_needed else ""
            how = "" if step.errno == "ok" else f" → {step.errno}"
            where = f"{step.side}: " if step.side and step.side != side else ""
            called.append((f"{where}{who}{step.text}{how}", "call"))
        told = [(step.says, "says"), *((text, "wrong") for text in wrong.get(step.number, []))]
        room, at_s = stage.columns[side].room, step.at_s
        if step.verb in _WAITING and step.ended_s - step.at_s > delay_s:
            yield from _words(called, room, at_s, side)
            called, at_s = [], step.ended_s
        yield from _words(
            called + told, room, step.ended_s if step.verb == "expect" else at_s, side
        )


def _words(said: list[tuple[str, str]], room: float, at_s: float, side: str) -> Iterator[Moment]:
    """Yield the moment of texts, each with its kind, if there are any."""
    lines = [
        Words(line, kind)
        for text, kind in said
        for line in wrap(clean(text), room, _TEXT_PX, is_mono=kind == "call")
    ]
    if lines:
        yield Moment(at_s, side, rank=-1, words=lines)
