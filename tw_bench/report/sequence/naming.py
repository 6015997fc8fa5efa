"""Which connection is which: its name and its colour, where a story has several."""

from functools import cached_property

from tw_bench.report.sequence.colours import CONNECTIONS, INK
from tw_bench.report.sequence.story import Ends, Story, turned


class Naming:
    """The connections of a story.

    A four-tuple that is used again is a new connection, with a name of its own. One that goes
    through a NAT is the same on either side of it: what is translated are addresses and ports, and
    the sequence number of its SYN stays.
    """

    def __init__(self, story: Story) -> None:
        self._story = story
        self.has_nat = "nat" in story.sides

    @cached_property
    def is_needed(self) -> bool:
        """Whether there is more than one connection to be told apart."""
        named = {name for own in self._named.values() for _, name in own}
        return len(self.every) > 1 or len(named) > 1

    @cached_property
    def every(self) -> list[Ends]:
        """The four-tuples of all connections, where they begin, in order."""
        every: dict[Ends, None] = {}
        for ends, begun in self._begun.items():
            every |= dict.fromkeys([first for _, first in begun] or [ends])
        return list(every)

    def first(self, ends: Ends, at_s: float) -> Ends:
        """Return the four-tuple that a connection has where it begins, as its opener has it."""
        opener = self._opener(ends)
        begun = self._begun.get(opener) or [(0.0, opener)]
        return next((first for since_s, first in reversed(begun) if since_s <= at_s), begun[0][1])

    def name(self, ends: Ends, at_s: float) -> str:
        """Return what tells a connection from the others, seen from either end; may be nothing."""
        if not self.is_needed:
            return ""
        return self._name(ends, at_s) or f":{self.first(ends, at_s)[1]}"

    def on_arrow(self, ends: Ends, at_s: float) -> str:
        """Return the same for an arrow: beside a NAT with the port, which changes there."""
        name = self.name(ends, at_s)
        port = f":{self._opener(ends)[1]}"
        return f"{name} {port}".strip() if self.has_nat and name != port else name

    def colour(self, ends: Ends, at_s: float) -> str:
        """Return the colour of a connection's arrows."""
        key = self._name(ends, at_s) or str(self.first(ends, at_s))
        return CONNECTIONS[self._keys.index(key)] if key in self._keys else INK

    def _opener(self, ends: Ends) -> Ends:
        return ends if ends in self._begun else turned(ends)

    def _name(self, ends: Ends, at_s: float) -> str:
        """Return the name that was given last to a four-tuple, and to it alone."""
        own = self._named.get(self.first(ends, at_s), [])
        return next((name for since_s, name in reversed(own) if since_s <= at_s), "")

    @cached_property
    def _begun(self) -> dict[Ends, list[tuple[float, Ends]]]:
        """Four-tuple on any link → since when it stands for which one where that begins.

        A NAT gives a port to one connection after the other.
        """
        opened: dict[int, Ends] = {}
        found: dict[Ends, list[tuple[float, Ends]]] = {ends: [] for ends in self._story.connections}
        for row in self._story.segments:
            if self.has_nat and row.kind == "SYN":
                first = opened.get(row.seq, row.ends) if row.sender == "nat" else row.ends
                opened[row.seq] = first
                found.setdefault(row.ends, []).append((row.left_s, first))
        return found

    @cached_property
    def _named(self) -> dict[Ends, list[tuple[float, str]]]:
        """Four-tuple → since when it had which name."""
        found: dict[Ends, list[tuple[float, str]]] = {}
        for step in self._story.played.steps:
            own = self._story.played.names.get(step.name, [])
            if step.verb == "connect" and len(own) == 1:
                host, port, peer, peer_port = own[0]
                key = (str(host), int(port), str(peer), int(peer_port))
                found.setdefault(key, []).append((step.at_s, step.name))
        return found

    @cached_property
    def _keys(self) -> list[str]:
        """What has a colour of its own; nothing, where it is too much to be told apart."""
        found: dict[str, None] = {}
        for first in self.every:
            own = [name for _, name in self._named.get(first, [])]
            found |= dict.fromkeys(own or [str(first)])
        return list(found) if len(found) <= len(CONNECTIONS) else []
