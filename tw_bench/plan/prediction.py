"""What should happen at one point: a pure function of the point and the host."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from tw_bench.kernel.tcp import STEP_BY_ONE_SINCE
from tw_bench.plan import capacity, ceilings, cost
from tw_bench.plan.calling import FOR_GOOD, as_called
from tw_bench.plan.environment import Environment, of_point
from tw_bench.plan.hold import EARLY, hold
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.offer import Offer, offer_of
from tw_bench.plan.pace import due_by, highest_per_s, reached_s
from tw_bench.profile.model import Point

# A fill whose second half would keep more of a processor busy than this with the search for odd
# ports is filled evenly instead (docs/method.md, "Filling a wide range").
_DEAREST_FILL = 0.25
_BURST_PER_S = 2_000  # a closed loop takes free ports at least as fast
_SLACK_S = 0.5  # a port is asked for so soon after it has come back
_SURE_DEVIATIONS = 4  # what chance does not do in a run: 1 in 30,000 instants
_WHOLE = 0.005  # how far from a whole number of echo periods a window may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a point should show; stored with the result, so that each run tests the model.

    Rates are of transactions: requests with their responses. A short-lived connection has one.
    """

    usable_ports: int  # of the range, for one source address
    four_tuples: int  # connections that may be held at once: ports x sources x destinations
    requests_per_connection: float  # mean; 1, the least, where the pool is too small to keep all
    hold_s: float  # echo period: how long a port is away when it is retaken at once; 0: not at all
    hold_reason: str  # by which rule
    time_lapse: bool  # ports come back sooner than TIME_WAIT ends
    textbook_per_s: float | None  # ports / 60 s; None, of all three limits: unlimited
    sustainable_per_s: float | None  # the highest steady rate without a refusal
    saturated_per_s: float | None  # what gets through when more is offered
    binding: str  # the wall that is met first: ports, or offered (none is met)
    pace: list[list[float]]  # (first rate, last rate, seconds) one after the other; closed: none
    offered_per_s: float | None  # mean of the window; None: closed loop
    offered_spread_per_s: float  # standard deviation of that mean; 0 unless arrivals are drawn
    expected_per_s: float | None  # goodput in the window; None where the model does not say
    first_refusal_s: float | None  # after the start; None: no refusal expected
    fill_s: float  # load before the window
    fill_source_port: str  # how the fill takes its ports
    window_s: float  # what is averaged
    echo_periods: float | None  # that the window holds
    cpu: float  # processors that the load and the target are expected to use
    workers: int  # load processes
    ceiling_per_s: float | None = None  # what they can offer together; None: never calibrated

    @property
    def duration_s(self) -> float:
        """Fill and window together."""
        return self.fill_s + self.window_s

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Law:
    """What a point has to give, and how long it is away."""

    ports: int  # of one source address
    tuples: int
    sure: float  # share of them that is given before the first refusal
    requests: float  # mean number of a connection
    held: capacity.Hold
    limits: capacity.Limits | None
    # "2tw" and "1.25x" of a point that holds nothing are those of a plain TIME_WAIT.
    measure: capacity.Hold
    scale: capacity.Limits

    @property
    def once(self) -> float:
        """Transactions until every port is away."""
        return self.tuples * self.requests


def predict(point: Point, facts: HostFacts) -> Prediction:
    """Return what the capacity model says of a point on a host.

    Raises:
        ProfileError: a ramp or steps that do not fit the fill and the window.
    """
    asked, point = point, as_called(point)
    law = _law_of(point, facts)
    offer = offer_of(point, law.scale, law.measure.echo_period_s)
    ceiling = highest_per_s(offer.pace) or cost.closed_loop_ceiling_per_s(point)
    fills = law.limits is not None and ceiling > law.scale.sustainable_per_s - _chance(offer, law)
    worker_per_s = ceilings.per_worker_per_s(asked, facts)
    cpu = cost.cpus(point, facts, ceiling, law.limits, law.ports, worker_per_s=worker_per_s)
    workers = cost.workers(point, facts, cpu)
    return Prediction(
        usable_ports=law.ports,
        four_tuples=law.tuples,
        requests_per_connection=law.requests,
        hold_s=law.held.echo_period_s,
        hold_reason=law.held.reason,
        time_lapse=law.held.is_time_lapse,
        textbook_per_s=law.limits.textbook_per_s if law.limits else None,
        sustainable_per_s=law.limits.sustainable_per_s if law.limits else None,
        saturated_per_s=law.limits.saturated_per_s if law.limits else None,
        binding="ports" if fills else "offered",
        pace=offer.pace,
        offered_per_s=offer.per_s,
        offered_spread_per_s=offer.spread_per_s,
        expected_per_s=_expected_per_s(point, law, offer) if fills else offer.per_s,
        first_refusal_s=_first_refusal_s(point, law, offer) if fills else None,
        fill_s=offer.fill_s,
        fill_source_port=_fill_source_port(point, facts, law),
        window_s=offer.window_s,
        echo_periods=offer.window_s / law.held.echo_period_s if law.limits else None,
        cpu=cpu,
        workers=workers,
        ceiling_per_s=ceilings.per_s(asked, facts, workers),
    )


def _law_of(point: Point, facts: HostFacts) -> _Law:
    environment = of_point(point, facts)
    tuples = _four_tuples(point, environment)
    sure, requests = _sure_share(point, facts), _requests(point)
    held = _held(point, environment, tuples, requests)
    limits = capacity.limits(tuples, held, requests=requests, sure=sure)
    measure = held if limits else capacity.time_wait_hold(facts.hz)
    scale = limits or capacity.limits(tuples, measure, requests=requests, sure=sure)
    assert scale is not None
    return _Law(environment.usable_ports, tuples, sure, requests, held, limits, measure, scale)


def _requests(point: Point) -> float:
    """Return the mean number of requests of a connection."""
    return point.connection.requests_per_connection.mean if _pool_keeps_all(point) else 1.0


def _held(point: Point, environment: Environment, tuples: int, requests: float) -> capacity.Hold:
    if requests >= FOR_GOOD:
        return capacity.no_hold("connections are kept for good")
    return hold(point.connection, environment, tuples, loopback=point.is_on_loopback)


def _chance(offer: Offer, law: _Law) -> float:
    """Return how near to the limit [1/s] drawn arrivals may or may not be refused; else 0.

    What is away at an instant came due within one hold. Of a Poisson process at the limit that is
    as much as there is, on average, and its root is the standard deviation.
    """
    if not offer.spread_per_s:
        return 0.0
    return _SURE_DEVIATIONS * math.sqrt(law.once) / law.measure.longest_s


def _first_refusal_s(point: Point, law: _Law, offer: Offer) -> float | None:
    """Return when a range that fills up is empty, unless ports come back before that."""
    if point.connection.source_port == "explicit_random":
        return None
    at_s = reached_s(offer.pace, law.once * law.sure)
    return at_s if at_s is not None and (offer.is_plain or at_s <= law.held.shortest_s) else None


def _pool_keeps_all(point: Point) -> bool:
    """Return whether the pool is as large as the number of requests at once."""
    return point.connection.pool >= (point.load.closed_loop or 1)


def _four_tuples(point: Point, environment: Environment) -> int:
    """Return how many connections may be held at once."""
    return capacity.four_tuples(
        environment.usable_ports,
        sources=point.lab.sources,
        destinations=point.lab.destinations * point.target.ports,
        early=point.connection.source_port in EARLY,
    )


def _sure_share(point: Point, facts: HostFacts) -> float:
    steps_by_one = point.connection.source_port == "socket_range"
    return capacity.sure_share(
        point.lab.ports.count,
        socket_range=(steps_by_one and facts.kernel_version >= STEP_BY_ONE_SINCE)
        or point.connection.source_port in EARLY,
    )


def _expected_per_s(point: Point, law: _Law, offer: Offer) -> float | None:
    """Return the goodput of a window on a range that fills up, where the law says it.

    A cold range gives what it holds once, whatever is offered. A filled one gives the saturated
    limit to a load that is above the limit all the time; of one that is now above and now below
    there is no law.
    """
    if not _is_told(point, law.held):
        return None
    if offer.fill_s + offer.window_s <= law.held.shortest_s:
        return _of_cold_range(law, offer)
    if offer.lowest_per_s <= law.scale.sustainable_per_s + _chance(offer, law):
        return None
    return _of_filled_range(law, offer)


def _of_cold_range(law: _Law, offer: Offer) -> float:
    if offer.per_s is None:
        left = 0.0 if offer.fill_s else law.once
        return left / offer.window_s
    left = max(0.0, law.once - due_by(offer.pace, offer.fill_s))
    return min(offer.per_s, left / offer.window_s)


def _of_filled_range(law: _Law, offer: Offer) -> float | None:
    """Return the saturated limit, once every port has come back.

    That is after a fill of one echo period, or after a shorter one that saw the whole range taken
    in a burst, which then comes once in every period.
    """
    held, fill_s = law.held, offer.fill_s
    saturated = law.once / held.echo_period_s
    periods = offer.window_s / held.echo_period_s
    is_whole = round(periods) >= 1 and abs(periods - round(periods)) <= _WHOLE
    burst_s = reached_s(offer.pace, law.once) if offer.pace else law.once / _BURST_PER_S
    spread_s = round(periods) * (held.longest_s - held.echo_period_s)  # a burst grows so much
    is_burst = burst_s is not None and burst_s + spread_s + _SLACK_S <= fill_s < held.shortest_s
    if is_whole and is_burst:
        return saturated
    if fill_s < held.echo_period_s * (1 - _WHOLE):
        return None
    if offer.per_s is None:
        return saturated if is_whole else None
    return min(offer.per_s, saturated)


def _is_told(point: Point, held: capacity.Hold) -> bool:
    """Return whether the law tells the goodput of such connections at all."""
    if point.load.command is not None or point.proxy.config is not None:
        return False  # it has a pace of its own; the file says what only the proxy reads
    if held.echo_period_s == 0 or (point.connection.pool and not _pool_keeps_all(point)):
        return False  # how many connections a pool that is too small burns is another law
    # A port that is drawn without looking: such a range refuses long before it is full.
    return point.connection.source_port != "explicit_random"


def _fill_source_port(point: Point, facts: HostFacts, law: _Law) -> str:
    """Return how the fill takes its ports; step 1 needs Linux 6.8."""
    own, asked = point.connection.source_port, point.method.fill_source_port
    if own not in ("autobind", "bind_no_port") or asked == "same" or law.limits is None:
        return own
    ports_looked_at_per_s = law.limits.saturated_per_s * law.ports
    dear = ports_looked_at_per_s * capacity.SEARCH_NS_PER_PORT * 1e-9 > _DEAREST_FILL
    if facts.kernel_version >= STEP_BY_ONE_SINCE and (dear or asked == "socket_range"):
        return "socket_range"
    return own
