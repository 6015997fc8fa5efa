"""What is kept of a scenario: what was expected, what was observed, and every segment of it."""

from pydantic import BaseModel, ConfigDict

from tw_bench.results.schema import FORMAT_VERSION, METHOD_VERSION

PLAYED = "scenario.json"
SEGMENTS = "segments.csv"
CHANGES = "states.csv"
CAPTURE = "wire.pcap"

SEGMENT_COLUMNS = (
    "number,left_s,arrived_s,sender,receiver,fate,source,source_port,destination,destination_port,"
    "flags,kind,seq,ack,length,timestamp,echo,sender_state,receiver_state"
).split(",")
CHANGE_COLUMNS = ("time_s", "side", "address", "port", "peer", "peer_port", "state")


class _Record(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Check(_Record):
    """One expectation, and what was seen instead or just so."""

    step: int  # its number, from 1
    place: str  # file:line
    says: str
    expected: str
    observed: str
    passed: bool
    at_s: float  # since the scenario began


class TakenStep(_Record):
    """A step as it was taken: what the picture says beside a lifeline."""

    number: int  # from 1
    verb: str
    side: str  # where; may be nowhere
    name: str  # of its sockets
    text: str  # the call, or what the wire was told
    says: str
    errno: str  # how it ended; ok
    at_s: float  # since the scenario began
    ended_s: float


class Played(_Record):
    """scenario.json: a claim, and what this kernel made of it."""

    format_version: int = FORMAT_VERSION
    method_version: int = METHOD_VERSION
    name: str
    title: str
    claim: str
    source: str
    verdict: str  # as claimed, otherwise, not played, or needs root
    error: str | None = None  # why it was not played to its end
    checks: list[Check]
    steps: list[TakenStep] = []
    started_at: str
    duration_s: float
    kernel: str
    profile_verbatim: str
    names: dict[str, list[list[str | int]]]  # name → four-tuples of its sockets
    left_out: dict[str, int] = {}  # segments, changes → how many were beyond the most that are kept
    files: dict[str, str] = {}  # name → SHA-256

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return self.verdict == "as claimed"
