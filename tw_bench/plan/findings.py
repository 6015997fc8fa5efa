"""What a person should know before the run: advice, and what forbids it. Pure."""

from collections.abc import Iterator
from importlib.util import find_spec

from tw_bench.errors import HostError
from tw_bench.plan.calling import LIBRARIES
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.prediction import Prediction
from tw_bench.profile.model import Point
from tw_bench.units import duration_text

_SPARE_FILES = 64  # descriptors a worker or target has open beside its connections
_WHOLE = 0.005  # how far from a whole number of echo periods a window may be


def require(point: Point, facts: HostFacts) -> None:
    """Refuse a point that this host cannot run.

    Raises:
        HostError: with the command or setting that helps.
    """
    if point.connection.source_port == "socket_range" and facts.kernel_version < (6, 3):
        raise HostError(
            f"{point.id}: source_port socket_range needs IP_LOCAL_PORT_RANGE (Linux 6.3), this is "
            f"{facts.kernel}: --set connection.source_port=autobind"
        )
    if point.lab.topology == "host":
        low, high = map(int, facts.sysctls["net.ipv4.ip_local_port_range"].split())
        if not (low <= point.lab.ports.low and point.lab.ports.high <= high):
            raise HostError(
                f"{point.id}: lab.ports {point.lab.ports} is not inside this host's own range "
                f"{low}-{high}, so IP_LOCAL_PORT_RANGE would have no effect: "
                f"--set lab.ports={low}-{min(high, low + point.lab.ports.count - 1)}"
            )
    _require_library(point)
    connections = point.load.closed_loop or point.load.max_in_flight
    needed = connections + _SPARE_FILES
    if needed > facts.open_files:
        raise HostError(
            f"{point.id}: {connections:,} connections at once need {needed:,} file descriptors, "
            f"the hard limit is {facts.open_files:,}: ulimit -Hn {needed} as root, or "
            f"--set load.max_in_flight={max(1, facts.open_files - _SPARE_FILES)}"
        )


def _require_library(point: Point) -> None:
    """Refuse a client that is made of a library that this Python does not have."""
    kind = point.client.kind
    if kind in LIBRARIES and find_spec(kind) is None:
        raise HostError(f"{point.id}: client {kind} is not installed: pip install 'tw-bench[http]'")


def advice(point: Point, prediction: Prediction, facts: HostFacts) -> Iterator[str]:
    """Yield what will be wrong with the point's result, or surprising about it."""
    usable = prediction.usable_ports
    if usable % 2 and point.connection.source_port == "autobind":
        yield (
            f"each connect() looks at an even count of ports: the last of these {usable:,} may be "
            "refused until another connection has moved the search"
        )
    sysctls = point.sysctls("client")
    if str(sysctls.get("net.ipv4.tcp_timestamps", 1)) == "0" and "net.ipv4.tcp_tw_reuse" in sysctls:
        yield "tcp_tw_reuse has no effect without tcp_timestamps"
    yield from _window_advice(prediction)
    if prediction.cpu > facts.cpus:
        yield (
            f"asks for about {prediction.cpu:.1f} processors of {facts.cpus}: the generator may be "
            "the limit; connection.source_port socket_range is cheaper above half of the range"
        )


def _window_advice(prediction: Prediction) -> Iterator[str]:
    periods = prediction.echo_periods
    is_one_filling = prediction.duration_s <= prediction.hold_s
    if periods is None or prediction.binding != "ports" or is_one_filling:
        return
    part = abs(periods - round(periods)) / periods  # of the window that is not a whole period
    if periods < 1 - _WHOLE or part > _WHOLE * 2:
        yield (
            f"the window of {duration_text(prediction.window_s)} is {periods:.2f} echo periods: an "
            f"average over part of one is off; want a whole number such as {round(periods) or 1}tw"
        )
    is_burst = prediction.expected_per_s is not None  # a fill that saw the whole range taken
    if 0 < prediction.fill_s < prediction.hold_s * (1 - _WHOLE) and not is_burst:
        yield "the fill is shorter than one echo period: the first, free ports are in the average"


def findings(planned: list[tuple[Point, Prediction]], facts: HostFacts) -> list[str]:
    """Return all advice, each said once with the points it is for."""
    seen: dict[str, list[str]] = {}
    for point, prediction in planned:
        for text in advice(point, prediction, facts):
            seen.setdefault(text, []).append(point.id)
    return [
        f"{', '.join(ids) if len(ids) < 4 else f'{len(ids)} points'}: {text}"
        for text, ids in seen.items()
    ]
