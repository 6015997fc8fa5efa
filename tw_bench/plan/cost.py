"""What a point costs in processors, so that points are packed into waves that fit. Pure."""

import math

from tw_bench.plan import capacity
from tw_bench.plan.host_facts import HostFacts
from tw_bench.profile.model import Point

# A worker that needs more than this share of a processor is likely to run late.
_BUSIEST_WORKER = 0.5
_TARGET_CPU_US = 60  # the target's share of one connection
_PROXY_CPU_US = 100  # a proxy's share of one request
# kind of client → processor time in the worker of a request on a new connection, and on a kept one
# (measured at 200/s, Linux 6.18; aiohttp 3.14, httpx 0.28).
_CLIENT_CPU_US = {
    "tcp": (capacity.CONNECTION_CPU_US, 30),
    "http": (200, 80),
    "aiohttp": (650, 350),
    "httpx": (1_350, 1_050),
}
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
) -> float:
    """Return the processors that a point is expected to keep busy: generator, target and proxy.

    `point` as its target sees it (calling.py); `ceiling_per_s` is what is offered at the most.
    """
    is_closed = point.load.closed_loop is not None
    rate_per_s = (
        min(ceiling_per_s, limits.saturated_per_s) if limits and is_closed else ceiling_per_s
    )
    if math.isinf(rate_per_s):
        return float(facts.cpus)  # nothing holds it back
    new_us, kept_us = _CLIENT_CPU_US[point.client.kind]
    if point.client.kind == "httpx" and point.client.session == "per_request":
        new_us += _HTTPX_CLIENT_CPU_US
    own_range = point.connection.source_port == "socket_range"
    search_s = capacity.search_cpu_s(ports, 1.0, socket_range=own_range) / 2 if limits else 0.0
    connections = rate_per_s / point.connection.requests_per_connection.mean
    kept = rate_per_s - connections
    proxied_us = rate_per_s * _PROXY_CPU_US if point.has_proxy else 0.0
    refusals = capacity.REFUSAL_CPU_SHARE if limits else 0.0
    used_us = connections * (new_us + _TARGET_CPU_US) + kept * (kept_us + 30) + proxied_us
    return used_us * 1e-6 + connections * search_s + refusals


def workers(point: Point, facts: HostFacts, cpu: float) -> int:
    """Return how many load workers a point gets."""
    return point.load.workers or max(1, min(facts.cpus, round(cpu / _BUSIEST_WORKER + 0.4)))
