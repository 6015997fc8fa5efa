"""What the generator itself can offer at the most, once that has been measured on this host. Pure.

A ceiling is kept by kind of transaction: which client, on a new or a kept connection, who closes
and how, and how many bytes. How the source port is chosen (source_port, reuse_address) and a half
close cost the client a call or two more for each connection; they are not counted, and the ceiling
of such a point is a little too high.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tw_bench.plan.calling import FOR_GOOD, LIBRARIES, as_called
from tw_bench.profile.model import Point
from tw_bench.profile.quantities import Duration, Lifetime, PortRange
from tw_bench.profile.sections import (
    ClientSpec,
    ConnectionSpec,
    LabSpec,
    LoadSpec,
    MethodSpec,
    ProxySpec,
    TargetSpec,
)

if TYPE_CHECKING:
    from tw_bench.plan.host_facts import HostFacts

_SIZES = (4_096, 65_536, 1 << 20)  # bytes, request and response together; measured at the largest
_SMALL = 64  # bytes each way of the smallest class
_IN_FLIGHT = 64  # as many as the loop starts at once (load/loop.py)
_IN_FLIGHT_OF_LIBRARY = 8  # a session of httpx takes 20 ms, and there is half a second
_FILL_S = 0.1  # until caches and the interpreter are warm
_WINDOW_S = 0.35
_NEW = Lifetime("fixed", 1, 1, 1)
_KEPT = Lifetime("fixed", FOR_GOOD, FOR_GOOD, FOR_GOOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """What one worker can do of one kind of transaction, as it was measured on this host."""

    per_s: float  # transactions for each second of processor time: a worker with one to itself
    reached_per_s: float  # what went through while that was measured, target and all
    cpu: float  # of a processor, that the worker used meanwhile
    measured_at: str  # UTC, ISO 8601


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of transaction, and the point that measures it: a closed loop without a limit."""

    name: str
    point: Point


def kinds(point: Point) -> list[tuple[Kind, float]]:
    """Return the kinds of transaction of a point, each with its share; none of a command's."""
    if point.load.command is not None:
        return []
    own = point.model_copy(update={"proxy": ProxySpec()})  # a proxy is called like any target
    requests = as_called(own).connection.requests_per_connection.mean
    shares = ((_NEW, 1 / requests), (_KEPT, 1 - 1 / requests))
    return [(_kind(own, lifetime), share) for lifetime, share in shares if share > 1 / FOR_GOOD]


def per_worker_per_s(point: Point, facts: "HostFacts") -> float | None:
    """Return what one worker with a processor to itself can offer; None where nobody knows."""
    found = [(facts.ceilings.get(kind.name), share) for kind, share in kinds(point)]
    known = [share / ceiling.per_s for ceiling, share in found if ceiling is not None]
    return 1 / sum(known) if found and len(known) == len(found) else None


def per_s(point: Point, facts: "HostFacts", workers: int) -> float | None:
    """Return what the workers of a point can offer together; one processor is the target's."""
    one = per_worker_per_s(point, facts)
    return None if one is None else one * min(workers, max(1, facts.cpus - 1))


def _kind(point: Point, lifetime: Lifetime) -> Kind:
    """Return the kind of the transactions on connections that live so long."""
    asked, is_tcp = point.connection, point.client.kind == "tcp"
    total = asked.request_bytes + asked.response_bytes
    size = next((size for size in _SIZES if total <= size), _SIZES[-1])
    connection = ConnectionSpec(
        # With HTTP its headers decide; who holds TIME_WAIT hardly bears on what the client does.
        active_closer="server" if asked.active_closer == "server" and is_tcp else "client",
        close="rst" if asked.close in ("rst", "unread") and is_tcp else "fin",
        requests_per_connection=lifetime,
        request_bytes=_SMALL if size == _SIZES[0] else size // 2,
        response_bytes=_SMALL if size == _SIZES[0] else size // 2,
    )
    words = [*_client_words(point.client), "new connections" if lifetime is _NEW else "kept"]
    if lifetime is _NEW and is_tcp:
        words.append(f"{connection.close} by the {connection.active_closer}")
    words.append(f"up to {size >> 10} KiB")
    measuring = Point(
        id="calibration",
        lab=LabSpec(ports=PortRange(1_024, 65_535)),
        target=TargetSpec(protocol="tcp" if is_tcp else "http"),
        client=point.client,
        connection=connection,
        load=LoadSpec(
            closed_loop=_IN_FLIGHT_OF_LIBRARY if point.client.kind in LIBRARIES else _IN_FLIGHT,
            workers=1,
        ),
        method=MethodSpec(fill=Duration(_FILL_S, "s"), window=Duration(_WINDOW_S, "s")),
    )
    return Kind(", ".join(words), measuring)


def _client_words(client: ClientSpec) -> list[str]:
    """Return the client and those of its settings that are not the default."""
    settings = client.model_dump(mode="json", exclude_defaults=True, exclude={"kind"})
    if client.kind == "tcp":
        return ["tcp"]  # the other settings are those of HTTP
    return [client.kind, *(f"{name} {value}" for name, value in settings.items())]
