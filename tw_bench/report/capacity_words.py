"""The plan for a service in words. Pure."""

from collections.abc import Iterator

from tw_bench.plan.capacity_plan import CapacityPlan
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment
from tw_bench.plan.remedies import Remedy
from tw_bench.report.comparison import factor_text
from tw_bench.units import duration_text, rate_text

FAR_PER_S = 1e6  # a wall that stands so far off is none
_MANY_TIMES = 1_000
_ROOM = 1.25  # a headroom below which a bad minute is one too many
_CLOSERS = {"client": "closed by the client", "server": "closed by the server"}
_CLOSES = {
    "rst": ", by RST",
    "half": ", after shutdown()",
    "unread": ", with unread data",
}
_MANY = {"ports", "file descriptors", "TIME_WAIT buckets"}  # walls that are a plural


def rate(per_s: float) -> str:
    """Return a rate, or that it is one which nobody will meet."""
    return rate_text(per_s) if per_s < FAR_PER_S else "> 1 M/s"


def factor(times: float | None) -> str:
    """Return how many times: `61x`."""
    if times is None:
        return "from 0"
    return f"{factor_text(times)}x" if times < _MANY_TIMES else f"> {_MANY_TIMES:,}x"


def _count(number: float, one: str) -> str:
    return f"{_number(number)} {one}{'' if number == 1 else 's'}"


def _number(number: float) -> str:
    """Return a number with three digits or all before the point, never with an exponent.

    >>> [_number(number) for number in (1_000_000, 1499.6, 24, 7.279, 0.4549, 0)]
    ['1,000,000', '1,500', '24', '7.28', '0.455', '0']
    """
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}" if per_s >= 100 else f"{per_s:g}"


def asked(demand: Demand) -> str:
    """Return what is asked, as a person says it."""
    per_s = demand.rate_per_s
    parts = [
        "as many requests as fit" if per_s is None else f"{_rate(per_s)} requests a second",
        f" to {_count(demand.destinations, 'destination')}",
        f" from {demand.sources:,} addresses" if demand.sources > 1 else "",
        f", answered in {duration_text(demand.response_time_s)}" if demand.response_time_s else "",
        f", {_count(demand.requests_per_connection, 'request')} a connection, ",
        _CLOSERS.get(demand.active_closer, "closed by both ends at once"),
        _CLOSES.get(demand.close, ""),
        "" if demand.source_port == "autobind" else f", source port by {demand.source_port}",
        " with SO_REUSEADDR" if demand.reuse_address else "",
        ", on loopback" if demand.loopback else "",
    ]
    return "".join(parts)


def place(environment: Environment) -> str:
    """Return where it is asked, as a person says it."""
    usable, count = environment.usable_ports, environment.ports.count
    taken = f", {count - usable:,} of them held or reserved" if usable < count else ""
    version = environment.linux
    parts = [
        environment.name,
        f": Linux {version[0]}.{version[1]}" if version else "",
        f", ports {environment.ports} ({count:,}{taken})",
        f", tcp_tw_reuse {environment.tw_reuse}" if version else "",
        "" if environment.timestamps else ", tcp_timestamps 0",
    ]
    return "".join(parts)


def answer(plan: CapacityPlan) -> tuple[str, str]:
    """Return the verdict (ENOUGH, TIGHT, NOT ENOUGH; none without a rate) and why."""
    name, verb = plan.binding, "carry" if plan.binding in _MANY else "carries"
    limit, headroom, per_s = rate(plan.limit_per_s), plan.headroom, plan.demand.rate_per_s
    if headroom is None or per_s is None:
        return "", f"The first wall: {name}, at {limit}.{_saturated(plan)}"
    if headroom >= 1:
        verdict = "ENOUGH" if headroom >= _ROOM else "TIGHT"
        share = f"{rate(per_s)} is {100 / headroom:.0f} % of what the first wall, {name}, lets"
        return verdict, f"{share} through ({limit})."
    text = f"{name} {verb} {limit}, {100 * headroom:.0f} % of what is asked."
    if plan.exhausted_after_s is not None:
        what = (
            f"the {plan.exhausted} last" if plan.exhausted in _MANY else f"{plan.exhausted} lasts"
        )
        text += f" From a cold start {what} {duration_text(plan.exhausted_after_s)}."
    if not plan.walls[0].refuses:
        text += f" Beyond, {plan.walls[0].beyond}."
    return "NOT ENOUGH", text


def _saturated(plan: CapacityPlan) -> str:
    """Return what is let through when more is offered."""
    if plan.binding != "ports" or plan.saturated_per_s is None:
        return ""
    return f" When more is offered, {rate(plan.saturated_per_s)} get through; the rest is refused."


def sockets(plan: CapacityPlan) -> Iterator[tuple[str, str]]:
    """Yield (label, text): who is in which state, how long a port is held, the pool."""
    there = plan.population
    held = [
        f"{count:,.0f} at the {side}{_memory_text(there.time_wait_bytes.get(side))}"
        for side, count in there.time_wait.items()
        if count >= 1
    ]
    what = "the limit" if there.rate_per_s >= plan.limit_per_s else "that rate"
    yield (
        "sockets",
        f"at {what}: TIME_WAIT {', '.join(held) or 'none'}; ESTABLISHED "
        f"{_number(there.established)}; connecting {_number(there.connecting)}; closing "
        f"{_number(there.closing)}",
    )
    yield "hold", plan.hold_reason
    busy = (plan.demand.rate_per_s or 0) * plan.demand.response_time_s
    if busy:
        to = "" if plan.demand.destinations == 1 else " to each destination"
        each = busy / plan.demand.destinations
        yield (
            "pool",
            f"{_number(each)} requests under way{to} on average: a pool of {plan.pool:,} kept "
            "connections is large enough in 999 of 1,000 moments",
        )


def _memory_text(size_bytes: float | None) -> str:
    return "" if size_bytes is None else f" ({size_bytes / 1e6:,.1f} MB)"


def price(remedy: Remedy) -> Iterator[str]:
    """Yield what a remedy needs, what it risks, and what was measured of it."""
    yield f"needs {remedy.needs}"
    yield remedy.risk
    if remedy.binding != "ports":
        yield f"then {remedy.binding}"
    if remedy.measured is not None:
        least = "at least " if remedy.measured.at_least else ""
        yield f"measured: {least}{remedy.measured.factor:.1f}x with {remedy.measured.of}"
