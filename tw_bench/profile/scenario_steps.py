"""The steps of a scenario, one verb each: a new one is a class here and in scenario/verbs.py."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tw_bench.profile.expectations import SIDES, ExpectationField
from tw_bench.profile.quantities import Bytes, Duration, DurationField, Ports
from tw_bench.profile.sections import LAB_TARGET_PORT, Section

Side = Annotated[Literal["client", "nat", "server"], Field(description="Of the lab")]
Kind = Annotated[
    Literal["SYN", "SYN_ACK", "ACK", "DATA", "FIN", "RST"], Field(description="Of a segment")
]


def _no_side(name: str) -> str:
    if name in SIDES:
        raise ValueError("is a side: want a name of its own, such as c or door")
    return name


Name = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=20, description="Of sockets, or held segments"),
    AfterValidator(_no_side),
]
Errno = Annotated[
    str,
    Field(pattern=r"^(timeout|early_eof|E[A-Z0-9]+)$", description="What the call is to end with"),
]
Port = Annotated[int, Field(ge=1, le=65_535, description="Of TCP or UDP")]
_SHORT = Duration(5, "s")


class _Local(Section):
    """What is bound to."""

    name: Name
    on: Side = "server"
    address: Literal["any", "own", "other"] = "own"  # other: its second one
    port: Port = LAB_TARGET_PORT
    reuse_address: bool = True  # SO_REUSEADDR
    reuse_port: bool = False  # SO_REUSEPORT
    fails: Errno | None = None  # What the call is to end with


class Bind(_Local):
    """bind()."""

    udp: bool = False  # A datagram socket


class Listen(_Local):
    """bind() and listen(); of a name that is bound, listen()."""

    backlog: int = Field(128, ge=0, le=100_000)  # Of listen(2)
    retry: DurationField = Field(Duration(0, "s"), description="Try again until it works")


class Connect(Section):
    """socket() and connect()."""

    name: Name
    on: Side = "client"
    to: Side = "server"
    port: Port = LAB_TARGET_PORT
    address: int = Field(1, ge=1, le=200, description="Which of the addresses it is called at")
    source: int | None = Field(None, ge=1, le=200, description="Which own address it binds to")
    from_port: Port | None = None  # What it binds to first
    own_range: Ports | None = Field(None, description="IP_LOCAL_PORT_RANGE of each socket")
    reuse_address: bool = False  # SO_REUSEADDR
    udp: bool = False  # A datagram socket
    count: int = Field(1, ge=1, le=60_000)  # How many
    at_once: int | None = Field(None, ge=1, description="No more of them at a time; all without it")
    wait: bool = Field(True, description="Until it is established, or has failed")
    within: DurationField = _SHORT
    fails: Errno | None = None  # What the call is to end with


class Accept(Section):
    """accept()."""

    name: Name
    door: Name  # what listens
    count: int = Field(1, ge=1, le=60_000)  # How many
    within: DurationField = _SHORT
    fails: Errno | None = None  # What the call is to end with


class Fill(Section):
    """Connections are opened, and closed by their opener first: each leaves it a TIME_WAIT."""

    door: Name  # what listens
    on: Side = "client"
    port: Port = LAB_TARGET_PORT
    count: int = Field(ge=1, le=64_000)  # How many
    own_range: Ports | None = Field(None, description="IP_LOCAL_PORT_RANGE of each socket")
    within: DurationField = Duration(60, "s")


class Transfer(Section):
    """send() or recv()."""

    name: Name
    bytes: Annotated[Bytes, Field(ge=1, le=1 << 20)] | None = None  # received: to the end
    within: DurationField = _SHORT
    fails: Errno | None = None  # What the call is to end with


class Close(Section):
    """close()."""

    name: Name
    rst: bool = Field(False, description="SO_LINGER {1, 0} first, so that it sends an RST")


class Limit(Section):
    """setrlimit(): descriptors of the side's process."""

    on: Side = "server"
    open_files: int = Field(ge=16, le=1_000_000)  # RLIMIT_NOFILE


class Lose(Section):
    """The wire loses segments that a side sends."""

    by: Side
    kinds: list[Kind] = Field([], description="All without it")
    count: int | None = Field(None, ge=1, description="So many; all without it")


class Hold(Lose):
    """The wire keeps segments back, until they are released."""

    name: Name


class Replay(Section):
    """The wire delivers the last such segment once more."""

    by: Side
    kind: Kind


class Inject(Section):
    """The wire delivers a segment that the owner of a socket could have sent."""

    by: Name  # the socket
    kind: Kind
    seq: int = Field(0, description="Offset from where its last segment ended")
    from_port: Port | None = Field(None, description="As if another socket sent it")
    ack: int = Field(0, description="Offset from where the other's last segment ended")
    timestamp: int = Field(0, description="Offset from its last timestamp (RFC 7323), in ms")


class SetSysctl(Section):
    """A sysctl of a side, in mid-scenario."""

    on: Side
    name: Annotated[str, Field(pattern=r"^net\.[a-z0-9_.]+$")]  # With dots
    value: int | str  # As it is written to it


def _named(settings: type[Section]) -> BeforeValidator:
    """Let a name stand for settings that say no more."""

    def read(value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    return BeforeValidator(read, json_schema_input_type=settings | Name | None)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Step(Section):
    """One verb, and what is to be said of it."""

    says: str = ""  # What a reader is told of it
    meanwhile: bool = Field(False, description="The next step begins at once; both are then ended")
    bind: Bind | None = None
    listen: Annotated[Listen | None, _named(Listen)] = None
    connect: Connect | None = None
    accept: Accept | None = None
    fill: Fill | None = None
    send: Annotated[Transfer | None, _named(Transfer)] = None
    receive: Annotated[Transfer | None, _named(Transfer)] = None
    shutdown: Name | None = None  # Each connection's sending half is closed
    close: Annotated[Close | None, _named(Close)] = None
    kill: Side | None = Field(None, description="SIGKILL for the side's process; a new one follows")
    limit: Limit | None = None
    drop: Lose | Literal["nothing"] | None = None
    hold: Hold | None = None
    release: Name | None = None  # What hold kept back
    replay: Replay | None = None
    inject: Inject | None = None
    destroy: Name | None = Field(None, description="SOCK_DESTROY: the kernel drops the socket")
    sysctl: SetSysctl | None = None
    wait: DurationField | None = None  # For so long nothing is done
    expect: Annotated[
        Annotated[list[ExpectationField], Field(min_length=1)] | None,
        BeforeValidator(
            _listed, json_schema_input_type=list[ExpectationField] | ExpectationField | None
        ),
    ] = None  # Such as c == TIME_WAIT; each in turn, until it holds
    within: DurationField = Field(Duration(2, "s"), description="expect: until it holds")

    @model_validator(mode="after")
    def _one_verb(self) -> "Step":
        verbs = [name for name in VERBS if getattr(self, name) is not None]
        if len(verbs) != 1:
            said = f"says {' and '.join(verbs)}" if verbs else "says nothing to be done"
            raise ValueError(f"{said}: want one of {', '.join(VERBS)}")
        return self

    @property
    def verb(self) -> str:
        """What is to be done."""
        return next(name for name in VERBS if getattr(self, name) is not None)

    @property
    def asked(self) -> Any:
        """The verb's own settings."""
        return getattr(self, self.verb)


VERBS = tuple(name for name in Step.model_fields if name not in ("says", "meanwhile", "within"))
