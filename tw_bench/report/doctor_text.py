"""What the doctor found, in the terminal: the ports in use, then what to do about it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from tw_bench.doctor.examination import Examination
from tw_bench.doctor.finding import LEVELS, Finding, status
from tw_bench.doctor.network_namespace import NetworkNamespace
from tw_bench.doctor.usage import Usage
from tw_bench.report.text import Cell, Column, Columns, clean, labelled, limit_cell

_SHOWN = 10  # destinations
_HIGH, _FULL = 70.0, 95.0  # percent, from where a figure is coloured
_STYLES = {"blocking": "red", "advice": "yellow", "ready": "green"}
_ENOUGH = 46  # a long IPv6 address with its port: other columns go first
_LIMIT = "limit"
_LEGEND = "limit: steady connections a second to one destination, when they are closed from here"


def show_host(console: Console, e: Examination, findings: Sequence[Finding]) -> None:
    """Print a host's examination."""
    facts = e.facts
    _show_heading(console, f"Linux {facts.kernel}, HZ {facts.hz}", findings)
    if e.namespace.is_initial is False:
        where = labelled([("", _namespace_text(e.namespace), "dim")], console.width, 0)
        console.print(where, soft_wrap=True)
    shown = e.usage[:_SHOWN]
    if shown:
        console.print()
        console.print(Text("Ports in use, by source and destination, the busiest first", "bold"))
        table = _usage_table(shown, console.width - 1)
        console.print(table.header(), soft_wrap=True)
        console.print(table.rows(range(len(shown))), soft_wrap=True)
        if e.table.destinations > len(shown):
            more = e.table.destinations - len(shown)
            console.print(Text(f"and {more:,} more destinations", "dim"))
        if any(column.header[0] == _LIMIT for column in table.columns):
            legend = labelled([("", _LEGEND, "dim")], console.width, 0)
            console.print(legend, soft_wrap=True)
    _show_findings(console, findings)
    if e.unseen:
        console.print()
        unseen = [("unseen" if n == 0 else "", text, "dim") for n, text in enumerate(e.unseen)]
        console.print(labelled(unseen, console.width), soft_wrap=True)


def _namespace_text(here: NetworkNamespace) -> str:
    """Return whose sockets these are, where they are not those of the machine itself."""
    process_1 = {
        True: "that of process 1, as in a container",
        False: "not that of process 1",
        None: "process 1 hides which it is in",
    }[here.is_of_process_1]
    return (
        f"Network namespace {here.name}, not the initial one ({process_1}): what is outside of "
        "it is not seen here."
    )


def show_profile(console: Console, title: str, findings: Sequence[Finding]) -> None:
    """Print whether a profile can be run here, and what will be wrong with its result."""
    verdict = "can" if status(findings) == "ready" else "cannot"
    _show_heading(console, f"{clean(title)}: {verdict} be run here", findings)
    _show_findings(console, findings)


def _show_heading(console: Console, subject: str, findings: Sequence[Finding]) -> None:
    counts = Counter(finding.level for finding in findings)
    console.print(Text(subject, "bold"))
    sums = ", ".join(f"{counts[level]} {level}" for level in LEVELS)
    grave = next((level for level in LEVELS if counts[level]), "ready")
    console.print(Text(sums, _STYLES[grave]))


def _show_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print each finding as a block, what is ready as a line each, and settings in a row."""
    for finding in findings:
        if finding.level != "ready":
            console.print()
            _show_finding(console, finding)
    fine = [(f.topic, f.found) for f in findings if f.level == "ready" and not f.is_setting]
    settings = ", ".join(f"{f.topic}={f.found}" for f in findings if f.is_setting)
    if settings:
        fine.append(("settings", settings))
    if fine:
        console.print()
        rows = [("ready" if n == 0 else "", ": ".join(row), "") for n, row in enumerate(fine)]
        console.print(labelled(rows, console.width), soft_wrap=True)


def _show_finding(console: Console, finding: Finding) -> None:
    style = _STYLES[finding.level]
    rows = [(finding.level, f"{finding.topic}: {finding.found}", style), ("why", finding.why, "")]
    console.print(labelled(rows, console.width), soft_wrap=True)
    if finding.command:  # on one line, however narrow: it is there to be copied
        console.print(Text(f"{'do':<10}", "bold").append(finding.command, "cyan"), soft_wrap=True)
    if finding.risk:
        console.print(labelled([("risk", finding.risk, "dim")], console.width), soft_wrap=True)


def _usage_table(uses: Sequence[Usage], width: int) -> Columns:
    """Return the table with all states of each, or with the one that most ports are in."""
    columns = list(_usage_columns(uses))

    def table(header: str, states: Callable[[Usage], str]) -> Columns:
        cells = [(states(use), "") for use in uses]
        last = Column(("", header), cells, is_right=False, goes=3)
        return Columns([*columns, last], width, _ENOUGH)

    full = table("states", _states)
    return table("mostly", _most) if full.left_out else full


def _usage_columns(uses: Sequence[Usage]) -> Iterator[Column]:
    pairs = [f"{use.destination.source} to {use.destination.name}" for use in uses]
    yield Column(("source", "to destination"), [(pair, "") for pair in pairs], is_right=False)
    yield Column(("ports", "used"), [(f"{u.destination.used_ports:,}", "") for u in uses])
    yield Column(("", "of"), [(f"{use.usable_ports:,}", "") for use in uses], goes=2)
    yield Column(("", "[%]"), [_percent_cell(use) for use in uses])
    limits = [limit_cell(use.sustainable_per_s) for use in uses]
    yield Column((_LIMIT, "[/s]"), limits, goes=1)


def _percent_cell(use: Usage) -> Cell:
    share = use.blocked_percent
    style = "red" if share >= _FULL else "yellow" if share >= _HIGH else ""
    return f"{use.percent:.1f}", style


def _states(use: Usage) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in use.destination.by_state.items())


def _most(use: Usage) -> str:
    return next(iter(use.destination.by_state), "")
