"""A run as the page prints it: what it says is decided here, the template gives it its place.

Only the pictures are drawn (report/figures); the rest is taken from manifest and summary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tw_bench.report.answer import answer
from tw_bench.report.figures import draw_inline
from tw_bench.report.page import key_figures, method, place
from tw_bench.report.page.durations import duration_tables, worst_text
from tw_bench.report.page.endings import Endings, endings
from tw_bench.report.page.folder import Again, again
from tw_bench.report.page.key_figures import Evidence, Thresholds, VerdictCount
from tw_bench.report.page.sums import Sums, sums
from tw_bench.report.page.table import Table, is_long
from tw_bench.report.page.what_if import what_if
from tw_bench.report.result_text import failure_rows, repetition_rows
from tw_bench.report.text import unbroken
from tw_bench.results.reading import LoadedRun
from tw_bench.results.repetitions import groups, times_text
from tw_bench.results.schema import Status

if TYPE_CHECKING:
    from tw_bench.report.figures.inline import Drawing

_STATUS: dict[Status, str] = {"complete": "✓", "interrupted": "◐", "failed": "✗", "running": "…"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A section of the page; `id` is its anchor and begins every id in it."""

    id: str
    name: str
    title: str
    question: str
    status: Status
    glyph: str  # of the status
    facts: list[str]  # how many points, which kernel, when
    answer: str
    failures: list[str]  # why the run or a point did not come to its end
    verdicts: list[VerdictCount]
    mixed: list[str]  # whose verdict was not the same in each repetition
    thresholds: Thresholds | None
    key: list[Table]
    repetitions: Table | None
    titles: list[tuple[str, str]]
    evidence: list[Evidence]
    what_if: dict[str, Any] | None
    drawings: "list[Drawing]"
    endings: Endings
    durations: list[Table]
    slowest: str  # of many points, in a sentence
    sums: Sums
    host: list[tuple[str, str]]
    sysctls: Table
    generator: Table | None
    strain: str  # of many points, the worst of the generator in a sentence
    method: list[str]
    waves: list[list[str]]
    findings: list[str]
    again: Again


def run_view(run: LoadedRun, id: str, name: str = "") -> RunView:
    """Return what the page prints of a run; its name is the profile's unless it is given.

    Raises:
        ResultsError: a file of the run is missing, or not what it was when the run was sealed.
    """
    summary, manifest = run.summary, run.manifest
    return RunView(
        id=id,
        name=name or manifest.name,
        title=summary.title or manifest.name,
        question=summary.question,
        status=summary.status,
        glyph=_STATUS[summary.status],
        facts=list(_facts(run)),
        answer=unbroken(answer(summary)),
        failures=[words for _, words, _ in failure_rows(summary)],
        verdicts=key_figures.verdict_counts(summary.points),
        mixed=[words for _, words, tone in repetition_rows(summary.points) if tone],
        thresholds=key_figures.thresholds(summary.thresholds),
        key=key_figures.key_tables(summary),
        repetitions=key_figures.repetitions_table(summary.points),
        titles=key_figures.titles(summary.points),
        evidence=key_figures.evidence(summary.points),
        what_if=what_if(run),
        drawings=draw_inline(run, id),
        endings=endings(summary.points),
        durations=duration_tables(summary.points),
        slowest=worst_text(summary.points) if is_long(summary.points) else "",
        sums=sums(summary.points),
        host=place.host_facts(manifest),
        sysctls=place.sysctl_table(manifest),
        generator=place.generator_table(summary.points),
        strain=place.generator_sentence(summary.points) if is_long(summary.points) else "",
        method=[unbroken(text) for text in method.method(summary, manifest)],
        waves=manifest.waves,
        findings=manifest.findings,
        again=again(run),
    )


def _facts(run: LoadedRun) -> Iterator[str]:
    host, manifest, points = run.manifest.host, run.manifest, len(groups(run.points))
    what = "point" if run.summary.found is None else "probe"
    repeated = times_text(run.points)
    seed = manifest.shuffle_seed
    order = "" if seed is None else f", in shuffled order (seed {seed})"
    yield f"{points} {what}{'' if points == 1 else 's'}" + (repeated and f", {repeated}{order}")
    yield f"Linux {host.get('kernel', '?')}"
    yield f"HZ {host.get('hz', '?')}"
    yield f"{_minute(manifest.started_at)} UTC"
    yield f"tw-bench {manifest.versions.get('tw-bench', '?')}"
    if manifest.resumed_at:
        yield f"resumed {', '.join(map(_minute, manifest.resumed_at))}"


def _minute(time: str) -> str:
    """Return an ISO 8601 time as a person reads it.

    >>> _minute("2026-11-20T10:53:30Z")
    '2026-11-20 10:53'
    """
    return time[:16].replace("T", " ")
