"""The tables as text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.bench.generators.catalogue import CLOSE, KEEP
from tests.bench.generators.record import Row
from tests.bench.generators.rounds import TARGETS, WORKERS

_ALONE = 0.9  # of a processor
_HEADS = {
    CLOSE: "A connection for each request, closed by nginx: connections/s",
    KEEP: "Connections that are kept: requests/s",
    WORKERS: "tw-bench, one worker and two, the whole run: connections/s",
    TARGETS: "tw-bench, one worker against the embedded target: connections/s",
}


def tables(document: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of all tables and what is asked of the worker."""
    cpus = document["processors"]
    yield (
        f"{document['concurrency']} at once; generator on CPU {_list(cpus['generators'])}, "
        f"{document['versions']['nginx']} on CPU {_list(cpus['server'])}; medians of "
        f"{document['rounds']} × {document['window_s']:.0f} s"
    )
    yield "Rates by the server's kernel, and by the generator itself; processors used by it and by"
    yield "the server; connections that left TIME_WAIT at the client; errors the generator reports"
    for table, head in _HEADS.items():
        found = [row for row in rows if row.table == table]
        if found:
            yield from ("", head, *_table(table, found))
        if table == WORKERS and (efficiency := document["two_workers_efficiency"]) is not None:
            yield (
                "  connections per processor second of the workers, two to one: "
                f"{efficiency:.2f} (1: they take nothing from each other)"
            )
    yield ""
    for line in document["asked"]:
        yield _asked(line)
    busy = document["busiest_cpu"]
    if busy is not None and busy < _ALONE:
        yield (
            f"NOT ALONE: the busier of generator and server had {busy:.2f} of its processor, where "
            "a closed loop takes all of it: something else was running, and ratios are uncertain"
        )


def _table(table: str, rows: Sequence[Row]) -> Iterator[str]:
    others = table in (WORKERS, TARGETS)
    base = "× one" if table == WORKERS else "× nginx"
    ratios = f"{base:>9}" if others else f"{'× wrk':>7}{'× floor':>9}"
    yield (
        f"  {'':21}{'median':>9}{'least':>9}{'most':>9}{'itself':>9}{ratios}"
        f"{'CPU':>6}{'server':>7}{'TIME_WAIT':>10}{'errors':>7}"
    )
    for row in rows:
        ratios = f"{_ratio(row.by_one):>9}"
        if not others:
            ratios = f"{_ratio(row.by_wrk):>7}{_ratio(row.by_floor):>9}"
        own = "–" if row.own_per_s is None else f"{row.own_per_s:,.0f}"
        yield (
            f"  {row.name:21}{row.per_s:>9,.0f}{row.least_per_s:>9,.0f}{row.most_per_s:>9,.0f}"
            f"{own:>9}{ratios}{row.generator_cpu:>6.2f}{row.server_cpu:>7.2f}"
            f"{f'{row.client_time_wait:.1%}':>10}{row.errors:>7,}"
        )


def _asked(line: Mapping[str, Any]) -> str:
    what = {CLOSE: "a connection for each request", KEEP: "kept connections"}[line["table"]]
    head = f"tw-bench, one worker / {line['of']}, {what}"
    if line["found"] is None:
        return f"{head}: not measured"
    word = "reached" if line["found"] >= line["least"] else "NOT reached"
    return f"{head}: {line['found']:.2f} ({word}: {line['least']:.2f} is asked)"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _list(cpus: Sequence[int]) -> str:
    return ",".join(map(str, cpus))
