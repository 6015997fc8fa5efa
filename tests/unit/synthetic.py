"""Run folders as the writer would leave them, made from the physics instead of a kernel.

A point is simulated in steps of 0.1 s: ports are taken at the offered rate, held until the
timer wheel lets them go, and refused when none is left. The seed fixes the noise.
"""

import csv
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tw_bench.kernel.tcp import timer_granularity_s
from tw_bench.observe.counters import COLUMNS
from tw_bench.plan import capacity
from tw_bench.report.figures.run_data import Predicted
from tw_bench.results.schema import (
    Forwarding,
    Manifest,
    Measured,
    OutcomeCount,
    PointResult,
    Status,
    Summary,
    TimeWait,
    Verdict,
)
from tw_bench.results.tally import INTERVAL_COLUMNS

HZ = 250
STEP_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A point to be simulated."""

    id: str
    ports: int
    rate_per_s: float | None = None  # None: 1.25 times the sustainable limit
    fill_s: float | None = None  # None: one echo period
    window_s: float | None = None  # None: two
    time_lapse: bool = False
    closer: str = "client"  # or server, both; nowhere: an RST; taken: the next takes it over
    part: str = ""
    pairs: int = 1  # of addresses
    requests: int = 1  # on each connection
    host: bool = False  # both ends in one, side "host"
    stop_s: float | None = None  # rows end here: interrupted
    status: Status = "complete"
    verdict: Verdict | None = None  # None: as the refusals say
    source_port: str = "autobind"
    fills_evenly: bool = False  # the fill's sockets have a range of their own: no search
    slowdown: float = 1.0  # of the generator: below 1 it cannot offer what it should
    proxy: str = ""  # its kind, where one stands between: the ports are its, and it holds TIME_WAIT
    to_clients: bool = False  # its TIME_WAIT is towards the client, where it costs no port
    title: str = ""

    @property
    def is_held(self) -> bool:
        """Whether a closed connection keeps the client's port."""
        return self.closer in ("client", "both")

    @property
    def capacity(self) -> int:
        """Transactions until the range is full."""
        return self.ports * self.pairs * self.requests


@dataclass
class Simulated:
    """Rows of the two CSV files, and the sums that the summary quotes."""

    intervals: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    window_ok: int = 0
    window_offered: int = 0


def curve() -> list[Asked]:
    """Eight ranges, each in real minutes."""
    ranges = (250, 500, 1000, 2000, 4000, 8000, 16000, 28232)
    return [Asked(id=f"ports={ports}", ports=ports) for ports in ranges]


def quickstart() -> list[Asked]:
    """profiles/quickstart.yaml: a range running dry, and six in time-lapse."""
    dry = Asked(id="running-dry", ports=500, rate_per_s=40, fill_s=0, window_s=20)
    return [
        dry,
        *(
            Asked(id=f"time-lapse/ports={ports}", ports=ports, time_lapse=True, window_s=10)
            for ports in (50, 100, 200, 500, 1000, 2000)
        ),
    ]


def one_point() -> list[Asked]:
    """The default range alone."""
    return [Asked(id="default-range", ports=28232)]


def interrupted() -> list[Asked]:
    """The curve, stopped by hand after 95 s; one point had failed, one had not started."""
    points = [
        Asked(id=f"ports={ports}", ports=ports, stop_s=95.3, status="interrupted")
        for ports in (1000, 2000, 4000, 8000)
    ]
    early = [Asked(id=f"ports={ports}", ports=ports) for ports in (250, 500)]
    failed = Asked(id="ports=16000", ports=16000, stop_s=12, status="failed")
    return [*early, *points, failed, Asked(id="ports=28232", ports=28232, stop_s=0)]


def remedies() -> list[Asked]:
    """Every fate of TIME_WAIT, bounded and not, beside a baseline."""

    def part(name: str, **fields: Any) -> Asked:
        asked = {"ports": 500, "rate_per_s": 200, "fill_s": 5, "window_s": 61.44} | fields
        return Asked(id=name, part=name, **asked)

    return [
        part("baseline"),
        *(part(f"does-nothing-{n}") for n in range(6)),
        part("both-close", closer="both"),
        part("reserved", ports=250),
        part("two-servers", pairs=2, rate_per_s=400),
        part("keep-alive-10", requests=10, rate_per_s=2000),
        part("tw-reuse", time_lapse=True, rate_per_s=625, window_s=60),
        part("loopback", time_lapse=True, host=True),
        part("explicit-port", closer="taken", source_port="explicit_sequential"),
        part("server-closes", closer="server"),
        part("rst", closer="nowhere"),
        part("late", closer="nowhere", slowdown=0.5, verdict="generator-bound"),
        part("dead", status="failed", stop_s=10),
    ]


def upstreams(kind: str = "nginx") -> list[Asked]:
    """Every way of a proxy to end what it opens to its target."""

    def part(name: str, **fields: Any) -> Asked:
        asked = {"ports": 300, "rate_per_s": 120, "fill_s": 5, "window_s": 61.44} | fields
        return Asked(id=name, part=name, proxy=kind, **asked)

    return [
        part("http-11-close", closer="server", title="proxy_http_version 1.1, Connection: close"),
        part("http-11-no-pool", title="no Connection header, no keepalive pool"),
        part("no-pool-600-ports", ports=600),
        part("http-11-pool", requests=300, title="keepalive 32"),
        part("reset", closer="nowhere"),
        part("dead", status="failed", stop_s=10),
    ]


def write_run(folder: Path, points: Sequence[Asked], status: Status = "complete") -> Path:
    """Write a run folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    results, intervals, samples = [], [], []
    for asked in points:
        prediction = _prediction(asked)
        simulated = _simulate(asked, prediction)
        intervals += simulated.intervals
        samples += simulated.samples
        results.append(_result(asked, prediction, simulated))
    _write_csv(folder / "intervals.csv", INTERVAL_COLUMNS, intervals)
    _write_csv(folder / "samples.csv", ["point", "side", "time_s", *COLUMNS], samples)
    summary = Summary(name="synthetic", title="Made up", question="", status=status, points=results)
    (folder / "summary.json").write_text(summary.model_dump_json())
    (folder / "manifest.json").write_text(_manifest(points, status).model_dump_json())
    return folder


def _prediction(asked: Asked) -> Predicted:
    plain = capacity.reuse_hold(1, 1000) if asked.time_lapse else capacity.time_wait_hold(HZ)
    hold = plain if asked.is_held else capacity.no_hold("nothing is held")
    limits = capacity.limits(asked.capacity, hold)
    scale = limits or capacity.limits(asked.capacity, plain)
    assert scale is not None
    echo_s = plain.echo_period_s
    fill_s = (2 if asked.time_lapse else 1) * echo_s if asked.fill_s is None else asked.fill_s
    window_s = 2 * echo_s if asked.window_s is None else asked.window_s
    rate = asked.rate_per_s or 1.25 * scale.sustainable_per_s
    return Predicted(
        usable_ports=asked.ports,
        four_tuples=asked.ports * asked.pairs,
        requests_per_connection=asked.requests,
        hold_s=hold.echo_period_s,
        hold_reason=hold.reason,
        time_lapse=hold.is_time_lapse,
        textbook_per_s=limits.textbook_per_s if limits else None,
        sustainable_per_s=limits.sustainable_per_s if limits else None,
        saturated_per_s=limits.saturated_per_s if limits else None,
        offered_per_s=rate,
        fill_s=fill_s,
        window_s=window_s,
    )


def _simulate(asked: Asked, prediction: Predicted) -> Simulated:
    """Take ports at the offered rate, hold them, refuse what is left over."""
    chance = random.Random(asked.id)
    made, due = Simulated(), Counter[int]()
    rate = (prediction.offered_per_s or 0) * asked.slowdown
    end_s = prediction.duration_s if asked.stop_s is None else asked.stop_s
    free, in_time_wait, owed = asked.capacity, 0, 0.0
    taken = refused = total = 0.0
    for step in range(round(end_s / STEP_S)):
        now_s = step * STEP_S
        back = due.pop(step, 0)
        free += back
        in_time_wait -= 0 if asked.time_lapse else back
        owed += rate * STEP_S
        tried, owed = int(owed), owed % 1
        got = min(tried, free) if asked.is_held else tried
        if asked.is_held:
            free -= got
            in_time_wait = min(in_time_wait + got, asked.capacity)
            due[math.ceil(_back_s(asked, now_s) / STEP_S - 1e-6)] += got
        taken, refused, total = taken + got, refused + tried - got, total + got
        if now_s >= prediction.fill_s - STEP_S / 2:
            made.window_ok += got
            made.window_offered += tried
        held = in_time_wait // asked.requests
        made.samples += _samples(asked, now_s + chance.uniform(0, 0.002), held, int(total))
        if (step + 1) % round(1 / STEP_S) == 0 or step + 1 == round(end_s / STEP_S):
            is_full = asked.time_lapse and total > asked.capacity
            occupancy = 1.0 if is_full else 1 - free / asked.capacity
            searches = occupancy > 0.5 and not (asked.fills_evenly and now_s < prediction.fill_s)
            made.intervals += _interval_rows(
                chance, asked, int(now_s), int(taken), int(refused), searches
            )
            taken = refused = 0.0
    return made


def _back_s(asked: Asked, now_s: float) -> float:
    """Return when a port taken now is free again."""
    if asked.time_lapse:
        return now_s + 1.0
    granularity_s = timer_granularity_s(HZ)
    return math.ceil((now_s + 60) / granularity_s) * granularity_s


def _samples(asked: Asked, time_s: float, in_time_wait: int, opened: int) -> list[dict[str, Any]]:
    zeros = dict.fromkeys(COLUMNS, 0)
    on_server = opened if asked.closer == "server" else 0
    on_server = in_time_wait if asked.closer == "both" else on_server
    on_client = min(opened, asked.ports) if asked.closer == "taken" else in_time_wait
    values = {"client": on_client, "server": on_server}
    if asked.proxy:
        to_clients = opened if asked.to_clients else 0
        values = {"client": 0, "proxy": on_client + to_clients, "server": on_server}
    if asked.host:
        values = {"host": in_time_wait + on_server}
    return [
        zeros | {"point": asked.id, "side": side, "time_s": f"{time_s:.3f}", "time_wait": value}
        for side, value in values.items()
    ]


def _interval_rows(
    chance: random.Random, asked: Asked, second: int, ok: int, over: int, searches: bool
) -> list[dict[str, Any]]:
    """Return a row for each of two workers; a refused worker spends 5 % of its time asking."""
    scan_us = 0.075 * asked.ports
    rows: list[dict[str, Any]] = []
    for worker in (0, 1):
        own_ok, own_over = (ok + worker) // 2, (over + worker) // 2
        refusals = min(own_over, int(0.05e6 / (2 * scan_us + 20)))
        refusals = own_over if asked.proxy else refusals  # a 502 makes nobody back off
        call_us = 20 + scan_us * searches
        tried = own_ok + refusals
        mean_us = (own_ok * call_us + refusals * (20 + 2 * scan_us)) / max(tried, 1)
        mean_us *= chance.lognormvariate(0, 0.06)
        values: list[Any] = [
            asked.id,
            worker,
            second,
            own_ok + own_over,
            tried,
            own_ok,
            refusals,
            0,
        ]
        values += [own_over - refusals, 0]
        if tried:
            calls = [mean_us, 0.97 * mean_us, mean_us * chance.uniform(1.6, 2.6), 4 * mean_us]
            values += [*(round(us, 1) for us in calls), mean_us + 30, 400.0, 900.0, 80.0]
        else:
            values += [""] * 8
        rows.append(dict(zip(INTERVAL_COLUMNS, [*values, 0.1, 30_000_000], strict=True)))
    return rows


def _result(asked: Asked, prediction: Predicted, made: Simulated) -> PointResult:
    measured = None
    if asked.stop_s is None:
        measured = _measured(prediction, made)
    refused = measured is not None and measured.refusals_in_window > 0
    verdict = asked.verdict or ("port-bound" if refused else "offered-load-bound")
    limit, offered = prediction.saturated_per_s, prediction.offered_per_s or 0
    expected = offered if limit is None else min(limit, offered)
    more = {
        "fill_source_port": "socket_range" if asked.fills_evenly else "autobind",
        "expected_per_s": expected,
        "binding": "ports" if expected < offered else "offered",
    }
    opened = measured.connections_opened if measured else 0
    return PointResult(
        id=asked.id,
        part=asked.part,
        title=asked.title,
        parameters={"lab.ports": asked.ports},
        ports=f"32768-{32767 + asked.ports}",
        status="interrupted" if asked.stop_s == 0 else asked.status,
        error="the client's worker 1 was killed" if asked.status == "failed" else None,
        prediction=asdict(prediction) | more,
        measured=measured,
        prediction_error=measured.goodput_per_s / expected - 1 if measured else None,
        outcomes=_outcomes(asked, measured),
        time_wait=_time_wait(asked, opened),
        counters=_counters(asked, opened),
        connect_call_us=None,
        connect_us=None,
        latency_us=None,
        service_time_us=None,
        generator=None,
        forwarding=_forwarding(asked, measured),
        ledger=[],
        verdict=verdict if measured else "not-measured",
        evidence=[],
    )


def _outcomes(asked: Asked, measured: Measured | None) -> list[OutcomeCount]:
    if not asked.proxy or measured is None or not measured.refusals:
        return []
    name = "503" if asked.proxy == "haproxy" else "502"
    return [OutcomeCount(phase="status", errno=name, count=measured.refusals)]


def _forwarding(asked: Asked, measured: Measured | None) -> Forwarding | None:
    """Return what the proxy would say; nothing of a point that was cut short."""
    if not asked.proxy or measured is None:
        return None
    opened = measured.connections_opened
    ends = {"server": "target", "client": "proxy", "nowhere": "proxy_rst"}
    closed = dict.fromkeys(("proxy", "target", "proxy_rst", "target_rst"), 0)
    closed[ends[asked.closer]] = 1 if asked.requests > 1 else opened
    held = min(opened, asked.ports) if asked.is_held and asked.requests == 1 else 0
    return Forwarding(
        kind=asked.proxy,
        version=f"{asked.proxy}/1.2.3",
        connections=opened,
        requests_per_connection=measured.transactions_ok / max(1, opened),
        refusals={"EADDRNOTAVAIL": measured.refusals} if measured.refusals else {},
        cpu=0.01,
        time_wait={"client": opened if asked.to_clients else 0, "server": held},
        closed_first=closed,
    )


def _time_wait(asked: Asked, opened: int) -> dict[str, TimeWait]:
    made = {
        "client": opened if asked.closer in ("client", "both", "taken") else 0,
        "server": opened if asked.closer in ("server", "both") else 0,
    }
    if asked.proxy:
        made = {"client": 0, "proxy": made["client"], "server": made["server"]}
    if asked.host:
        made = {"host": sum(made.values())}
    # What connect() finds no port for waits for one to come back: no more are held than there are.
    most = {"server": opened} | dict.fromkeys(
        ("client", "proxy", "host"), asked.ports * asked.pairs
    )
    held = {side: min(count, most[side]) for side, count in made.items()}
    return {
        side: TimeWait(peak=held[side], mean=held[side], made=count) for side, count in made.items()
    }


def _counters(asked: Asked, opened: int) -> dict[str, dict[str, int]]:
    recycled = max(0, opened - asked.ports) if asked.time_lapse or asked.closer == "taken" else 0
    return {"host" if asked.host else "client": {"TcpExt.TWRecycled": recycled}}


def _measured(prediction: Predicted, made: Simulated) -> Measured:
    window = [row for row in made.intervals if row["second"] >= prediction.fill_s]
    seconds = prediction.window_s
    ok = sum(row["ok"] for row in made.intervals)
    first = next((row for row in made.intervals if row["refusals"]), None)
    before = [row["ok"] for row in made.intervals if first and row["second"] <= first["second"]]
    return Measured(
        offered_per_s=made.window_offered / seconds,
        attempted_per_s=sum(row["attempted"] for row in window) / seconds,
        goodput_per_s=made.window_ok / seconds,
        window_s=prediction.window_s,
        connections_opened=round(ok / prediction.requests_per_connection),
        transactions_ok=ok,
        refusals=sum(row["refusals"] for row in made.intervals),
        refusals_in_window=sum(row["refusals"] for row in window),
        first_refusal_s=_first_refusal_s(prediction) if first else None,
        connections_before_first_refusal=sum(before) if first else None,
    )


def _first_refusal_s(prediction: Predicted) -> float:
    assert prediction.offered_per_s is not None
    return prediction.four_tuples * prediction.requests_per_connection / prediction.offered_per_s


def _manifest(points: Sequence[Asked], status: Status) -> Manifest:
    return Manifest(
        name="synthetic",
        status=status,
        started_at="2026-03-04T05:06:07Z",
        argv=["tw-bench", "run"],
        profile_verbatim="",
        profile_effective={},
        points=[_asked(one) for one in points],
        waves=[],
        host={"kernel": "6.18.44", "hz": HZ, "tw_bench": "0.1.0"},
        versions={"tw-bench": "0.1.0"},
        findings=[],
    )


def _asked(one: Asked) -> dict[str, Any]:
    header = "close" if one.closer == "server" else "none"
    pool = 32 if one.requests > 1 else 0
    proxy = {"upstream_protocol": "1.1", "connection_header": header, "keepalive": pool}
    connection = {"source_port": one.source_port}
    return {"id": one.id, "connection": connection} | ({"proxy": proxy} if one.proxy else {})


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
