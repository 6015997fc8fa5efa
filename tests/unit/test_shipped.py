"""What is shipped: every profile reads and says its question, every reference run is whole."""

import csv
import re
from pathlib import Path

import pytest

from tests.bench.generators.readings import Reading
from tests.bench.generators.record import read_document, rows
from tests.unit.machines import SMALL
from tw_bench.observe.counters import COLUMNS
from tw_bench.plan.plan import make_plan
from tw_bench.profile.reader import read
from tw_bench.report.proxied_text import closer
from tw_bench.results.schema import Manifest, Summary
from tw_bench.results.tally import INTERVAL_COLUMNS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "results" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
GENERATORS = ROOT / "results/reference/generators"  # a table of make bench, and no run
REFERENCES = sorted(
    path for path in (ROOT / "results/reference").iterdir() if path.is_dir() and path != GENERATORS
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_picture_of_a_page_is_there(page):
    """What is shown, and what is linked to here: no page has a hole in it."""
    named = re.findall(r"\]\(([^)\s#]+)[^)]*\)|<img[^>]*src=\"([^\"]+)\"", page.read_text())
    links = {shown or image for shown, image in named}
    here = {link for link in links if "://" not in link and not link.startswith("mailto:")}
    assert [link for link in sorted(here) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_says_its_question_and_reads(path):
    """Two lines of comment, the question and the answer to expect; and nothing wrong in it."""
    first, second, *_ = path.read_text().splitlines()
    assert first.startswith("# Question: ")
    assert second.startswith("# Answer:   ")
    plan = make_plan(read(path), SMALL)
    assert plan.waves == [[point.id for point in plan.experiment.points]]  # one wave on two CPUs
    assert f"({path.relative_to(ROOT)})" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_lasts_as_long_as_the_readme_says(path):
    """The quick start takes half a minute at most, a curve three, a comparison 75 seconds."""
    longest_s = {"quickstart": 30, "port-range-curve": 190, "port-range-curve-wide": 190}
    assert make_plan(read(path), SMALL).duration_s <= longest_s.get(path.stem, 75)


@pytest.mark.parametrize("folder", REFERENCES, ids=lambda path: path.name)
def test_a_reference_run_holds_what_it_should(folder):
    """Complete, of this format, its rows as the format says, and within 1 % of the law."""
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_text())
    summary = Summary.model_validate_json((folder / "summary.json").read_text())
    assert (manifest.status, summary.status) == ("complete", "complete")
    assert manifest.profile_verbatim == (ROOT / f"profiles/{folder.name}.yaml").read_text()
    points = {point.id for point in summary.points}
    for name, columns in (
        ("intervals.csv", INTERVAL_COLUMNS),
        ("samples.csv", ["point", "side", "time_s", *COLUMNS]),
    ):
        with (folder / name).open() as file:
            rows = csv.DictReader(file)
            assert set(columns) <= set(rows.fieldnames or ())  # an older one may say more
            assert points == {row["point"] for row in rows}
    for point in summary.points:
        if point.prediction["expected_per_s"] is not None:
            assert point.prediction_error is not None
            assert abs(point.prediction_error) < 0.01, point.id
        assert all(line.is_even for line in point.ledger), point.id


def test_the_table_of_generators_holds_what_it_should():
    """Its rows are those of its readings, by today's code, and its two files say the same."""
    document, kept = read_document(GENERATORS)
    readings = [Reading(**reading) for reading in document["readings"]]
    assert kept == rows(readings)
    with (GENERATORS / "generators.csv").open() as file:
        assert [str(each.per_s) for each in readings] == [
            row["per_s"] for row in csv.DictReader(file)
        ]
    assert all((GENERATORS / f"figures/generators.{kind}").exists() for kind in ("svg", "png"))


@pytest.mark.parametrize("name", ["nginx", "haproxy", "caddy"])
def test_the_page_on_upstreams_quotes_the_reference_runs(name):
    """Every row of docs/http-upstreams.md has the figures of its committed run."""
    summary = Summary.model_validate_json(
        (ROOT / f"results/reference/{name}-upstream/summary.json").read_text()
    )
    text = (ROOT / "docs/http-upstreams.md").read_text()
    section = text.partition(f"(../profiles/{name}-upstream.yaml)")[2].partition("\n## ")[0]
    for point in summary.points:
        way, measured = point.forwarding, point.measured
        assert way is not None
        assert measured is not None
        all_of_it = point.verdict == "offered-load-bound"
        cells = (
            f"{'≥ ' if all_of_it else ''}{measured.goodput_per_s:.2f}",
            f"{way.connections:,}",
            f"{way.requests_per_connection:,.4g}",
            f"{way.time_wait['server']:,} / {point.time_wait['server'].made:,}",
            closer(point),
        )
        assert f"| {point.part} | {' | '.join(cells)} |" in section


def test_the_documents_quote_the_reference_runs():
    """The figures in docs/remedies.md are those of the committed run."""
    summary = Summary.model_validate_json(
        (ROOT / "results/reference/remedies/summary.json").read_text()
    )
    text = (ROOT / "docs/remedies.md").read_text()
    for point in summary.points:
        assert point.measured is not None
        goodput = point.measured.goodput_per_s
        bounded = point.prediction["saturated_per_s"] is not None
        quoted = f"{goodput:.2f}/s" if bounded else f"≥ {goodput:.0f}/s"
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {point.part} |"))
        assert f"| {quoted} |" in row


def test_the_documents_quote_the_table_of_generators():
    """The ratios in README.md and docs/performance.md are those of the committed table."""
    document, _ = read_document(GENERATORS)
    lines = (ROOT / "docs/performance.md").read_text().splitlines()
    heads = {
        ("close", "wrk"): "wrk, a connection for each request",
        ("close", "C, epoll"): "a bare C epoll loop, a connection for each request",
        ("keep", "wrk"): "wrk, kept connections",
    }
    found = {(line["table"], line["of"]): line for line in document["asked"]}
    assert found.keys() == heads.keys()
    for key, head in heads.items():
        assert f"| {head} | {found[key]['least']:.2f} | {found[key]['found']:.2f} |" in lines
    quoted = f"{found['close', 'wrk']['found']:.2f} times the connections of wrk"
    assert quoted in (ROOT / "README.md").read_text()
