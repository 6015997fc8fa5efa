"""What a point costs in processors, so that points are packed into waves that fit. Pure."""

import math

from tw_bench.plan import capacity
from tw_bench.plan.host_facts import HostFacts
from tw_bench.profile.model import Point

# A worker that needs more than this share of a processor is likely to run late.
_BUSIEST_WORKER = 0.5
_TARGET_CPU_US = (60, 30)  # the target's share of a request, on a new and on a kept connection
_PROXY_CPU_US = 100  # a proxy's share of one request
# kind of client → processor time in the worker of a request on a new connection, and on a kept one:
# at leisure (measured at 200/s), where each costs a wake-up of its own, and in a loop that is
# always busy (Linux 6.18; aiohttp 3.14, httpx 0.28). The latter is used where this host was never
# calibrated (ceilings.py).
_LEISURE_CPU_US = {
    "tcp": (200, 170),
    "http": (250, 150),
    "aiohttp": (650, 350),
    "httpx": (1_350, 1_050),
}
_BUSY_CPU_US = {
    "tcp": (40, 9),
    "http": (42, 11),
    "aiohttp": (240, 70),
    "httpx": (1_300, 1_000),
}
_TOGETHER_PER_S = 2_000  # from such a rate on, most of those that are due share a wake-up
_HTTPX_CLIENT_CPU_US = 19_000  # httpx.AsyncClient() sets TLS up, also for http://


def closed_loop_ceiling_per_s(point: Point) -> float:
    """Return what a closed loop cannot exceed: each coroutine thinks between two transactions."""
    think_s = point.load.think_time.number
    return (point.load.closed_loop or 0) / think_s if think_s else math.inf


def cpus(
    point: Point,
    facts: HostFacts,
    ceiling_per_s: float,
    limits: capacity.Limits | None,
    ports: int,
    *,
    worker_per_s: float | None = None,
) -> float:
    """Return the processors that a point is expected to keep busy: generator, target and proxy.

    `point` as its target sees it (calling.py); `ceiling_per_s` is what is offered at the most,
    `worker_per_s` what a worker can do on this host, where that is known (ceilings.py).
    """
    is_closed = point.load.closed_loop is not None
    rate_per_s = (
        min(ceiling_per_s, limits.saturated_per_s) if limits and is_closed else ceiling_per_s
    )
    if math.isinf(rate_per_s):
        return float(facts.cpus)  # nothing holds it back
    connections = rate_per_s / point.connection.requests_per_connection.mean
    own_range = point.connection.source_port == "socket_range"
    search_s = capacity.search_cpu_s(ports, 1.0, socket_range=own_range) / 2 if limits else 0.0
    target_us = connections * _TARGET_CPU_US[0] + (rate_per_s - connections) * _TARGET_CPU_US[1]
    proxied_us = rate_per_s * _PROXY_CPU_US if point.has_proxy else 0.0
    refusals = capacity.REFUSAL_CPU_SHARE if limits else 0.0
    own_us = rate_per_s * _worker_us(point, rate_per_s, worker_per_s)
    return (own_us + target_us + proxied_us) * 1e-6 + connections * search_s + refusals


def _worker_us(point: Point, rate_per_s: float, worker_per_s: float | None) -> float:
    """Return what a transaction costs a worker: the busier it is, the less.

    Measured, tcp on new connections: 204 µs at 200/s, 118 at 1,000/s, 78 at 3,000/s, 63 at 8,000/s,
    46 at 15,000/s, 37 at 27,000/s.
    """
    new = 1 / point.connection.requests_per_connection.mean

    def mean(of_new: float, of_kept: float) -> float:
        return new * of_new + (1 - new) * of_kept

    leisure_us, busy_us = (
        mean(*table[point.client.kind]) for table in (_LEISURE_CPU_US, _BUSY_CPU_US)
    )
    if point.client.kind == "httpx" and point.client.session == "per_request":
        leisure_us += new * _HTTPX_CLIENT_CPU_US
        busy_us += new * _HTTPX_CLIENT_CPU_US
    if worker_per_s is not None:
        busy_us = 1e6 / worker_per_s
    return busy_us + max(0.0, leisure_us - busy_us) / (1 + rate_per_s / _TOGETHER_PER_S)


def workers(point: Point, facts: HostFacts, cpu: float) -> int:
    """Return how many load workers a point gets."""
    return point.load.workers or max(1, min(facts.cpus, round(cpu / _BUSIEST_WORKER + 0.4)))
