"""What the page says of a run, before a browser has seen it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.page import made_runs
from tests.unit import synthetic
from tests.unit.synthetic import write_run
from tw_bench.report.figures.run_data import arrays
from tw_bench.report.figures.upstream_rows import make_rows
from tw_bench.report.generator_text import generator_rows
from tw_bench.report.page import place
from tw_bench.report.page.durations import duration_tables
from tw_bench.report.page.endings import endings
from tw_bench.report.page.folder import files_text
from tw_bench.report.page.key_figures import key_tables, thresholds, verdict_counts
from tw_bench.report.page.method import method
from tw_bench.report.page.page import names, render
from tw_bench.report.page.run_view import run_view
from tw_bench.report.page.sums import sums
from tw_bench.results.reading import LoadedRun, load_run
from tw_bench.results.schema import LedgerLine, ThresholdResult

ROOT = Path(__file__).parents[2]
CURVE = ROOT / "results/reference/port-range-curve"
REMEDIES = ROOT / "results/reference/remedies"


@pytest.fixture(scope="module")
def curve() -> LoadedRun:
    """The committed curve."""
    return load_run(CURVE)


@pytest.fixture(scope="module")
def remedies() -> LoadedRun:
    """The committed remedies."""
    return load_run(REMEDIES)


@pytest.fixture(scope="module")
def old() -> LoadedRun:
    """A run whose points have a proxy of the kind none."""
    return load_run(ROOT / "tests/data/runs/format-1")


def test_the_table_is_the_terminals_with_whole_heads(curve: LoadedRun) -> None:
    """All columns are there, whatever the width; a verdict has its sign."""
    (table,) = key_tables(curve.summary)
    heads = [head.text for head in table.heads]
    assert heads[:6] == [
        "point",
        "ports",
        "limit [/s]",
        "offered [/s]",
        "goodput [/s]",
        "error [%]",
    ]
    assert {"TIME_WAIT peak, client", "TIME_WAIT peak, server", "verdict"} <= set(heads)
    last = table.rows[-1]
    assert [cell.text for cell in last[:6]] == [
        "ports=28232", "28,232", "459.5", "477.8", "459.5", "+0.00",
    ]  # fmt: skip
    assert (last[-1].glyph, last[-1].text) == ("●", "port-bound")


def test_parts_have_a_table_each(tmp_path: Path) -> None:
    """What is in time-lapse stands apart and says so."""
    points = synthetic.quickstart()
    dry, lapsed = key_tables(load_run(write_run(tmp_path, points)).summary)
    assert len(dry.rows) + len(lapsed.rows) == len(points)
    assert lapsed.notes[0].startswith("time-lapse, not the real pace")


def test_a_part_is_called_one(tmp_path: Path) -> None:
    """By its title where it has one; its name alone would say nothing."""
    points = [
        synthetic.Asked(id=f"{part}/ports={ports}", part=part, ports=ports, title=title)
        for part, title in (("a", ""), ("b", "Wide"))
        for ports in (100, 200)
    ]
    tables = key_tables(load_run(write_run(tmp_path, points)).summary)
    assert [table.caption for table in tables] == ["Part a", "b: Wide"]


def test_what_is_folded_says_its_name_once(remedies: LoadedRun) -> None:
    """Its caption is for those who hear the page: to the eye the summary says it."""
    folded = render([remedies]).split("<details")[1:]
    tables = [one for one in folded if "<caption" in one.partition("</details>")[0]]
    assert tables
    assert all('<caption class="sr">' in one for one in tables)


def test_verdicts_are_counted(remedies: LoadedRun) -> None:
    """The most frequent first, each with what it means."""
    counts = verdict_counts(remedies.points)
    assert [(one.count, one.verdict) for one in counts] == [
        (13, "port-bound"),
        (5, "offered-load-bound"),
    ]
    assert all(one.meaning and one.glyph for one in counts)


def test_failed_thresholds_come_first() -> None:
    """Passed or failed is a sign and a word."""
    common = {"metric": "refusals", "unit": "", "bound": 0.0, "text": "refusals == 0"}
    found = [
        ThresholdResult(point="a", value=0.0, passed=True, reason="", **common),
        ThresholdResult(point="b", value=12.0, passed=False, reason="", **common),
    ]
    shown = thresholds(found)
    assert shown is not None
    assert (shown.count.glyph, shown.count.text) == ("✗", "1 of 2 thresholds failed")
    assert shown.failed is not None
    assert shown.passed is not None
    rows = [*shown.failed.rows, *shown.passed.rows]
    assert [[cell.text for cell in row] for row in rows] == [
        ["refusals == 0", "failed", "b", "12"],
        ["refusals == 0", "passed", "a", "0"],
    ]
    kept = thresholds(found[:1])
    assert kept is not None
    assert (kept.count.tone, kept.count.text) == ("good", "1 of 1 threshold passed")
    assert kept.failed is None
    assert thresholds([]) is None


def test_refusals_are_said_in_words(remedies: LoadedRun) -> None:
    """Refusals first, with phase, errno and meaning; then by point."""
    found = endings(remedies.points)
    assert found.ways is not None
    assert [cell.text for cell in found.ways.rows[0]] == [
        "refused",
        "at connect()",
        "EADDRNOTAVAIL",
        "34,995",
        "no free port towards this destination",
    ]
    assert found.by_point is not None
    assert len(found.by_point.rows) == len(remedies.points)


def test_an_uneven_sum_is_shown(curve: LoadedRun) -> None:
    """With the difference, and apart from those that are even."""
    assert (
        sums(curve.points).sentence
        == "Even: all 40 sums of 8 points agree with the kernel's counters."
    )
    uneven = LedgerLine(
        name="connections opened", ours=753, kernel=760, counter="ActiveOpens, client"
    )
    point = curve.points[0].model_copy(update={"ledger": [uneven]})
    found = sums([point, *curve.points[1:]])
    assert found.uneven is not None
    assert [cell.text for cell in found.uneven.rows[0]][2:5] == ["753", "760", "+7"]


def test_the_method_has_the_runs_own_numbers(curve: LoadedRun) -> None:
    """Fill, window, echo periods and the three limits."""
    text = "\n".join(method(curve.summary, curve.manifest))
    assert "client and server, joined by a veth pair" in text
    assert "All points ran side by side." in text
    assert "The fill, the first 61.4 s, is not averaged" in text
    assert "the window lasts 2 min 03 s, 2 echo periods" in text
    assert "textbook, divided by 60 s, 470.5/s; saturated, by 61.44 s" in text
    assert "sustainable, by 62.05 s" in text


class TestTheMethodSaysWhatIs:
    """Sentences of other loads, places and orders than the curve's."""

    @staticmethod
    def text(run: LoadedRun, *changes: dict[str, Any], **fields: Any) -> str:
        """Return the method with the sections of the first points changed."""
        points = [dict(point) for point in run.manifest.points]
        for point, change in zip(points, changes, strict=False):
            point |= {key: {**point[key], **value} for key, value in change.items()}
        manifest = run.manifest.model_copy(update={"points": points, **fields})
        return "\n".join(method(run.summary, manifest))

    def test_there_is_a_proxy_only_where_there_is_one(self, old: LoadedRun) -> None:
        """The kind none is none; where some points have one, which."""
        assert "proxy" not in self.text(old)
        name = old.manifest.points[0]["id"]
        some = self.text(old, {"proxy": {"kind": "nginx"}})
        assert f"client, proxy and server, joined by veth pairs ({name})" in some
        assert "refusals are counted in the client; a proxy answers with a 5xx" in some

    def test_each_load_is_said(self, old: LoadedRun) -> None:
        """A closed loop has no schedule, and a command no refusals of ours."""
        closed = {"load": {"closed_loop": 8}}
        first, *others = [point["id"] for point in old.manifest.points]
        mixed = self.text(old, closed)
        assert f"The load of {first} is a closed loop" in mixed
        assert f"The load of {', '.join(others)} is an open loop" in mixed
        assert "or what a closed loop tried in it" in mixed
        alone = self.text(old, *[closed] * 4)
        assert "open loop" not in alone
        assert "came due" not in alone
        command = self.text(old, *[{"load": {"command": ["wrk"]}}] * 4)
        assert "counted in the client" not in command

    def test_fill_and_echo_periods_are_of_those_that_have_them(self, old: LoadedRun) -> None:
        """A point without a fill, and one that holds no port, are not of the span."""
        text = self.text(old)
        assert "The fill, the first 1 s to 2 s (3 of 4 points), is not averaged" in text
        assert "0.081 to 4 echo periods where a port is held (3 of 4 points)" in text

    def test_repetitions_and_order(self, tmp_path: Path) -> None:
        """How often, and with which seed; one after the other is no wave."""
        run = load_run(made_runs.repeats(tmp_path / "run"))
        text = "\n".join(method(run.summary, run.manifest))
        assert (
            "The points ran 3 times each, each time in a new lab, in shuffled order (seed 7)"
            in text
        )
        view = run_view(run, "run-1")
        assert view.facts[0] == "3 points, 3 times each, in shuffled order (seed 7)"
        assert {one.verdict: one.count for one in view.verdicts} == {
            "port-bound": 2,
            "generator-bound": 1,
        }
        assert view.mixed == ["ports=100: port-bound 2 x, generator-bound 1 x"]

    def test_a_search_has_probes(self, tmp_path: Path) -> None:
        """Which ran one after the other, each with an outcome."""
        run = load_run(made_runs.search(tmp_path / "run"))
        text = "\n".join(method(run.summary, run.manifest))
        assert "Each probe has a lab of its own" in text
        assert "The probes ran one after the other." in text
        assert run_view(run, "run-1").facts[0] == "3 probes"
        assert [head.text for head in key_tables(run.summary)[0].heads][-2:] == [
            "outcome",
            "end of the interval",
        ]


def test_many_points_have_their_worst_in_a_sentence(remedies: LoadedRun) -> None:
    """Above a table that is folded; whose it is."""
    view = run_view(remedies, "run-1")
    assert view.strain.startswith("The busiest worker used ")
    assert view.slowest.startswith("The highest p99 of the latency was ")


def test_runs_of_one_profile_are_told_apart(curve: LoadedRun, remedies: LoadedRun) -> None:
    """By their folders, and by their places where these have one name, too."""
    other = replace(curve, path=Path("results/of-tuesday"))
    assert names([curve, remedies]) == ["port-range-curve", "remedies"]
    assert names([curve, other]) == ["port-range-curve", "of-tuesday"]
    assert names([curve, curve]) == ["port-range-curve (1)", "port-range-curve (2)"]


def test_the_folder_is_listed_as_it_is(curve: LoadedRun) -> None:
    """What was sealed or is there, and nothing else."""
    assert [name for name, _ in files_text(curve)] == [
        "manifest.json",
        "summary.json",
        "intervals.csv",
        "samples.csv",
        "latency.hlog",
        "figures/",
    ]
    sealed = {"openmetrics.txt": "", "percentiles/a.latency.hgrm": "", "targets/a.log": ""}
    run = replace(curve, manifest=curve.manifest.model_copy(update={"files": sealed}))
    assert {"openmetrics.txt", "percentiles/", "targets/"} < {name for name, _ in files_text(run)}


def test_the_labs_sysctls_stand_beside_the_hosts(remedies: LoadedRun) -> None:
    """Whose they are is said where not all points have them; what was set comes first."""
    rows = {
        row[0].text: [cell.text for cell in row[1:]]
        for row in place.sysctl_table(remedies.manifest).rows
    }
    assert rows["net.ipv4.tcp_fin_timeout"] == ["60", "5: fin-timeout-5"]
    ranges = rows["net.ipv4.ip_local_port_range"][1].replace("\N{NO-BREAK SPACE}", "-")
    assert ranges == "32768-33367: wider-range; 32768-33067: the others"
    assert rows["net.ipv4.tcp_tw_reuse"] == ["2", "1: tw-reuse-no-timestamps, tw-reuse"]
    assert rows["fs.file-max"][1] == "–"


def test_what_set_changed_is_said_of_older_runs_too(curve: LoadedRun) -> None:
    """Their command has it; it is quoted as a shell wants it."""
    view = run_view(curve, "run-1")
    assert view.again.settings == ["observe.interval=500ms"]
    assert view.again.command == (
        "tw-bench run profiles/port-range-curve.yaml --set observe.interval=500ms"
    )


def test_a_run_that_was_cut_short_says_why(tmp_path: Path) -> None:
    """Why it ended, which points failed; and no figure that was not measured."""
    folder = write_run(tmp_path, synthetic.interrupted(), "interrupted")
    text = render([load_run(folder)])
    assert "interrupted" in text
    assert "the client&#39;s worker 1 was killed" in text


def test_a_run_of_nothing_has_a_page(tmp_path: Path) -> None:
    """Not even a prediction: the page says so in its places."""
    folder = write_run(tmp_path, synthetic.one_point(), "failed")
    summary = json.loads((folder / "summary.json").read_text())
    empty: dict[str, Any] = {
        "prediction": {},
        "measured": None,
        "status": "failed",
        "error": "it died",
        "outcomes": [],
    }
    summary["points"][0] |= empty | {"verdict": "not-measured", "prediction_error": None}
    (folder / "summary.json").write_text(json.dumps(summary))
    for name in ("intervals.csv", "samples.csv"):
        header = (folder / name).read_text().partition("\n")[0]
        (folder / name).write_text(header + "\n")
    text = render([load_run(folder)])
    assert "it died" in text
    assert "No answer: no point was measured" in text


def test_the_same_run_gives_the_same_page(remedies: LoadedRun) -> None:
    """Byte for byte: no time of making, nothing drawn at random."""
    assert render([remedies]) == render([load_run(REMEDIES)])


def test_of_a_part_with_several_points_each_has_its_name() -> None:
    """Behind proxies too; ports, offered, refusals and verdict stand there as for other runs."""
    (table,) = key_tables(load_run(ROOT / "results/reference/proxy-cliff").summary)
    heads = [head.text for head in table.heads]
    assert heads[:3] == ["point", "ports", "offered [/s]"]
    assert {"refusals", "verdict"} <= set(heads)
    names = [row[0].text for row in table.rows]
    assert names[:2] == ["nginx/ports=50", "nginx/ports=100"]
    assert len(set(names)) == len(names)


def test_the_table_and_the_picture_have_one_figure_for_one_thing() -> None:
    """What failed is a share of the window, and a limit that is a least one says so, in both."""
    run = load_run(ROOT / "results/reference/nginx-upstream")
    (table,) = key_tables(run.summary)
    heads = [head.text for head in table.heads]
    rows = {row.name: row for row in make_rows(arrays(run).points)}
    for cells in table.rows:
        shown = dict(zip(heads, (cell.text for cell in cells), strict=True))
        limit, _, failed, *_ = rows[shown["part"]].cells
        assert f"{shown['failed [%]']} %" == failed
        assert shown["limit [/s]"].startswith(">= ") == limit.startswith("≥ ")
    assert [cell.text for cell in table.rows[4]][3] == ">= 4.88"


def test_of_few_there_is_no_high_percentile(curve: LoadedRun) -> None:
    """A p99.9 of fewer than 1,000 would be the longest; and what is covered is said."""
    latency = duration_tables(curve.points)[0]
    assert (
        latency.notes[0] == "Of the whole run, its fill included: the transactions that went well."
    )
    for row, point in zip(latency.rows, curve.points, strict=True):
        assert point.latency_us is not None
        assert (row[6].text == "–") == (point.latency_us.count < 1_000)
    assert {"–"} < {row[6].text for row in latency.rows}


def test_a_worker_without_a_whole_second_has_no_busiest(remedies: LoadedRun) -> None:
    """0 is not what it used; and its ceiling stands there though no window took a share of it."""
    point = remedies.points[0]
    assert point.generator is not None
    update = {"busiest_worker_cpu": 0.0, "ceiling_per_s": 24_848.0, "ceiling_share": None}
    cut = point.model_copy(update={"generator": point.generator.model_copy(update=update)})
    table = place.generator_table([cut])
    assert table is not None
    assert [cell.text for cell in table.rows[0]][3:6] == ["–", "24,848", "–"]
    assert "busiest" not in place.generator_sentence([cut])
    ((_, words, _),) = generator_rows([cut])
    assert words.endswith("what share of its ceiling of about 24,848/s is unknown: no window")
