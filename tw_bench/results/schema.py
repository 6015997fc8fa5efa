"""What is kept: the manifest and the summary of a run, as they stand in the folder.

Rates end in `_per_s`, times in `_s` or `_us`, counts are plain plurals. The field-by-field
reference for readers is results/README.md; change both together.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

FORMAT_VERSION = 1  # layout of the files
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


class _Record(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)  # a later format may say more


class Percentiles(_Record):
    """A distribution in microseconds, from an HDR histogram (3 significant digits)."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class OutcomeCount(_Record):
    """How many connections ended so, in the whole run of the point."""

    phase: str
    errno: str  # EADDRNOTAVAIL, ..., or ok, timeout, early_eof, bad_response
    count: int


class Measured(_Record):
    """The window's figures, and the whole run's counts."""

    offered_per_s: float  # slots that came due in the window: attempted, held back or missed
    attempted_per_s: float  # connections really tried in the window
    goodput_per_s: float  # transactions that ended ok, by their start, in the window
    window_s: float  # what was really averaged
    connections_opened: int  # handshakes that completed, whole run
    transactions_ok: int  # whole run
    refusals: int  # EADDRNOTAVAIL and its like, whole run
    refusals_in_window: int
    first_refusal_s: float | None  # after the start
    connections_before_first_refusal: int | None


class TimeWait(_Record):
    """TIME_WAIT sockets of one side."""

    peak: int  # highest sample
    mean: float  # over the window
    made: int  # TcpExt TW: how many were made in the whole run


class Generator(_Record):
    """How well the load was offered."""

    workers: int
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
    version: str
    connections: int  # that it opened to the target, whole run: its kernel's ActiveOpens
    requests_per_connection: float | None  # transactions that went well / connections
    refusals: dict[str, int]  # connections it could not open, by its own log: errno → count
    cpu: float  # processors that it used, over the run
    time_wait: dict[str, int]  # at the end, on the proxy: towards the client, towards the server
    closed_first: dict[str, int]  # on the wire towards the target, a sample: who → connections


class LedgerLine(_Record):
    """One sum that must come out even."""

    name: str
    ours: int
    kernel: int
    counter: str  # which kernel counter, on which side

    @property
    def is_even(self) -> bool:
        """Whether both sides say the same."""
        return self.ours == self.kernel


class PointResult(_Record):
    """One point: what was predicted, what was measured, and what that means."""

    id: str
    part: str
    title: str
    parameters: dict[str, Any]
    ports: str  # the client's range, low-high
    status: Status
    error: str | None = None  # why the point failed
    prediction: dict[str, Any]  # plan/prediction.py
    measured: Measured | None  # None: the window was not reached
    prediction_error: float | None  # (goodput - expected) / expected
    outcomes: list[OutcomeCount]
    time_wait: dict[str, TimeWait]  # side → figures: client, server, or host for both in one
    counters: dict[str, dict[str, int]]  # side → kernel counter → change over the run
    connect_call_us: Percentiles | None  # inside connect(2): the port search and the SYN
    connect_us: Percentiles | None  # connect(2) to established
    latency_us: Percentiles | None  # intended start to end
    service_time_us: Percentiles | None  # real start to end
    generator: Generator | None
    forwarding: Forwarding | None = None  # where a proxy stands between
    ledger: list[LedgerLine]
    verdict: Verdict
    evidence: list[str]


class ProbeResult(_Record):
    """One rate that a search tried."""

    id: str  # of its point
    rate_per_s: float
    outcome: Literal[
        "clean", "refusals", "errors", "missed", "latency", "generator", "not-measured"
    ]
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


class Summary(_Record):
    """summary.json: the quotable numbers of a run."""

    format_version: int = FORMAT_VERSION
    method_version: int = METHOD_VERSION
    name: str
    title: str
    question: str
    status: Status
    points: list[PointResult]
    found: Found | None = None  # where the profile looks for a rate


class Manifest(_Record):
    """manifest.json: what was asked, of whom, where, when and how it ended."""

    format_version: int = FORMAT_VERSION
    method_version: int = METHOD_VERSION
    name: str
    status: Status
    started_at: str  # UTC, ISO 8601
    ended_at: str | None = None
    argv: list[str]
    profile_verbatim: str
    profile_effective: dict[str, Any]
    points: list[dict[str, Any]]  # each point in full, with its prediction
    waves: list[list[str]]  # ids of the points that ran side by side
    host: dict[str, Any]  # plan/host_facts.py
    versions: dict[str, str]  # of the packages that bear on the result
    findings: list[str]  # what the plan warned of
    error: str | None = None
