"""The sections of a profile: what can be set, the defaults, and why where that is not plain."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema

from tw_bench.profile.quantities import (
    Bytes,
    Duration,
    DurationField,
    Lifetime,
    LifetimeField,
    PortRange,
    Ports,
    Rate,
    RateField,
    Share,
)
from tw_bench.profile.stretches import RampField, StepField, Stretch
from tw_bench.profile.sysctls import Sysctls

# A lab has its namespaces to itself, so a privileged port is free, and it lies below every
# range a kernel accepts: a target inside the range would connect to itself (simultaneous open).
LAB_TARGET_PORT = 80
HOST_TARGET_PORT = 9080


class Section(BaseModel):
    """The base of every section: unknown keys are errors, nothing is converted or changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Write quantities that are defaults as the text a profile has for them."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema)["properties"]
        for name, field in cls.model_fields.items():
            if isinstance(field.default, PortRange | Duration | Rate | Lifetime | Share):
                properties[name]["default"] = str(field.default)
        return schema


class LabSpec(Section):
    """Where it happens."""

    topology: Literal["pair", "loopback", "own_address", "host"] = Field(
        "pair",
        description="pair: two private namespaces and a veth; loopback and own_address: both ends "
        "in one private namespace, on 127.0.0.1 or on an address of its own; host: on this "
        "host's loopback, without isolation",
    )
    ip_version: Literal[4, 6] = 4  # of all addresses
    ports: Ports = Field(
        PortRange(32_768, 60_999), description="The client's ephemeral port range"
    )  # Linux's default: inet_sk_get_local_port_range, net/ipv4
    sources: int = Field(1, ge=1, le=200, description="Addresses of the client")
    destinations: int = Field(1, ge=1, le=200, description="Addresses of the server")
    held_ports: Ports | None = Field(
        None,
        description="Ports of the client that somebody listens on: a range such as 40000-40009",
    )
    sysctls: Sysctls = Field({}, description="Set in every namespace of the lab")
    client_sysctls: Sysctls = Field({}, description="Set in the client's namespace only")
    server_sysctls: Sysctls = Field({}, description="Set in the server's namespace only")
    proxy_sysctls: Sysctls = Field({}, description="Set in the proxy's namespace only")


class TargetSpec(Section):
    """What is called."""

    kind: Literal["embedded", "nginx"] = "embedded"  # our own, or a real server
    protocol: Literal["tcp", "http"] = Field(
        "tcp", description="tcp: bytes of a fixed size; http: HTTP/1, and closed as it says"
    )
    port: int | None = Field(
        None, ge=1, le=65_535, description=f"{LAB_TARGET_PORT} in a lab, {HOST_TARGET_PORT} on host"
    )
    ports: int = Field(
        1, ge=1, le=200, description="How many ports it listens on, from `port` upwards"
    )
    reuse_address: bool = Field(True, description="SO_REUSEADDR on the listeners")
    response_time: DurationField = Field(
        Duration(0, "s"), description="Embedded: from a request to the response"
    )
    backlog: int = Field(4_096, ge=1, le=1_000_000)  # somaxconn since 5.4: the queue is no limit


def _as_text(version: object) -> object:
    return str(version) if isinstance(version, float) else version


# YAML reads an unquoted 1.1 as a number.
HttpVersion = Annotated[Literal["1.0", "1.1"], BeforeValidator(_as_text)]


class ProxySpec(Section):
    """A real proxy between client and target, in a namespace of its own; `lab.ports` are its."""

    kind: Literal["none", "nginx", "haproxy", "caddy"] = "none"  # which
    upstream_protocol: HttpVersion = Field("1.1", description="HTTP towards the target")
    connection_header: Literal["none", "close", "keep-alive"] = Field(
        "none", description="The Connection header that it sends to the target"
    )
    keepalive: int = Field(
        0, ge=0, le=100_000, description="Idle connections to the target that it keeps; 0: none"
    )
    keepalive_requests: int = Field(
        1_000, ge=1, le=1_000_000_000, description="Requests that a kept connection carries"
    )
    keepalive_timeout: DurationField = Duration(60, "s")
    http_reuse: Literal["never", "safe", "aggressive", "always"] = Field(
        "safe", description="HAProxy: which requests may share a connection to the target"
    )
    nolinger: bool = Field(False, description="HAProxy: close towards the target by an RST")
    source_ports: Ports | None = Field(
        None, description="HAProxy: the ports that it binds itself, towards the target"
    )
    workers: int = Field(1, ge=1, le=64, description="Processes, or threads where it has these")
    config: str | None = Field(
        None, description="Your own configuration, with {listen}, {upstreams}, {source}, {folder}"
    )


class ClientSpec(Section):
    """Who makes the requests."""

    kind: Literal["tcp", "http", "aiohttp", "httpx"] = Field(
        "tcp",
        description="tcp: bytes over plain sockets; http: HTTP/1 over plain sockets; aiohttp, "
        "httpx: those libraries, with their own pools",
    )
    http_version: HttpVersion = "1.1"  # of the requests
    connection_header: Literal["none", "close", "keep-alive"] = "none"  # that they carry
    session: Literal["shared", "per_request"] = Field(
        "shared", description="aiohttp, httpx: one session for all requests, or one for each"
    )
    pool_limit: int | None = Field(
        None, ge=1, le=100_000, description="aiohttp, httpx: connections at once; theirs: 100"
    )
    force_close: bool = Field(False, description="aiohttp: TCPConnector(force_close=True)")


class ConnectionSpec(Section):
    """What one connection is, from socket() to close()."""

    active_closer: Literal["client", "server", "both"] = Field(
        "client",
        description="The end that closes first; it holds TIME_WAIT (RFC 9293 3.6.1). both: the "
        "FINs cross, and both hold it",
    )
    close: Literal["fin", "rst", "half", "unread"] = Field(
        "fin",
        description="fin: close(); rst: SO_LINGER {1, 0}; half: shutdown(SHUT_WR), read to the "
        "end, close(); unread: close() with unread data, which the kernel turns into an RST",
    )
    source_port: Literal[
        "autobind",
        "bind_zero",
        "bind_no_port",
        "explicit_sequential",
        "explicit_random",
        "socket_range",
    ] = Field(
        "autobind",
        description="autobind: connect() picks; bind_zero: bind(ip, 0); bind_no_port: the same "
        "with IP_BIND_ADDRESS_NO_PORT; explicit: bind(ip, port); socket_range: "
        "IP_LOCAL_PORT_RANGE on each socket",
    )
    reuse_address: bool = Field(False, description="SO_REUSEADDR on the client's sockets")
    requests_per_connection: LifetimeField = Field(
        Lifetime("fixed", 1, 1, 1),
        description="1: short-lived; N, A-B (drawn evenly) or geometric N: kept alive so long",
    )
    pool: int = Field(
        10_000, ge=0, le=100_000, description="Idle connections kept; more are closed"
    )
    idle_timeout: DurationField = Field(
        Duration(3_600, "s"), description="An idle connection older than this is closed, not used"
    )
    request_bytes: Annotated[Bytes, Field(ge=1, le=1 << 20)] = 64
    response_bytes: Annotated[Bytes, Field(ge=1, le=1 << 20)] = 64


class LoadSpec(Section):
    """What calls, and when."""

    rate: RateField | None = Field(
        None, description="Open loop (the default, 1.25x): connections are due at one rate"
    )
    ramp: RampField | None = Field(
        None,
        description="Open loop: the rate goes evenly from one to another, over the fill and the "
        "window, or over so long and then stays",
    )
    steps: list[StepField] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Open loop: one rate after the other; the last may go without a time and stays",
    )
    arrivals: Literal["constant", "poisson"] = Field(
        "constant",
        description="Open loop: gaps of 1 / rate; or drawn from an exponential distribution of "
        "that mean, the same in every run",
    )
    closed_loop: int | None = Field(
        None, ge=1, le=10_000, description="So many coroutines, each starting when it ended"
    )
    command: list[Annotated[str, Field(min_length=1)]] | None = Field(
        None,
        min_length=1,
        description="Your own program instead, run in the client's namespace; {url}, {address} and "
        "{port} in its words are the target's",
    )
    workers: int | None = Field(
        None, ge=1, le=64, description="Processes; by default as many as the predicted CPU asks"
    )
    think_time: DurationField = Field(
        Duration(0, "s"), description="Closed loop: from the end of a transaction to the next"
    )
    max_in_flight: int = Field(
        1_024, ge=1, le=100_000, description="Open loop: a slot that finds so many open is missed"
    )
    timeout: DurationField = Duration(5, "s")

    @model_validator(mode="after")
    def _one_pace(self) -> "LoadSpec":
        names = ("rate", "ramp", "steps", "closed_loop")
        *others, last = [name for name in names if getattr(self, name) is not None] or [""]
        if others:
            both = "both " if len(others) == 1 else ""
            raise ValueError(f"gives {both}{', '.join(others)} and {last}: want one of them")
        return self

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The rates of the open loop in their order; none for a closed one and for a command."""
        if self.closed_loop is not None or self.command is not None:
            return ()
        if self.rate is None and self.steps is not None:
            return tuple(self.steps)
        if self.rate is None and self.ramp is not None:
            stays = Stretch(self.ramp.last, self.ramp.last)
            return (self.ramp,) if self.ramp.lasts is None else (self.ramp, stays)
        rate = self.rate or Rate(1.25, "sustainable")
        return (Stretch(rate, rate),)


class MethodSpec(Section):
    """How the limit is measured."""

    fill: DurationField = Field(
        Duration(1, "tw"), description="Load before the window, so that the range is in TIME_WAIT"
    )
    fill_source_port: Literal["auto", "same", "socket_range"] = Field(
        "auto",
        description="Source ports of the fill: same as the window's; socket_range: taken evenly "
        "from both parities; auto: socket_range where the default search would cost too much",
    )
    window: DurationField = Field(
        Duration(2, "tw"), description="What is averaged; a whole number of echo periods"
    )


class ObserveSpec(Section):
    """What is seen from outside."""

    interval: DurationField = Duration(0.1, "s")
    states: bool = Field(
        False, description="Count sockets by state, too, for 1 % of a processor at the most"
    )
