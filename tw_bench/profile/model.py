"""What is asked: frozen models of a profile and of the points it unfolds into.

The sections and their defaults are in sections.py. What one field alone cannot know is in
contradictions.py; reading, merging and line numbers are the reader's business.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from tw_bench.profile.find_section import FindSpec
from tw_bench.profile.sections import (
    HOST_TARGET_PORT,
    LAB_TARGET_PORT,
    ClientSpec,
    ConnectionSpec,
    LabSpec,
    LoadSpec,
    MethodSpec,
    ObserveSpec,
    ProxySpec,
    Section,
    TargetSpec,
)
from tw_bench.profile.thresholds import Thresholds


class _Sections(Section):
    lab: LabSpec = LabSpec()
    target: TargetSpec = TargetSpec()
    proxy: ProxySpec = ProxySpec()
    client: ClientSpec = ClientSpec()
    connection: ConnectionSpec = ConnectionSpec()
    load: LoadSpec = LoadSpec()
    method: MethodSpec = MethodSpec()
    observe: ObserveSpec = ObserveSpec()


Sweep = dict[str, list[Any]]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)]


def _one_line(text: str) -> str:
    return " ".join(text.split())


Line = Annotated[str, AfterValidator(_one_line)]  # a title goes into tables and file headers


class Part(_Sections):
    """A part of a profile: what it says here goes over what the profile says for all."""

    name: Name  # begins the ids of its points
    title: Line = ""  # what stands above it in tables
    sweep: Sweep = Field({})  # dotted path → values; several paths are crossed
    thresholds: Thresholds = Field([], description="As those of the profile, of this part's points")


class Profile(_Sections):
    """One YAML file, one experiment."""

    title: Line = Field(min_length=1)  # what stands above all
    question: Line = ""  # what the run is to answer
    claim: Line = Field("", description="What the textbooks say, and the thresholds hold it to")
    source: Line = Field("", description="Where they say it")
    sweep: Sweep = Field({}, description="Dotted path → values; several paths are crossed")
    parts: list[Part] = Field([])  # points of different kinds, side by side
    repeat: int = Field(
        1, ge=1, le=100, description="How often each point is run, in shuffled order"
    )
    thresholds: Thresholds = Field(
        [], description="What the figures must keep; else the exit code is 99"
    )
    abort_on: Thresholds = Field(
        [], description="What ends the run early, as soon as it holds; the exit code is 99"
    )
    find: FindSpec | None = Field(
        None, description="Look for a rate by probes, instead of running the profile's one point"
    )


class Point(_Sections):
    """One point of an experiment: everything settled."""

    id: str  # part/parameter=value, unique in a run
    part: str = ""  # its name
    title: str = ""  # of the part
    parameters: dict[str, Any] = Field({})  # dotted path → value, as swept
    repetition: int | None = None  # from 1; None where nothing is repeated

    @property
    def group(self) -> str:
        """The id without the repetition: what repetitions of one point share."""
        return self.id if self.repetition is None else self.id.removesuffix(f"#{self.repetition}")

    @property
    def target_port(self) -> int:
        """Where the target listens."""
        default = HOST_TARGET_PORT if self.lab.topology == "host" else LAB_TARGET_PORT
        return self.target.port or default

    @property
    def target_ports(self) -> range:
        """All ports that the target listens on."""
        return range(self.target_port, self.target_port + self.target.ports)

    @property
    def has_proxy(self) -> bool:
        """Whether a proxy stands between client and target."""
        return self.proxy.kind != "none"

    @property
    def subject(self) -> str:
        """The side whose ports are asked about: the one that calls the target."""
        return "proxy" if self.has_proxy else "client"

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides whose TIME_WAIT is seen: one where both ends share a namespace."""
        if self.lab.topology != "pair":
            return ("host",)
        return ("client", "proxy", "server") if self.has_proxy else ("client", "server")

    @property
    def is_on_loopback(self) -> bool:
        """Whether connections go to 127.0.0.0/8 or ::1, where tcp_tw_reuse=2 applies."""
        return self.lab.topology in ("loopback", "host")

    def sysctls(self, side: str) -> dict[str, int | str]:
        """Return the sysctls that the profile sets on one side."""
        own = {
            "client": self.lab.client_sysctls,
            "proxy": self.lab.proxy_sysctls,
            "server": self.lab.server_sysctls,
        }
        return {**self.lab.sysctls, **own.get(side, {})}
