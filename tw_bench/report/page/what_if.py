"""The what-if panel: a run's points as the model has them, and what it says of each. Pure.

The panel starts with what was run; what_if.js then moves it. Without JavaScript the answer of the
run's own case stands there, in the same words.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from tw_bench.errors import ProfileError
from tw_bench.plan import capacity, demand, environment, walls
from tw_bench.plan.calling import as_called
from tw_bench.plan.capacity_plan import CapacityPlan, make_capacity_plan
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.population import population
from tw_bench.plan.prediction import predict
from tw_bench.profile.model import Point
from tw_bench.report.page import what_if_rules as rules
from tw_bench.report.proxied_answer import proxy_name
from tw_bench.results.reading import LoadedRun

_FAR = 1e6  # a rate that nobody will meet
_MANY_TIMES = 1_000  # the asked rate: more is not told apart
_LEAST = 0.0001  # share of the asked rate: nor is less


class Field(NamedTuple):
    """A control that holds a number: within these bounds something is calculated."""

    name: str
    label: str
    least: int
    most: int
    step: str = "1"  # or any


_FIELDS = (
    Field("ports", "usable ports", 1, 65_535),  # numbers of 16 bits, and 0 is none
    Field("sources", "source addresses", 1, 65_535),
    Field("destinations", "destinations (address and port)", 1, 65_535),
    Field("requests", "requests on each connection", 1, 1_000_000_000, "any"),
    Field("rate", "requests a second, or nothing", 0, 10_000_000, "any"),
)
_CLOSERS = {
    "client": "the side that connects",
    "server": "the side that accepts",
    "both": "both at once",
}
_CLOSES = {
    "fin": "FIN, as close() does",
    "rst": "RST, as SO_LINGER 0 does",
    "half": "shutdown(), then close()",
    "unread": "with unread data, by RST",
}
_TW_REUSE = {0: "0: off", 1: "1: everywhere", 2: "2: on loopback only"}


class Own(NamedTuple):
    """A point as the model has it."""

    id: str
    sides: dict[str, str]  # client and server → what they are called
    demand: Demand
    environment: Environment
    name: str = ""  # what its repetitions share
    is_drawn: bool = False  # whether its requests come at random


def what_if(run: LoadedRun) -> dict[str, Any] | None:
    """Return what the panel needs, as plain data; None where no point of the run reads.

    `model` is for what_if.js: `places` (what_if_rules.place), and `points`, each with its id,
    its place, its sides and its own case. `fields` and `choices` are the controls, `names` the
    points to start from, and `sentence` and `rows` the answer for the first of them.
    """
    owns = list(_owns(run))
    if not owns:
        return None
    first = owns[0]
    return {
        "model": _model(owns),
        "fields": [field._asdict() for field in _FIELDS],
        "choices": list(_choices(owns)),
        "names": [own.name for own in owns],
        "is_drawn": any(own.is_drawn for own in owns),
        "open_ms": number(1e3 * first.demand.round_trip_s),
        **answer(first, make_capacity_plan(first.demand, first.environment)),
    }


def answer(own: Own, plan: CapacityPlan) -> dict[str, Any]:
    """Return what the plan of a point says, in the words of what_if.js: `sentence` and `rows`."""
    rows = [(label, _by_side(own, text)) for label, text in _rows(own, plan)]
    return {"sentence": _sentence(plan), "rows": rows}


def _owns(run: LoadedRun) -> Iterator[Own]:
    """Yield the points that today's model reads: of repetitions the first, of a search one."""
    try:
        facts = TypeAdapter(HostFacts).validate_python(run.manifest.host)
    except ValidationError:
        return
    seen = set()
    for asked in _asked(run):
        same = json.dumps([asked.get("part"), asked.get("parameters")])
        if same in seen:
            continue
        seen.add(same)
        # A later format may say more, or what is no point of today's profile language.
        with suppress(ValidationError, ProfileError):
            yield own_of({key: asked[key] for key in asked if key in Point.model_fields}, facts)


def _asked(run: LoadedRun) -> Sequence[dict[str, Any]]:
    """Return the points of the manifest; of a search, the probe of the highest clean rate."""
    points, found = run.manifest.points, run.summary.found
    if found is None:
        return points
    clean = [probe.id for probe in found.probes if probe.rate_per_s == found.rate_per_s]
    return [point for point in points if point["id"] in clean][:1] or points[:1]


def own_of(asked: dict[str, Any], facts: HostFacts) -> Own:
    """Return a point of a manifest as the model has it.

    Raises:
        ValidationError: it is no point of today's profile language.
    """
    point = as_called(Point.model_validate(asked))
    sides = {"client": "client", "server": "server"}
    if point.has_proxy:
        sides = {"client": proxy_name(point.proxy.kind), "server": "target"}
    needed = demand.of_point(point, predict(point, facts))
    place, is_drawn = environment.of_point(point, facts), point.load.arrivals != "constant"
    return Own(point.id, sides, needed, place, point.group, is_drawn)


def _model(owns: list[Own]) -> dict[str, Any]:
    places: list[dict[str, Any]] = []
    points = []
    for own in owns:
        place = rules.place(own.demand, own.environment)
        if place not in places:
            places.append(place)
        points.append(
            {
                "id": own.id,
                "place": places.index(place),
                "sides": own.sides,
                "case": rules.own_case(own.demand, own.environment),
            }
        )
    return {"places": places, "points": points}


def _choices(owns: list[Own]) -> Iterator[dict[str, Any]]:
    """Yield the controls that hold one of a few values."""
    offered = dict.fromkeys(way for own in owns for way in rules.closes(own.demand))
    for name, label, options in (
        ("closer", "who closes first", _CLOSERS),
        ("close", "by what", {way: _CLOSES[way] for way in offered}),
        ("tw_reuse", "net.ipv4.tcp_tw_reuse", _TW_REUSE),
    ):
        yield {"name": name, "label": label, "options": options}


def _sentence(plan: CapacityPlan) -> str:
    """Return the verdict, and where the first wall stands; of one that refuses nothing, its price.

    A wall that refuses nothing lets all through: what is carried is asked of the first that does.
    """
    first, turns = plan.walls[0], _first_that_refuses(plan)
    wall = f"the first wall, {first.name}, stands at {number(first.limit_per_s)}/s"
    if plan.headroom is None:
        return f"No rate is asked for: {wall}."
    rate = plan.demand.rate_per_s or 0
    asked = f"the {number(rate) if rate < _FAR else whole(rate)}/s asked for"
    if plan.headroom >= 1:
        return f"enough: {_times(plan.headroom)} {asked}; {wall}."
    beyond = f"beyond {first.name} ({number(first.limit_per_s)}/s) {first.beyond}"
    if turns.limit_per_s >= rate:
        return f"All of {asked} gets through, at a price: {beyond}."
    carried = f"NOT ENOUGH: carries {_share(turns.limit_per_s / rate)} of {asked}"
    if rules.refuses(first):
        return f"{carried}; {wall}."
    next_wall = f"the first wall that refuses, {turns.name}, at {number(turns.limit_per_s)}/s"
    return f"{carried}, up to {next_wall}; {beyond}."


def _first_that_refuses(plan: CapacityPlan) -> walls.Wall:
    return next(wall for wall in plan.walls if rules.refuses(wall))


def _rows(own: Own, plan: CapacityPlan) -> Iterator[tuple[str, str]]:
    """Yield (label, text): limits, hold, wall, sockets, and how long a cold start lasts."""
    held, limits = walls.port_hold(own.demand, own.environment), _limits(own, plan)
    for name in ("textbook", "sustainable", "saturated"):
        per_s = None if limits is None else getattr(limits, f"{name}_per_s")
        yield f"{name} limit", "none: no port is held" if per_s is None else f"{number(per_s)}/s"
    longest, shortest = number(held.longest_s), number(held.shortest_s)
    span = f"{longest} s" if longest == shortest else f"{shortest} to {longest} s"
    yield "a port is held", f"{span if held.longest_s else 'no longer'}; {held.reason}"
    yield "beyond the first wall", plan.walls[0].beyond
    there = _time_wait(plan)
    sockets = ", ".join(f"{own.sides[side]} {whole(there[side])}" for side in own.sides)
    tuples = f"{whole(plan.four_tuples)} four-tuple{'' if plan.four_tuples == 1 else 's'}"
    yield "TIME_WAIT at what gets through", f"{sockets}; of {tuples}"
    last_s = plan.exhausted_after_s
    dry = "never" if last_s is None else f"{plan.exhausted}, after {number(last_s, 3)} s"
    yield "a cold start runs dry of", dry


def _time_wait(plan: CapacityPlan) -> dict[str, float]:
    """Return how many TIME_WAIT there are when all that is asked for and not refused comes."""
    asked = plan.demand.rate_per_s
    bound = plan.limit_per_s if asked is None else _first_that_refuses(plan).limit_per_s
    passing = bound if asked is None else min(asked, bound)
    return population(plan.demand, plan.environment, passing).time_wait


def _by_side(own: Own, text: str) -> str:
    """Return a text of the model with what this run calls the server: behind a proxy, target."""
    return re.sub(r"\bserver\b", own.sides["server"], text)


def _limits(own: Own, plan: CapacityPlan) -> capacity.Limits | None:
    """Return the three limits, as the run predicts them."""
    held = walls.port_hold(own.demand, own.environment)
    requests = own.demand.requests_per_connection
    sure = (walls.ports(own.demand, own.environment).room or 0) / plan.four_tuples / requests
    return capacity.limits(plan.four_tuples, held, requests=requests, sure=sure)


def _times(factor: float) -> str:
    return f"{number(factor, 3)}x" if factor < _MANY_TIMES else f"more than {_MANY_TIMES:,}x"


def _share(part: float) -> str:
    return f"{number(100 * part, 3)} %" if part >= _LEAST else f"less than {100 * _LEAST:g} %"


def whole(count: float) -> str:
    """Return a number of sockets.

    >>> whole(294.6), whole(1_234_567.0)
    ('295', '1,234,567')
    """
    return f"{math.floor(count + 0.5):,}"


def number(value: float, digits: int = 4) -> str:
    """Return a number with so many digits, or with all of those before the point.

    Halves go up, as in JavaScript.

    >>> number(459.5052), number(1e6), number(28231.5), number(300.0), number(0.021728)
    ('459.5', '> 1 M', '28,232', '300', '0.02173')
    >>> number(2.125, 3), number(999.96), number(0), number(0.0000081)
    ('2.13', '1,000', '0', '0.0000081')
    """
    if value >= _FAR:
        return "> 1 M"
    if value >= 10 ** (digits - 1):
        return f"{math.floor(value + 0.5):,}"
    rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(Decimal(value))
    return f"{rounded.normalize():,f}"
