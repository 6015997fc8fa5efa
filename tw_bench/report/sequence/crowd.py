"""Of hundreds of connections, the few whose whole stories are drawn."""

from dataclasses import replace

from tw_bench.report.sequence.moments import Moment
from tw_bench.report.sequence.naming import Naming
from tw_bench.report.sequence.story import Ends, Story, turned

_CROWD = 12  # connections: of more, with too many segments, only a few are drawn
_FEW = 3  # as many as have a bar each


def without_crowd(story: Story, most: int) -> tuple[Story, Moment | None]:
    """Return a story of a few whole connections, and the moment that says so.

    A story of at most `most` segments, or of few connections, stays as it is. The few are the
    first and the last that each connect() opened; where those are too many, the first of each.
    """
    naming = Naming(story)
    if len(story.segments) <= most or len(naming.every) <= _CROWD:
        return story, None
    few = _picked(story) or naming.every[:_FEW]
    segments = [row for row in story.segments if naming.first(row.ends, row.left_s) in few]
    if not segments:
        return story, None
    seen = {ends for row in segments for ends in (row.ends, turned(row.ends))}
    names = {
        name: [own for own in all_own if _ends(own) in seen]
        for name, all_own in story.played.names.items()
    }
    reduced = replace(
        story,
        played=story.played.model_copy(update={"names": names}),
        segments=segments,
        changes=[change for change in story.changes if change.ends in seen],
    )
    text = f"{len(few)} of {len(naming.every):,} connections are drawn"
    return reduced, Moment(segments[0].left_s, rank=-2, gap=text)


def _picked(story: Story) -> list[Ends]:
    opened = [
        [_ends(one) for one in story.played.names.get(step.name, [])]
        for step in story.played.steps
        if step.verb == "connect"
    ]
    ends = [own for own in opened if own]
    both = list(dict.fromkeys(one for own in ends for one in (own[0], own[-1])))
    return both if len(both) <= _FEW else list(dict.fromkeys(own[0] for own in ends))[:_FEW]


def _ends(own: list[str | int]) -> Ends:
    host, port, peer, peer_port = own
    return str(host), int(port), str(peer), int(peer_port)
