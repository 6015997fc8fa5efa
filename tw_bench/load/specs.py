"""From a point to the specs of its workers: what each is to do, as plain data. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from tw_bench.kernel.tcp import TIME_WAIT_LENGTH_S
from tw_bench.load.fleet import WorkerSpec
from tw_bench.plan.prediction import Prediction
from tw_bench.profile.model import Point


def worker_specs(
    point: Point,
    prediction: Prediction,
    sources: Sequence[str],
    destinations: Sequence[tuple[str, int]],
) -> list[WorkerSpec]:
    """Return a spec for each worker; together they are the load of the point."""
    connection, load, shares = point.connection, point.load, prediction.workers
    # Without a bind() the route chooses the source address, and so it is left to it.
    binds = connection.source_port not in ("autobind", "socket_range")
    whole = WorkerSpec(
        client=point.client.kind,
        http=point.client.model_dump(mode="json"),
        sources=list(sources) if binds or len(sources) > 1 else [],
        destinations=list(destinations),
        ports=(point.lab.ports.low, point.lab.ports.high),
        source_port=connection.source_port,
        fill_source_port=_fill_source_port(point, prediction),
        reuse_address=connection.reuse_address,
        active_closer=connection.active_closer,
        close=connection.close,
        requests_per_connection=connection.requests_per_connection.to_dict(),
        pool=-(-connection.pool // shares),
        idle_timeout_s=connection.idle_timeout.number,
        think_time_s=load.think_time.number,
        request_bytes=connection.request_bytes,
        response_bytes=connection.response_bytes,
        fill_s=prediction.fill_s,
        hold_s=prediction.hold_s or TIME_WAIT_LENGTH_S,
        pace=prediction.pace,
        arrivals=load.arrivals,
        closed_loop=load.closed_loop,
        duration_s=prediction.duration_s,
        timeout_s=load.timeout.number,
        max_in_flight=-(-load.max_in_flight // shares),
        shares=shares,
    )
    return [replace(whole, share=share) for share in range(shares)]


def _fill_source_port(point: Point, prediction: Prediction) -> str:
    """Return how the fill takes its ports; behind a proxy the plan's fill is the proxy's."""
    return point.connection.source_port if point.has_proxy else prediction.fill_source_port
