"""What should happen at one point: a pure function of the point and the host."""

from dataclasses import asdict, dataclass
from typing import Any

from tw_bench.kernel.tcp import STEP_BY_ONE_SINCE
from tw_bench.plan import capacity, cost
from tw_bench.plan.calling import FOR_GOOD, as_called
from tw_bench.plan.environment import Environment, of_point
from tw_bench.plan.hold import EARLY, hold
from tw_bench.plan.host_facts import HostFacts
from tw_bench.profile.model import Point

# A fill whose second half would keep more of a processor busy than this with the search for odd
# ports is filled evenly instead (docs/method.md, "Filling a wide range").
_DEAREST_FILL = 0.25
_BURST_PER_S = 2_000  # a closed loop takes free ports at least as fast
_SLACK_S = 0.5  # a port is asked for so soon after it has come back
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
    hold_reason: str
    time_lapse: bool  # ports come back sooner than TIME_WAIT ends
    textbook_per_s: float | None  # the three limits; None: unlimited
    sustainable_per_s: float | None
    saturated_per_s: float | None
    binding: str  # the wall that is met first: ports, or offered (none is met)
    offered_per_s: float | None  # None: closed loop
    expected_per_s: float | None  # goodput in the window; None where the model does not say
    first_refusal_s: float | None  # after the start; None: no refusal expected
    fill_s: float
    fill_source_port: str  # how the fill takes its ports
    window_s: float
    echo_periods: float | None  # that the window holds
    cpu: float  # processors that the load and the target are expected to use
    workers: int

    @property
    def duration_s(self) -> float:
        """Fill and window together."""
        return self.fill_s + self.window_s

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def predict(point: Point, facts: HostFacts) -> Prediction:
    """Return what the capacity model says of a point on a host."""
    point = as_called(point)
    environment = of_point(point, facts)
    ports, tuples = environment.usable_ports, _four_tuples(point, environment)
    sure, requests = _sure_share(point, facts), _requests(point)
    held = _held(point, environment, tuples, requests)
    limits = capacity.limits(tuples, held, requests=requests, sure=sure)
    # "1.25x" and "2tw" of a point that holds nothing are those of a plain TIME_WAIT.
    measure = held if limits else capacity.time_wait_hold(facts.hz)
    scale = limits or capacity.limits(tuples, measure, requests=requests, sure=sure)
    assert scale is not None
    times = (point.method.fill, point.method.window)
    fill_s, window_s = (time.seconds(measure.echo_period_s) for time in times)
    offered = _offered_per_s(point, scale)
    ceiling = offered or cost.closed_loop_ceiling_per_s(point)
    fills = limits is not None and ceiling > limits.sustainable_per_s
    cpu = cost.cpus(point, facts, ceiling, limits, ports)
    expected = _expected_per_s(point, offered, tuples * requests, held, fill_s, window_s)
    return Prediction(
        usable_ports=ports,
        four_tuples=tuples,
        requests_per_connection=requests,
        hold_s=held.echo_period_s,
        hold_reason=held.reason,
        time_lapse=held.is_time_lapse,
        textbook_per_s=limits.textbook_per_s if limits else None,
        sustainable_per_s=limits.sustainable_per_s if limits else None,
        saturated_per_s=limits.saturated_per_s if limits else None,
        binding="ports" if fills else "offered",
        offered_per_s=offered,
        expected_per_s=expected if fills else offered,
        first_refusal_s=_first_refusal_s(point, offered, tuples * sure * requests, fills=fills),
        fill_s=fill_s,
        fill_source_port=_fill_source_port(point, facts, scale.saturated_per_s * ports, limits),
        window_s=window_s,
        echo_periods=window_s / held.echo_period_s if held.echo_period_s else None,
        cpu=cpu,
        workers=cost.workers(point, facts, cpu),
    )


def _requests(point: Point) -> float:
    """Return the mean number of requests of a connection."""
    return point.connection.requests_per_connection.mean if _pool_keeps_all(point) else 1.0


def _held(point: Point, environment: Environment, tuples: int, requests: float) -> capacity.Hold:
    if requests >= FOR_GOOD:
        return capacity.no_hold("connections are kept for good")
    return hold(point.connection, environment, tuples, loopback=point.is_on_loopback)


def _first_refusal_s(
    point: Point, offered: float | None, capacity_once: float, *, fills: bool
) -> float | None:
    is_drawn = point.connection.source_port == "explicit_random"
    return capacity_once / offered if fills and offered and not is_drawn else None


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


def _offered_per_s(point: Point, limits: capacity.Limits) -> float | None:
    rate = point.load.offered
    if rate is None:
        return None
    if rate.unit == "/s":
        return rate.number
    return rate.number * float(getattr(limits, f"{rate.unit}_per_s"))


def _expected_per_s(
    point: Point,
    offered: float | None,
    capacity_once: float,
    held: capacity.Hold,
    fill_s: float,
    window_s: float,
) -> float | None:
    """Return the goodput of a window on a range that fills up, where the law says it.

    A cold range gives what it holds once, whatever is offered. A filled one gives the saturated
    limit, once every port has come back: after a fill of one echo period, or after a shorter one
    that saw the whole range taken in a burst, which then comes once in every period.
    """
    if point.load.command is not None or point.proxy.config is not None:
        return None  # it has a pace of its own; the file says what only the proxy reads
    if held.echo_period_s == 0 or (point.connection.pool and not _pool_keeps_all(point)):
        return None  # how many connections a pool that is too small burns is another law
    if point.connection.source_port == "explicit_random":
        return None  # a port is drawn without looking, so a range refuses long before it is full
    if fill_s + window_s <= held.shortest_s:
        already = capacity_once if offered is None else offered * fill_s
        left = max(0.0, capacity_once - already) if fill_s else capacity_once
        return left / window_s if offered is None else min(offered, left / window_s)
    saturated = capacity_once / held.echo_period_s
    periods = window_s / held.echo_period_s
    is_whole = round(periods) >= 1 and abs(periods - round(periods)) <= _WHOLE
    burst_s = capacity_once / (offered or _BURST_PER_S)
    spread_s = round(periods) * (held.longest_s - held.echo_period_s)  # a burst grows so much
    if is_whole and burst_s + spread_s + _SLACK_S <= fill_s < held.shortest_s:
        return saturated
    if fill_s < held.echo_period_s * (1 - _WHOLE):
        return None
    if offered is None:
        return saturated if is_whole else None
    return min(offered, saturated)


def _fill_source_port(
    point: Point,
    facts: HostFacts,
    ports_looked_at_per_s: float,
    limits: capacity.Limits | None,
) -> str:
    """Return how the fill takes its ports; step 1 needs Linux 6.8."""
    own, asked = point.connection.source_port, point.method.fill_source_port
    if own not in ("autobind", "bind_no_port") or asked == "same" or limits is None:
        return own
    dear = ports_looked_at_per_s * capacity.SEARCH_NS_PER_PORT * 1e-9 > _DEAREST_FILL
    if facts.kernel_version >= STEP_BY_ONE_SINCE and (dear or asked == "socket_range"):
        return "socket_range"
    return own
