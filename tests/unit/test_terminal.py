"""What the terminal shows before and after a run, and what it answers."""

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.prediction import Prediction, predict
from tw_bench.profile.model import Point
from tw_bench.report.answer import answer
from tw_bench.report.terminal import error_line, show_plan, show_result
from tw_bench.results.schema import (
    Generator,
    LedgerLine,
    Measured,
    OutcomeCount,
    PointResult,
    Summary,
    TimeWait,
)

Golden = Callable[[str, str], None]
Planned = tuple[Point, Prediction]

FACTS = HostFacts(
    kernel="6.18.44",
    architecture="x86_64",
    hz=250,
    hz_source="/proc/config.gz",
    cpus=2,
    cpu_model="Example CPU @ 2.9 GHz",
    open_files=1_048_576,
    python="3.11.7",
    tw_bench="0.1.0",
)
TITLE = "Curve"
QUESTION = "How does the limit grow with the port range?"
TIME_LAPSE = {"net.ipv4.tcp_tw_reuse": 1}
FINDING = "range 28,232 ports: connect() searches half of it before it takes the other parity"


def a_point(
    ports: int,
    part: str = "",
    title: str = "",
    *,
    name: str = "",
    sysctls: dict[str, int] | None = None,
    **sections: dict[str, Any],
) -> Planned:
    """Return a point of so many ports with its prediction; `name` is its id within the part."""
    high = 32_768 + ports - 1
    fields: dict[str, Any] = {
        "id": "/".join(text for text in (part, name or f"ports={ports}") if text),
        "part": part,
        "title": title,
        "lab": {"ports": f"32768-{high}", "sysctls": sysctls or {}},
        **sections,
    }
    point = Point.model_validate(fields)
    return point, predict(point, FACTS)


def a_curve() -> list[Planned]:
    return [a_point(ports) for ports in (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 28_232)]


def a_quick_start() -> list[Planned]:
    """Return a range that runs dry, and the curve in time-lapse."""
    load, method = {"rate": "40/s"}, {"fill": "0s", "window": "20s"}
    lapse = {"fill": "2tw", "window": "10tw"}
    dry = a_point(500, "running-dry", "500 ports run dry in the open", load=load, method=method)
    dry = dry[0].model_copy(update={"id": "running-dry"}), dry[1]
    title = "The curve in time-lapse (tcp_tw_reuse frees a port after 1 s instead of 60)"
    curve = [
        a_point(ports, "time-lapse", title, sysctls=TIME_LAPSE, method=lapse)
        for ports in (50, 100, 200, 500, 1_000, 2_000)
    ]
    return [dry, *curve]


def a_result(planned: Planned, off: float | None = 0.0012, **fields: Any) -> PointResult:
    """Return what a point that met its limit gives, off by a share; `fields` win."""
    point, prediction = planned
    expected = prediction.expected_per_s or prediction.saturated_per_s or 0.0
    opened = round(expected * prediction.duration_s)
    ports = prediction.usable_ports
    refusals = opened // 40
    result = {
        "id": point.id,
        "part": point.part,
        "title": point.title,
        "parameters": point.parameters,
        "ports": str(point.lab.ports),
        "status": "complete",
        "prediction": prediction.to_dict(),
        "measured": measured(prediction, expected * (1 + (off or 0)), opened, refusals),
        "prediction_error": off,
        "outcomes": [
            OutcomeCount(phase="close", errno="ok", count=opened),
            OutcomeCount(phase="connect", errno="EADDRNOTAVAIL", count=refusals),
        ],
        "time_wait": {
            "client": TimeWait(peak=ports, mean=0.98 * ports, made=opened),
            "server": TimeWait(peak=0, mean=0, made=0),
        },
        "counters": {},
        "connect_call_us": None,
        "connect_us": None,
        "latency_us": None,
        "service_time_us": None,
        "generator": None,
        "ledger": [
            ledger_line("connections opened", opened, "Tcp.ActiveOpens, client"),
            ledger_line("TIME_WAIT made", opened, "TcpExt.TW, client"),
        ],
        "verdict": "port-bound",
        "evidence": ["the range was full for 78 % of the window"],
    }
    return PointResult.model_validate({**result, **fields})


def a_part(name: str, title: str, rate: str = "200/s", **sections: Any) -> Planned:
    """Return a part that is one point, offered far more than 500 ports sustain."""
    lab = {"ports": 500, **sections.pop("lab", {})}
    fields: dict[str, Any] = {
        "id": name,
        "part": name,
        "title": title,
        "lab": lab,
        "load": {"rate": rate},
        "method": {"fill": "5s", "window": "61.44s"},
    }
    point = Point.model_validate({**fields, **sections})
    return point, predict(point, FACTS)


def a_comparison() -> list[Planned]:
    """Return a baseline, and a remedy of each kind."""
    explicit = {"source_port": "explicit_sequential", "reuse_address": True}
    bind_zero = {"source_port": "bind_zero"}
    return [
        a_part("baseline", "short-lived, closed by the client, port chosen by connect()"),
        a_part("half-close", "the FIN goes first all the same", connection={"close": "half"}),
        a_part("bind-zero", "bind(ip, 0); no effect towards one server", connection=bind_zero),
        a_part("both-close", "both hold TIME_WAIT", connection={"active_closer": "both"}),
        a_part("two-servers", "needs the other side", "400/s", lab={"destinations": 2}),
        a_part(
            "keep-alive-10",
            "ten requests on each connection; needs both sides to keep it open, and a pool that is "
            "large enough to keep them all",
            "2k/s",
            connection={"requests_per_connection": 10},
        ),
        a_part("tw-reuse", "if timestamps survive", "1.25x", lab={"sysctls": TIME_LAPSE}),
        a_part("loopback", "tcp_tw_reuse is 2", "300/s", lab={"topology": "loopback"}),
        a_part("server-closes", "TIME_WAIT goes there", connection={"active_closer": "server"}),
        a_part("rst", "an RST may destroy data on its way", connection={"close": "rst"}),
        a_part("explicit-port", "takes TIME_WAIT over at once", connection=explicit),
    ]


def a_remedy(planned: Planned, **fields: Any) -> PointResult:
    """Return what a part of a comparison gives: its limit, or all that was offered."""
    point, prediction = planned
    closer, rate = point.connection.active_closer, prediction.expected_per_s or 0.0
    opened = round(rate * prediction.duration_s / prediction.requests_per_connection)
    made = {
        "client": 0 if closer == "server" or point.connection.close == "rst" else opened,
        "server": opened if closer in ("server", "both") else 0,
    }
    if point.lab.topology == "loopback":
        made = {"host": opened}
    refusal = ("bind", "EADDRINUSE") if point.part == "bind-zero" else ("connect", "EADDRNOTAVAIL")
    refusals = 7_000 if prediction.binding == "ports" else 0
    ends = [(*refusal, refusals), ("close", "ok", round(rate * prediction.duration_s))]
    whole = {
        "outcomes": [OutcomeCount(phase=p, errno=e, count=count) for p, e, count in ends],
        "measured": measured(prediction, rate, opened, refusals),
        "time_wait": {side: TimeWait(peak=n, mean=n, made=n) for side, n in made.items()},
        "verdict": "port-bound" if refusals else "offered-load-bound",
    }
    return a_result(planned, 0.0, **{**whole, **fields})


def remedies(**changed: dict[str, Any]) -> list[PointResult]:
    """Return the results of the comparison, with other fields for some parts."""
    return [
        a_remedy(planned, **changed.get(planned[0].part.replace("-", "_"), {}))
        for planned in a_comparison()
    ]


def measured(prediction: Prediction, goodput: float, opened: int, refusals: int) -> Measured:
    return Measured(
        offered_per_s=prediction.offered_per_s or goodput,
        attempted_per_s=goodput,
        goodput_per_s=goodput,
        window_s=prediction.window_s,
        connections_opened=opened,
        transactions_ok=opened,
        refusals=refusals,
        refusals_in_window=refusals,
        first_refusal_s=prediction.first_refusal_s,
        connections_before_first_refusal=prediction.usable_ports if refusals else None,
    )


def ledger_line(name: str, ours: int, counter: str, off: int = 0) -> LedgerLine:
    return LedgerLine(name=name, ours=ours, kernel=ours + off, counter=counter)


def a_summary(points: Sequence[PointResult], status: str = "complete") -> Summary:
    return Summary.model_validate(
        {
            "name": "curve",
            "title": TITLE,
            "question": QUESTION,
            "status": status,
            "points": [point.model_dump() for point in points],
        }
    )


def waves_of(planned: Sequence[Planned], size: int = 100) -> list[list[str]]:
    names = [point.id for point, _ in planned]
    return [names[start : start + size] for start in range(0, len(names), size)]


def on_paper(width: int = 100) -> Console:
    return Console(file=io.StringIO(), width=width, _environ={})


def on_terminal(width: int = 100, **environ: str) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system="standard",
        _environ=environ,
    )


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def plan_text(planned: Sequence[Planned], width: int = 100, **fields: Any) -> str:
    console = on_paper(width)
    arguments: dict[str, Any] = {
        "title": TITLE,
        "question": QUESTION,
        "planned": planned,
        "waves": waves_of(planned),
        "facts": FACTS,
        "findings": [FINDING],
    }
    show_plan(console, **{**arguments, **fields})
    return text_of(console)


def result_text(points: Sequence[PointResult], width: int = 100, status: str = "complete") -> str:
    console = on_paper(width)
    folder = Path("results/2025-11-20T094500Z-curve")
    figures = [folder / "figures" / name for name in ("curve.svg", "curve.png", "run.svg")]
    show_result(console, a_summary(points, status), folder, figures)
    return text_of(console)


def repeated(planned: Sequence[Planned], times: int = 3) -> list[Planned]:
    """Return each point so many times, as the plan has it."""
    return [
        (point.model_copy(update={"id": f"{point.id}#{n}", "repetition": n}), prediction)
        for point, prediction in planned
        for n in range(1, times + 1)
    ]


def repeated_results(planned: Sequence[Planned]) -> list[PointResult]:
    """Return results of repeated points, the last one of them spoilt by the generator."""
    points = [
        a_result(each, 0.001 * (each[0].repetition or 0), repetition=each[0].repetition)
        for each in repeated(planned)
    ]
    return [*points[:-1], points[-1].model_copy(update={"verdict": "generator-bound"})]


def words_of(text: str) -> str:
    """Return the text with its line breaks undone."""
    return " ".join(text.split())


def a_bad_run() -> list[PointResult]:
    """Return a curve in which a point failed, one ran late and one was not exhausted."""
    planned = a_curve()
    points = [a_result(each) for each in planned]
    points[2] = a_result(
        planned[2],
        None,
        status="failed",
        error="the target died: [Errno 98] Address already in use",
        measured=None,
        verdict="not-measured",
        evidence=[],
        ledger=[],
        outcomes=[OutcomeCount(phase="receive", errno="ECONNRESET", count=12)],
    )
    points[3] = a_result(
        planned[3],
        -0.23,
        verdict="generator-bound",
        evidence=["schedule lag p99 41 ms", "busiest worker at 0.99 of a processor"],
        ledger=[ledger_line("connections opened", 6_000, "Tcp.ActiveOpens, client", off=3)],
    )
    points[4] = a_result(planned[4], 0.0, verdict="offered-load-bound")
    return points


@pytest.mark.parametrize("width", [80, 100])
def test_the_plan_of_the_quick_start_reads_as_agreed(golden: Golden, width: int) -> None:
    """The quick start's plan, part by part, at the two usual widths."""
    golden(f"plan-quickstart-{width}.txt", plan_text(a_quick_start(), width))


def test_the_plan_of_a_curve_reads_as_agreed(golden: Golden) -> None:
    """A profile without parts, in two waves."""
    curve = a_curve()
    golden("plan-curve-100.txt", plan_text(curve, waves=waves_of(curve, 5)))


@pytest.mark.parametrize("width", [80, 100])
def test_the_plan_of_a_comparison_reads_as_agreed(golden: Golden, width: int) -> None:
    """One table for all parts, each method once, rules cut where there is no room."""
    golden(f"plan-remedies-{width}.txt", plan_text(a_comparison(), width, findings=[]))


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize(
    ("planned", "result"),
    [(a_curve(), a_result), (a_quick_start(), a_result), (a_comparison(), a_remedy)],
    ids=["curve", "quickstart", "remedies"],
)
def test_no_line_is_wider_than_the_terminal(
    planned: list[Planned], result: Callable[[Planned], PointResult], width: int
) -> None:
    """Columns go before a line grows too long, and no line ends in spaces."""
    text = plan_text(planned, width) + result_text([result(each) for each in planned], width)
    assert [line for line in text.splitlines() if len(line) > width or line != line.rstrip()] == []


def test_a_long_id_costs_columns_and_loses_no_letter() -> None:
    """An id that two sweep values and a sysctl make long is folded, never cut."""
    name = "rate=1.02x_textbook,tcp_tw_reuse=1,active_closer=server"
    text = plan_text([a_point(500, name=name)], 80)
    folded = ["rate=1.02x_textbook,", "tcp_tw_reuse=1,", "active_closer=server"]
    table = text[text.index("\npoint") :].splitlines()[2:5]
    assert [line.split()[0] for line in table] == folded
    header = text[: text.index("\npoint")].splitlines()[-1]
    assert header.split() == ["offered", "sustain-", "saturated", "expected", "refusals"]


def test_a_part_of_both_paces_is_shown_in_two_blocks() -> None:
    """Points in time-lapse never share a table with points of the real minute."""
    planned = [
        a_point(
            500, "reuse", "Reuse", name=f"tcp_tw_reuse={n}", sysctls={"net.ipv4.tcp_tw_reuse": n}
        )
        for n in (0, 1)
    ]
    for text in (plan_text(planned), result_text([a_result(each) for each in planned])):
        real, label, lapsed = text.partition("time-lapse, not the real pace")
        assert label
        assert "tcp_tw_reuse=0" in real
        assert "tcp_tw_reuse=1" not in real
        assert re.search(r"^tcp_tw_reuse=1 ", lapsed, re.MULTILINE)


def test_the_plan_says_what_a_closed_loop_and_a_closing_server_change() -> None:
    """A method or law that only some of the points have names those points."""
    planned = [
        a_point(500, name="a", load={"closed_loop": 16}),
        a_point(500, name="b", connection={"active_closer": "server"}),
    ]
    text = words_of(plan_text(planned))
    assert "closed loop of 16 (a)" in text
    assert "open loop (b)" in text
    assert "none: the server closes first and holds TIME_WAIT (b)" in text


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (8, "8 points side by side, in one wave; 3 min 04 s in all"),
        (5, "8 points in 2 waves, 5 and 3 side by side; 6 min 09 s in all"),
        (1, "8 points one after the other; 24 min 35 s in all"),
    ],
)
def test_the_plan_says_how_the_points_run(size: int, words: str) -> None:
    """As many side by side as the waves have; a wave lasts as long as its longest point."""
    curve = a_curve()
    assert words in words_of(plan_text(curve, waves=waves_of(curve, size)))


def test_text_of_a_profile_is_neither_markup_nor_a_command_to_the_terminal() -> None:
    """Brackets stay brackets, and an escape character is spelt out."""
    hostile = "[red]x[/red] \x1b[2J :smile:"
    planned = [a_point(500, "part", hostile, name="[b]")]
    results = [a_result(planned[0], status="failed", error=hostile, evidence=[hostile])]
    for text in (plan_text(planned, title=hostile, findings=[hostile]), result_text(results)):
        assert "[red]x[/red] \\x1b[2J :smile:" in text
        assert "[b]" in text
        assert "\x1b" not in text


@pytest.mark.parametrize("width", [80, 100])
def test_the_result_of_a_curve_reads_as_agreed(golden: Golden, width: int) -> None:
    """Measured against predicted, the ledger, the refusals, the answer, the paths."""
    golden(f"result-curve-{width}.txt", result_text([a_result(each) for each in a_curve()], width))


def test_the_plan_of_repeated_points_has_each_once(golden: Golden) -> None:
    """A row a point, how often it is run, and that the order is shuffled."""
    planned = repeated(a_curve())
    golden("plan-repeated-80.txt", plan_text(planned, 80, waves=waves_of(planned, 6)))
    alone = words_of(plan_text(repeated([a_point(500)])))
    assert "one point x 3 side by side, in one wave;" in alone


@pytest.mark.parametrize("width", [80, 100])
def test_the_result_of_repeated_points_has_a_row_each(golden: Golden, width: int) -> None:
    """The middle repetition, how far the others are from it, and whose verdict was another."""
    golden(f"result-repeated-{width}.txt", result_text(repeated_results(a_curve()[:3]), width))
    parts = repeated_results(a_comparison()[:4])
    golden(f"result-repeated-parts-{width}.txt", result_text(parts, width))


def test_the_result_of_the_quick_start_reads_as_agreed(golden: Golden) -> None:
    """The answer of a run that only had time-lapse says so."""
    golden("result-quickstart-100.txt", result_text([a_result(p) for p in a_quick_start()]))


def test_the_result_of_a_bad_run_reads_as_agreed(golden: Golden) -> None:
    """What failed, what ran late and which sum is uneven is said point by point."""
    golden("result-bad-run-100.txt", result_text(a_bad_run(), status="failed"))


@pytest.mark.parametrize("width", [80, 100, 130])
def test_the_result_of_a_comparison_reads_as_agreed(golden: Golden, width: int) -> None:
    """One table, where TIME_WAIT went, what refused; then what each part costs."""
    golden(f"result-remedies-{width}.txt", result_text(remedies(), width))


def test_a_comparison_shows_unlimited_time_lapse_and_what_is_only_a_lower_bound() -> None:
    """No limit is a word, a hold under 60 s is labelled, and >= says that more would have gone."""
    text = result_text(remedies())
    table = text[: text.index("hold:")].splitlines()
    rows = {line.split()[0]: line.split() for line in table if line}
    assert rows["rst"][1:5] == ["none", "unlimited", ">=", "200.0"]
    assert rows["tw-reuse"][1:4] == ["1", "500.0", "500.0"]
    assert rows["loopback"][1:5] == ["1", "500.0", ">=", "300.0"]
    assert rows["baseline"][1:4] == ["61.44", "8.14", "8.14"]
    assert "under 60 s (time-lapse) reuse cuts it short" in text
    assert rows["both-close"][5:7] == ["541", "541"]


def test_an_uneven_ledger_is_marked_in_the_table_of_a_comparison() -> None:
    """The name carries a mark, and the sum that is off is spelt out below."""
    uneven = [ledger_line("TIME_WAIT made on the client", 541, "TW, client", off=-2)]
    text = result_text(remedies(half_close={"ledger": uneven}))
    assert re.search(r"^half-close ! ", text, re.MULTILINE)
    assert "!: the ledger of this point is uneven, see below" in text
    assert "uneven: half-close: TIME_WAIT made on the client: ours 541, kernel 539" in text
    assert "!" not in result_text(remedies())


def test_a_comparison_of_cold_ranges_says_what_is_expected_of_them() -> None:
    """A range that only fills up gives more than its limit; the table has both."""
    cold = {"fill": "0s", "window": "10s"}
    planned = [a_part(name, "", method=cold) for name in ("baseline", "other")]
    text = result_text([a_remedy(each) for each in planned])
    assert re.search(r"^baseline +61.44 +8.14 +50.00 +50.00 ", text, re.MULTILINE)
    sentence = "baseline: 500 ports let 50.00/s through in 10 s, less than one TIME_WAIT. "
    assert f"answer    {sentence}No gain: other." in text


def test_no_limit_is_a_word_in_every_table() -> None:
    """A sweep over who closes has points without a limit."""
    planned = [
        a_point(500, name=closer, connection={"active_closer": closer})
        for closer in ("client", "server")
    ]
    for text in (plan_text(planned), result_text([a_result(each) for each in planned])):
        assert re.search(r"^server .* unlimited ", text, re.MULTILINE)
        assert not re.search(r"^client .* unlimited ", text, re.MULTILINE)


def test_a_warning_about_the_generator_is_shown_whatever_the_verdict() -> None:
    """A port-bound point speaks up only where its generator was close to its own limit."""
    warning = "the generator could not have reached twice the limit"
    points = [a_result(each, evidence=["the range was full", warning]) for each in a_curve()]
    text = words_of(result_text(points))
    assert f"ports=250, ports=500, ports=1000, ports=2000 and 4 more: {warning}" in text
    assert "the range was full" not in text


def a_generator(cpu: float, share: float | None) -> Generator:
    """Return a worker that used so much of a processor and of a ceiling of 20,000/s."""
    return Generator(
        workers=1,
        cpu=cpu,
        busiest_worker_cpu=cpu,
        ceiling_per_s=None if share is None else 20_000.0,
        ceiling_share=share,
        schedule_lag_us=None,
        missed=0,
        held_back=0,
        memory_peak_bytes=0,
        memory_growth_bytes=0,
    )


def test_points_above_half_of_the_generators_ceiling_are_marked() -> None:
    """Their names have a star, which a line explains; each says its CPU where there is room."""
    shares = (0.02, 0.49, 0.51)
    points = [
        a_result(a_point(ports), generator=a_generator(share / 2, share))
        for ports, share in zip((250, 500, 1000), shares, strict=True)
    ]
    text = result_text(points, 140)
    assert re.findall(r"^ports=\d+( \*)? ", text, re.MULTILINE) == ["", "", " *"]
    assert "*: attempted more than half of what the generator can offer" in words_of(text)
    assert "CPU of a point's workers: 1% to 26% of a processor" in words_of(text)
    assert "at most 51% of its ceiling of about 20,000/s (ports=1000)" in words_of(text)
    assert all(f" {100 * share / 2:.1f}  port-bound" in text for share in shares)


def test_a_run_that_was_never_calibrated_says_so() -> None:
    """As one kept from before there was a calibration; nothing is marked."""
    text = result_text([a_result(a_point(500), generator=a_generator(0.1, None))])
    assert "its ceiling is unknown (not calibrated)" in words_of(text)
    assert "*" not in text


def test_a_run_without_kernel_counters_does_not_claim_an_even_ledger() -> None:
    """No sum checked is not the same as every sum even."""
    text = result_text([a_result(a_point(500), ledger=[])])
    assert "nothing to check" in text
    assert "even:" not in text


def test_one_namespace_for_both_ends_has_one_time_wait_column() -> None:
    """Topology host counts both ends together, and the column says so."""
    both = {"host": TimeWait(peak=1_234, mean=1_200.0, made=5_000)}
    text = result_text([a_result(a_point(500), time_wait=both)])
    assert "host" in text
    assert "1,234" in text
    assert "client" not in text.partition("ledger")[0]


def test_verdicts_are_coloured_on_a_terminal_and_not_with_no_color() -> None:
    """NO_COLOR leaves the words."""
    summary = a_summary([a_result(a_point(500))])
    coloured, plain = on_terminal(), on_terminal(NO_COLOR="1")
    for console in (coloured, plain):
        show_result(console, summary, Path("results/run"), [])
    assert "\x1b[32mport-bound" in text_of(coloured)
    assert "port-bound" in text_of(plain)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", text_of(plain))


def test_paths_are_given_from_the_working_directory_where_that_is_shorter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is never broken over two lines: it is there to be copied."""
    monkeypatch.chdir(tmp_path)
    near, far = tmp_path / "results" / "run", Path("/f")
    console = on_paper(40)
    show_result(console, a_summary([]), near, [near / "curve.svg", near / "curve.png", far])
    lines = text_of(console).splitlines()[-3:]
    assert lines == [
        "results   results/run",
        "picture   results/run/curve.svg, .png",
        "picture   /f",
    ]


def a_point_with(verdict: str, ports: int = 500, **load: Any) -> PointResult:
    return a_result(a_point(ports, load=load), 0.0, verdict=verdict)


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ([], "No answer: no point was measured to the end of its window."),
        (
            [a_result(a_point(28_232), -0.0004)],
            "28,232 ports let 459.3 connections a second through, 0.0 % from the kernel's own "
            "limit (P / 61.44 s); the textbook's P / 60 would say 470.5.",
        ),
        (
            [a_result(a_point(500, connection={"requests_per_connection": 10}), 0.0)],
            "500 ports let 81.38 transactions a second through, 0.0 % from the kernel's own "
            "limit (P x 10 / 61.44 s); the textbook's P x 10 / 60 would say 83.33.",
        ),
        (
            [a_point_with("offered-load-bound", rate="0.99x")],
            "Nothing was refused: 500 ports carried all that was offered, 7.98 connections a "
            "second (the highest rate without a refusal: 8.06).",
        ),
        (
            [a_point_with("offered-load-bound", ramp="0.9x to 1x")],
            "Nothing was refused: 500 ports carried all that was offered, 7.79 connections a "
            "second on average (the highest rate without a refusal: 8.06).",
        ),
        (
            [a_point_with("unlimited", closed_loop=4)],
            "Nothing was refused: 500 ports carried 8.14 connections a second in a closed loop "
            "and met no limit.",
        ),
        (
            [a_point_with("generator-bound")],
            "No answer: the ports were not what limited any point; the evidence says what did.",
        ),
    ],
)
def test_the_answer_is_a_sentence(points: list[PointResult], sentence: str) -> None:
    """Each kind of end has its sentence; the largest range speaks for a curve."""
    assert answer(a_summary(points)) == sentence


@pytest.mark.parametrize(
    ("load", "words"),
    [
        ({}, "open loop"),
        ({"arrivals": "poisson"}, "open loop, Poisson arrivals"),
        ({"ramp": "1x to 400/s"}, "open loop: 1x sustainable to 400/s"),
        (
            {"ramp": "1/s to 2/s over 9s", "arrivals": "poisson"},
            "open loop, Poisson arrivals: 1/s to 2/s over 9s, then 2/s",
        ),
        ({"steps": ["1/s for 9s", "2/s"]}, "open loop: 1/s for 9s, then 2/s"),
        (
            {"steps": [f"{rate}/s for 9s" for rate in range(1, 9)] + ["9/s"]},
            "open loop: 1/s for 9s, then 2/s for 9s, then 3/s for 9s, then 4/s for 9s, "
            "then 4 more steps, then 9/s",
        ),
    ],
)
def test_the_method_says_how_slots_come_due(load: dict[str, Any], words: str) -> None:
    """One rate is in the table; rates over time are said as they are asked, the first and last."""
    text = plan_text([a_point(500, load=load)], 400)
    method = next(line for line in text.splitlines() if line.startswith("method"))
    assert method.endswith(f"61.44 s; {words}")


LATE = {"verdict": "generator-bound"}
DEAD = {"measured": None, "status": "failed", "verdict": "not-measured"}


@pytest.mark.parametrize(
    ("points", "sentences"),
    [
        (
            remedies(),
            "baseline: 500 ports let 8.14/s through. Unlimited (all that was offered went "
            "through): server-closes, rst, explicit-port; 61 x: tw-reuse; at least 37 x: loopback; "
            "10 x: keep-alive-10; 2 x: two-servers; no gain: half-close, bind-zero, both-close.",
        ),
        (
            remedies(two_servers=LATE, rst=DEAD)[::4],
            "baseline: 500 ports let 8.14/s through. Unlimited (all that was offered went "
            "through): server-closes; at least 2 x: two-servers.",
        ),
        (
            remedies(rst=DEAD)[9::-9],
            "No answer: rst, which the others are compared with, was not measured.",
        ),
        (
            remedies(rst=DEAD)[0::9],
            "baseline: 500 ports let 8.14/s through. Not to be compared: rst.",
        ),
        (
            remedies()[8::-4],
            "server-closes: all that was offered went through, 200.0/s. 0.081 x: two-servers; "
            "0.041 x: baseline.",
        ),
    ],
)
def test_the_answer_of_a_comparison_says_what_each_part_is_worth(
    points: list[PointResult], sentences: str
) -> None:
    """Beside the first part; what was not bound by ports is a lower bound."""
    assert answer(a_summary(points)) == sentences


def test_the_answer_of_a_time_lapse_is_never_given_for_the_real_one() -> None:
    """It says time-lapse, and what the real minute would be; real points go before it."""
    lapsed = [a_result(each) for each in a_quick_start()[1:]]
    assert answer(a_summary(lapsed)).startswith("In time-lapse (a port comes back after 1 s")
    assert "the same ports would let 32.55 through" in answer(a_summary(lapsed))
    assert "time-lapse" not in answer(a_summary([*lapsed, a_result(a_point(250))]))


def test_an_error_is_one_line_as_it_was_written() -> None:
    """No wrapping, no markup; further lines (a target's log) are indented."""
    console = on_paper(40)
    message = "profiles/x.yaml:14: load.rate: got '[5k]': want a rate such as 400/s, 5k/s or 1.25x"
    error_line(console, message)
    error_line(console, "the target died\nlog: \x1b[31mno\n")
    assert text_of(console) == (
        f"tw-bench: error: {message}\ntw-bench: error: the target died\n  log: \\x1b[31mno\n"
    )
