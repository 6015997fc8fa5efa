"""What a point asks that cannot be: of two settings, each right alone. Pure."""

from collections.abc import Iterator

from tw_bench.kernel.tcp import TIME_WAIT_LENGTH_S
from tw_bench.profile.http_contradictions import wrong_client
from tw_bench.profile.model import Point
from tw_bench.profile.proxy_settings import wrong_proxy
from tw_bench.profile.quantities import Duration, Rate
from tw_bench.profile.stretches import misfit
from tw_bench.profile.sysctls import wanted_number

# What one run can be asked for: enough for every question, and nothing that cannot end.
_LONGEST_S = 7 * 86_400
_LAST_PORT = 65_535
_RATE_PER_S = (0.001, 1e6)  # least, most
_RATE_MULTIPLE = (0.001, 1e3)


def contradictions(point: Point) -> Iterator[tuple[str, str]]:
    """Yield (dotted path, message) for what no field alone can see."""
    inside = [port for port in point.target_ports if port in point.lab.ports]
    if inside:
        yield (
            "target.port" if point.target.port else "lab.ports",
            f"the target's port {inside[0]} lies inside the client's range "
            f"{point.lab.ports}, so a client could connect to itself: want it outside",
        )
    if point.target_ports[-1] > _LAST_PORT:
        yield "target.ports", f"go beyond port {_LAST_PORT}: want fewer"
    yield from _wrong_sysctls(point)
    yield from wrong_client(point)
    yield from wrong_proxy(point)
    yield from _wrong_closing(point)
    if point.target.kind != "embedded" and point.target.response_time.number:
        yield "target.response_time", "a real server takes its own time: want it left out"
    yield from _wrong_addresses(point)
    yield from _wrong_lifetime(point)
    yield from _wrong_pace(point)
    yield from _out_of_bounds(point)


def _wrong_closing(point: Point) -> Iterator[tuple[str, str]]:
    closer, close = point.connection.active_closer, point.connection.close
    if closer == "both" and close != "fin":
        yield "connection.close", f"got {close!r}: when both ends close, FINs cross: want fin"
    if closer == "server" and close in ("half", "unread"):
        yield "connection.close", f"got {close!r}: the embedded server closes by fin or rst"
    if closer == "both" and point.lab.topology != "pair":
        yield (
            "connection.active_closer",
            "got 'both': both FINs are held back between two namespaces: want topology pair",
        )


def _wrong_addresses(point: Point) -> Iterator[tuple[str, str]]:
    lab, source_port = point.lab, point.connection.source_port
    if lab.topology == "host" and source_port != "socket_range":
        yield (
            "lab.topology",
            f"on the host, {source_port} would take the whole range of this machine: "
            "want connection.source_port: socket_range",
        )
    if lab.topology != "pair" and lab.server_sysctls:
        yield "lab.server_sysctls", "both ends share a namespace: want them in lab.sysctls"
    if lab.topology != "pair" and (lab.sources > 1 or lab.destinations > 1):
        yield "lab.topology", "several addresses go between two namespaces: want pair"
    pairs = lab.sources * lab.destinations * point.target.ports
    if pairs > 1 and point.connection.active_closer == "both":
        yield (
            "connection.active_closer",
            "got 'both': FINs are told apart by the client's port: want one source address and "
            "one destination",
        )
    if lab.sources > 1 and source_port == "autobind":
        yield (
            "lab.sources",
            f"got {lab.sources}: with autobind the route chooses the one source address: "
            "want connection.source_port: bind_no_port",
        )
    held = lab.held_ports
    if held is not None and not (held.low in lab.ports and held.high in lab.ports):
        yield "lab.held_ports", f"got {held}: want ports inside lab.ports {lab.ports}"
    if held is not None and lab.topology == "host":
        yield "lab.held_ports", "are for a private lab: topology host has the ports it has"


def _wrong_lifetime(point: Point) -> Iterator[tuple[str, str]]:
    connection, load = point.connection, point.load
    requests = connection.requests_per_connection
    if requests.kind != "fixed" and connection.active_closer != "client":
        yield (
            "connection.requests_per_connection",
            f"got {requests}: a server that closes counts to a fixed number: want one number",
        )
    keeps_all = connection.pool >= (load.closed_loop or 1)
    leaves_time_wait = connection.active_closer == "client" and connection.close in ("fin", "half")
    if requests.mean > 1 and not keeps_all and not leaves_time_wait:
        yield (
            "connection.pool",
            f"got {connection.pool}: what does not fit into the pool is closed by a FIN of the "
            "client, whatever the profile says: want a pool for every request at once",
        )


def _wrong_pace(point: Point) -> Iterator[tuple[str, str]]:
    load = point.load
    if load.command is not None and any((load.rate, load.ramp, load.steps, load.closed_loop)):
        yield (
            "load.command",
            "has a pace of its own: want it without load.rate, ramp, steps and closed_loop",
        )
    if load.command is not None and point.lab.topology == "host":
        yield "load.command", "is run in a private lab, where it reaches nothing else: want pair"
    if load.think_time.number and load.closed_loop is None:
        yield "load.think_time", "is for a closed loop; an open loop has its rate"
    if load.arrivals != "constant" and not load.stretches:
        yield "load.arrivals", f"got {load.arrivals!r}: is for an open loop: want load.rate"
    yield from _wrong_times(point)


def _wrong_times(point: Point) -> Iterator[tuple[str, str]]:
    """Yield where the times of a ramp or of steps do not fit those of the method."""
    load, spans = point.load, (point.method.fill, point.method.window)
    for number, step in enumerate((load.steps or [])[:-1], 1):
        if step.lasts is None:
            yield "load.steps", f"step {number} has no time: want one such as {step} for 30s"
            return
    times = [each.lasts for each in load.stretches if each.lasts is not None]
    units = {time.unit for time in (*spans, *times)}
    if times and len(units) == 1:  # how long a tw is only the plan knows (plan/offer.py)
        unit = units.pop()
        wrong = misfit(load.stretches, spans, lambda t: t.number, lambda n: str(Duration(n, unit)))
        if wrong is not None:
            yield ("load.ramp" if load.ramp else "load.steps"), wrong


def _wrong_sysctls(point: Point) -> Iterator[tuple[str, str]]:
    for field in ("sysctls", "client_sysctls", "proxy_sysctls", "server_sysctls"):
        for name, value in getattr(point.lab, field).items():
            path = f"lab.{field}.{name}"
            if point.lab.topology == "host":
                yield path, "topology host never writes a sysctl of this machine: want pair"
            wanted = wanted_number(name, value)
            if wanted:
                yield path, f"got {value!r}: {wanted}"


def _out_of_bounds(point: Point) -> Iterator[tuple[str, str]]:
    method, load = point.method, point.load
    if method.window.number < 0.1:
        yield "method.window", f"got {method.window}: want 100ms (or 0.1tw) or more"
    for path, time in (("method.fill", method.fill), ("method.window", method.window)):
        if time.seconds(TIME_WAIT_LENGTH_S) > _LONGEST_S:
            yield path, f"got {time}: want at most a week"
    if load.rate is not None:
        yield from wrong_rate("load.rate", load.rate)
    for stretch in load.stretches if load.rate is None else ():
        path = "load.ramp" if load.ramp else "load.steps"
        for rate in dict.fromkeys((stretch.first, stretch.last)):
            yield from wrong_rate(path, rate)
        if stretch.lasts is not None and stretch.lasts.seconds(TIME_WAIT_LENGTH_S) > _LONGEST_S:
            yield path, f"got {stretch.lasts}: want at most a week"
    yield from _wrong_seconds(point)


def wrong_rate(path: str, rate: Rate) -> Iterator[tuple[str, str]]:
    """Yield (path, message) for a rate that no run can be asked for."""
    sign = "/s" if rate.unit == "/s" else "x"
    least, most = _RATE_PER_S if sign == "/s" else _RATE_MULTIPLE
    if not least <= rate.number <= most:
        yield path, f"got {rate}: want {least:g}{sign} to {most:,.0f}{sign}"


def _wrong_seconds(point: Point) -> Iterator[tuple[str, str]]:
    """Yield the times that must be in seconds, and within what makes sense for them."""
    for path, time, least, most, want in (
        ("observe.interval", point.observe.interval, 0.01, 60, "10ms to 60s"),
        ("load.timeout", point.load.timeout, 0.001, 600, "1ms to 600s"),
        ("target.response_time", point.target.response_time, 0, 60, "seconds, at most 60s"),
        ("load.think_time", point.load.think_time, 0, _LONGEST_S, "seconds, at most a week"),
        (
            "connection.idle_timeout",
            point.connection.idle_timeout,
            0.001,
            _LONGEST_S,
            "1ms to a week",
        ),
    ):
        if time.unit != "s" or not least <= time.number <= most:
            yield path, f"got {time}: want {want}"
