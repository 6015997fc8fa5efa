"""Where the TIME_WAIT of a point's connections went, by the kernel's own counts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tw_bench.report.figures import style
from tw_bench.report.figures.run_data import PointData
from tw_bench.report.proxied_answer import ending

CLIENT, BOTH, TAKEN, SERVER, NOWHERE = (
    "on the client",
    "on both ends",
    "taken over",
    "on the server",
    "nowhere",
)
UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True)
class Fate:
    """A kind of end, in the words and the colour that a picture has for it."""

    colour: str
    meaning: str


# In the order of a picture, from what runs out of ports to what does not.
FATES = {
    CLIENT: Fate(style.BLUE, "each holds a port there"),
    BOTH: Fate(style.BLUE, "a port is held as well"),
    TAKEN: Fate(style.SKY, "by the next connection"),
    SERVER: Fate(style.VERMILLION, "the ports are free"),
    NOWHERE: Fate(style.FAINT, "none is made"),
    UNKNOWN: Fate(style.FAINT, "its load was cut short"),
}
_TAKEN_OVER = 0.1  # of the connections
_ON_BOTH = 0.25  # of the connections, on each


def shares(point: PointData) -> Mapping[str, float]:
    """Return which share of the connections left TIME_WAIT where; they add up to one.

    A connection that both ends hold counts half for each. Ends in one namespace are counted
    together: there TIME_WAIT is of the end that was to close first.
    """
    measured = point.result.measured
    if measured is None or not measured.transactions_ok:
        return {}
    opened = max(1, measured.connections_opened)  # at least the one that carried them
    made = {side: one.made for side, one in point.result.time_wait.items()}
    closer = "server" if point.connection.get("active_closer") == "server" else "client"
    made[closer] = made.get(closer, 0) + made.pop("host", 0)
    client, server = made.get("client", 0), made.get("server", 0)
    kernel = point.result.counters
    recycled = kernel.get("client", kernel.get("host", {})).get("TcpExt.TWRecycled", 0)
    taken = min(recycled, client)
    counts = {
        CLIENT: client - taken,
        TAKEN: taken,
        SERVER: server,
        NOWHERE: max(0, opened - client - server),
    }
    total = sum(counts.values())
    return {fate: count / total for fate, count in counts.items() if count}


def fate(point: PointData) -> str:
    """Return what became of most of a point's TIME_WAIT; behind a proxy, who closed first there."""
    if point.result.forwarding is not None:
        return ending(point.result)
    found = shares(point)
    if not found:
        return UNKNOWN
    on_client = found.get(CLIENT, 0.0) + found.get(TAKEN, 0.0)
    if min(on_client, found.get(SERVER, 0.0)) > _ON_BOTH:
        return BOTH
    if found.get(TAKEN, 0.0) > _TAKEN_OVER:
        return TAKEN
    return max(found, key=lambda one: found[one])


def some_of_each(points: Sequence[PointData], most: int) -> list[PointData]:
    """Return so many points that no fate is missed while another is shown twice, in order."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, point in enumerate(points):
        groups[fate(point)].append(index)
    turns = sorted((turn, index) for group in groups.values() for turn, index in enumerate(group))
    return [points[index] for index in sorted(index for _, index in turns[:most])]
