"""What is kept: the manifest and the summary of a run, as they stand in the folder.

Rates end in `_per_s`, times in `_s` or `_us`, counts are plain plurals. The field-by-field
reference for readers is results/README.md; change both together.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.prediction import Prediction
from tw_bench.results.plain_data import fields_of

FORMAT_VERSION = 2  # layout of the files; 2 is sealed by checksums
METHOD_VERSION = 1  # definitions and method: runs of different methods are not compared

Status = Literal["running", "complete", "interrupted", "failed"]
Verdict = Literal[
    "port-bound",  # the range was full and connections were refused
    "offered-load-bound",  # everything offered went through
    "generator-bound",  # the load could not be offered on time
    "target-bound",  # the target's queue or its silence was the limit
    "unlimited",  # closed loop, and nothing refused it
    "not-measured",  # the window was not reached
]
_ALWAYS = ("hold_s", "fill_s", "window_s", "saturated_per_s")  # in a run of any age
PlainPrediction = Annotated[dict[str, Any], fields_of(Prediction, _ALWAYS)]
PlainHost = Annotated[dict[str, Any], fields_of(HostFacts)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)  # a later format may say more


class Percentiles(_Record):
    """A distribution in microseconds, from an HDR histogram (3 significant digits)."""

    count: int  # how many durations
    mean: float  # arithmetic
    p50: float  # median
    p90: float  # 90th percentile
    p99: float  # 99th
    p999: float  # 99.9th
    max: float  # the longest


class OutcomeCount(_Record):
    """How many connections ended so, in the whole run of the point."""

    phase: str  # socket, bind, connect, send, receive, close, or status (of HTTP)
    errno: str  # EADDRNOTAVAIL, ..., or ok, timeout, early_eof, bad_response
    count: int  # connections


class Measured(_Record):
    """The window's figures, and the whole run's counts."""

    offered_per_s: float  # slots that came due in the window: attempted, held back or missed
    attempted_per_s: float  # connections really tried in the window
    goodput_per_s: float  # transactions that ended ok, by their start, in the window
    window_s: float  # what was really averaged
    connections_opened: int  # handshakes that completed, whole run
    transactions_ok: int  # whole run
    refusals: int  # EADDRNOTAVAIL and its like, whole run
    refusals_in_window: int  # of these
    first_refusal_s: float | None  # after the start
    connections_before_first_refusal: int | None  # handshakes started by then


class TimeWait(_Record):
    """TIME_WAIT sockets of one side."""

    peak: int  # highest sample
    mean: float  # over the window
    made: int  # TcpExt TW: how many were made in the whole run


class Generator(_Record):
    """How well the load was offered."""

    workers: int  # processes
    cpu: float  # processors the workers used together, over the run
    busiest_worker_cpu: float  # of one processor, in its busiest second
    ceiling_per_s: float | None = None  # that they can offer; None: never calibrated here
    ceiling_share: float | None = None  # attempted in the window / ceiling
    schedule_lag_us: Percentiles | None  # real start minus intended start
    missed: int  # slots that found max_in_flight connections open
    held_back: int  # slots not tried because a refusal had just been met
    memory_peak_bytes: int  # of the largest worker
    memory_growth_bytes: int  # of the largest worker, from its tenth second to its end


class Forwarding(_Record):
    """What a proxy between client and target did."""

    kind: str  # nginx, haproxy, caddy
    version: str  # as the proxy says it
    connections: int  # that it opened to the target, whole run: its kernel's ActiveOpens
    requests_per_connection: float | None  # transactions that went well / connections
    refusals: dict[str, int]  # connections it could not open, by its own log: errno → count
    cpu: float  # processors that it used, over the run
    time_wait: dict[str, int]  # at the end, on the proxy: towards the client, towards the server
    closed_first: dict[str, int]  # on the wire towards the target, a sample: who → connections


class LedgerLine(_Record):
    """One sum that must come out even."""

    name: str  # what is counted
    ours: int  # by the load
    kernel: int  # by the kernel
    counter: str  # which kernel counter, on which side

    @property
    def is_even(self) -> bool:
        """Whether both sides say the same."""
        return self.ours == self.kernel


class PointResult(_Record):
    """One point: what was predicted, what was measured, and what that means."""

    id: str  # part/parameter=value, unique in a run
    part: str  # of the profile; empty: it has none
    title: str  # of that part
    parameters: dict[str, Any]  # dotted path → value, as swept
    repetition: int | None = None  # from 1; None where nothing is repeated
    ports: str  # the client's range, low-high
    status: Status  # how it ended
    error: str | None = None  # why the point failed
    prediction: PlainPrediction  # what should happen: plan/prediction.py
    measured: Measured | None  # None: the window was not reached
    prediction_error: float | None  # (goodput - expected) / expected
    outcomes: list[OutcomeCount]  # whole run, the most frequent first
    time_wait: dict[str, TimeWait]  # side → figures: client, server, or host for both in one
    counters: dict[str, dict[str, int]]  # side → kernel counter → change over the run
    connect_call_us: Percentiles | None  # inside connect(2): the port search and the SYN
    connect_us: Percentiles | None  # connect(2) to established
    latency_us: Percentiles | None  # intended start to end
    service_time_us: Percentiles | None  # real start to end
    generator: Generator | None  # None: the load was a command, or never began
    forwarding: Forwarding | None = None  # where a proxy stands between
    ledger: list[LedgerLine]  # what the load counted beside what the kernel counted
    verdict: Verdict  # what limited the point
    evidence: list[str]  # what speaks for it, a sentence each

    @property
    def group(self) -> str:
        """The id without the repetition: what repetitions of one point share."""
        return self.id if self.repetition is None else self.id.removesuffix(f"#{self.repetition}")


class ProbeResult(_Record):
    """One rate that a search tried."""

    id: str  # of its point
    rate_per_s: float  # offered
    outcome: Literal[
        "clean", "refusals", "errors", "missed", "latency", "generator", "not-measured"
    ]  # what it met first
    reason: str  # why it is not clean; nothing where it is


class Found(_Record):
    """What a search found: the highest clean rate, and how well it is known."""

    rate_per_s: float | None  # the highest clean one; None: none was
    interval_per_s: tuple[float | None, float | None]  # highest clean, lowest that is not
    reason: str  # why the upper end is not clean
    outcome: str  # of the upper end: refusals, ..., or clean where nothing was not
    ended: str  # settled, most, least, probes or stopped (plan/search.py)
    predicted_per_s: float | None  # the sustainable limit; None: unlimited
    probe_s: float  # fill and window of a probe: clean means clean for so long
    precision: float  # asked for: lowest that is not clean / highest clean - 1
    refusals_allowed: float  # share of the slots in the window
    latency_allowed_us: dict[str, float]  # p50, p99 → bound
    probes: list[ProbeResult]  # as they were run


class ThresholdResult(_Record):
    """What became of a threshold on one point."""

    point: str  # id; empty: of a whole search
    text: str  # METRIC OP VALUE
    metric: str  # its name in full
    unit: str  # of value and bound: "" (counts), /s, us, s, bytes, processors, share (of one)
    value: float | None  # None: not measured, or never came (`reason`)
    bound: float  # VALUE, in that unit
    passed: bool  # whether it holds; not where nothing was measured
    reason: str  # where there is no value, why


class Summary(_Record):
    """summary.json: the quotable numbers of a run."""

    format_version: int = FORMAT_VERSION  # layout of the files
    method_version: int = METHOD_VERSION  # definitions and method
    name: str  # the profile's file name
    title: str  # the profile's
    question: str  # the profile's
    status: Status  # how the run ended
    points: list[PointResult]  # in the profile's order
    found: Found | None = None  # where the profile looks for a rate
    thresholds: list[ThresholdResult] = []  # each on each point


class Manifest(_Record):
    """manifest.json: what was asked, of whom, where, when and how it ended."""

    format_version: int = FORMAT_VERSION  # layout of the files
    method_version: int = METHOD_VERSION  # definitions and method
    name: str  # the profile's file name
    status: Status  # running until the folder is sealed
    started_at: str  # UTC, ISO 8601
    ended_at: str | None = None  # UTC; None: it goes on, or was killed
    resumed_at: list[str] = []  # UTC; where an interrupted run was taken up again
    argv: list[str]  # the command
    settings: list[str] = []  # the --set texts
    thresholds: list[str] = []  # the --threshold texts
    profile_verbatim: str  # the file's text
    profile_effective: dict[str, Any]  # with defaults filled in and --set applied
    points: list[dict[str, Any]]  # each point in full, with its prediction
    waves: list[list[str]]  # ids of the points that ran side by side
    shuffle_seed: int | None = None  # of the order of repetitions; None: nothing is repeated
    host: PlainHost  # the machine: plan/host_facts.py
    versions: dict[str, str]  # of the packages that bear on the result
    findings: list[str]  # what the plan warned of
    error: str | None = None  # the first one of the run
    files: dict[str, str] = {}  # name → SHA-256 when the run was sealed
