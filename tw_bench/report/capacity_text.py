"""The plan for a service in the terminal: will it do, what stands first, and what to change."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tw_bench.plan.capacity_plan import CapacityPlan
from tw_bench.plan.remedies import NO_HELP, Remedy
from tw_bench.report import capacity_words as words
from tw_bench.report.text import Cell, Column, Columns, labelled, rate_cell, time_cell

Plans = Mapping[str, CapacityPlan]  # by point; one plan of flags has no name
Row = tuple[str, str, str]  # label, words, style

_STYLES = {"ENOUGH": "bold green", "TIGHT": "bold yellow", "NOT ENOUGH": "bold red"}
_FIGURES = 22  # width of a remedy's factor and limit
_GROUPS = {True: "enough alone", False: "not enough alone", None: ""}


def show_capacity(console: Console, plans: Plans, figure: Path | None, repeat: int = 1) -> None:
    """Print one plan in full, or several as a table; `repeat` is how often a run measures each."""
    if len(plans) == 1:
        _show_one(console, next(iter(plans.values())))
    else:
        console.print(_table(plans, console.width), soft_wrap=True)
        console.print()
        console.print(Text("one of them in full: --point NAME", "dim"), soft_wrap=True)
    if repeat > 1:
        console.print()
        times = f"repeat: {repeat}: tw-bench run measures each point {repeat} times"
        console.print(Text(times, "dim"), soft_wrap=True)
    if figure is not None:
        console.print()
        console.print(Text(f"figure: {figure}"), soft_wrap=True)


def plans_json(plans: Plans) -> str:
    """Return the plans as JSON: `{"plans": [{"point": …, …}]}`, rates in requests a second."""
    found = [{"point": name, **asdict(plan)} for name, plan in plans.items()]
    return json.dumps({"plans": found}, indent=2, default=_plain, allow_nan=False)


def _plain(value: object) -> object:
    assert isinstance(value, range)  # what is taken of a range of ports
    return f"{value.start}-{value.stop - 1}"


def _show_one(console: Console, plan: CapacityPlan) -> None:
    head: list[Row] = [
        ("asked", words.asked(plan.demand), ""),
        ("where", words.place(plan.environment), ""),
        ("source", plan.environment.source, "dim"),
    ]
    console.print(labelled(head, console.width), soft_wrap=True)
    console.print()
    verdict, rest = words.answer(plan)
    style = _STYLES.get(verdict, "bold")
    answer = textwrap.wrap(f"{verdict}: {rest}" if verdict else rest, console.width)
    console.print(Text("\n".join(answer), style), soft_wrap=True)
    console.print()
    console.print(_walls(plan, console.width), soft_wrap=True)
    console.print()
    facts: list[Row] = [(label, text, "") for label, text in words.sockets(plan)]
    console.print(labelled(facts, console.width), soft_wrap=True)
    for enough, group in groupby(plan.remedies, key=lambda remedy: remedy.is_enough):
        console.print()
        heading = f"remedies, {_GROUPS[enough]}" if _GROUPS[enough] else "remedies"
        console.print(Text(heading, "bold"))
        rows = [row for remedy in group for row in _remedy(remedy)]
        console.print(labelled(rows, console.width, _FIGURES), soft_wrap=True)
    if plan.environment.linux is None:
        return
    console.print()
    useless = f"{', '.join(NO_HELP.values())} (measured: 1.0x each)"
    console.print(labelled([("no help", useless, "dim")], console.width), soft_wrap=True)


def _walls(plan: CapacityPlan, width: int) -> Text:
    asked = plan.demand.rate_per_s
    found = [w for w in plan.walls if w.limit_per_s < words.FAR_PER_S] or plan.walls[:1]

    def style(index: int) -> str:
        return "bold" if found[index].name == plan.binding else ""

    used: Sequence[Cell] = [
        (f"{100 * asked / wall.limit_per_s:,.0f} %", "red" if asked > wall.limit_per_s else "")
        if asked and wall.limit_per_s
        else ("", "")
        for wall in found
    ]
    columns = [
        Column(("", "wall"), [(w.name, style(i)) for i, w in enumerate(found)], is_right=False),
        Column(("limit", "[/s]"), [rate_cell(wall.limit_per_s) for wall in found]),
        *([Column(("asked", "of it"), used)] if asked else []),
        Column(("", "beyond it"), [(w.beyond, "") for w in found], is_right=False, goes=1),
        Column(("", "law"), [(wall.law, "dim") for wall in found], is_right=False, goes=2),
    ]
    fitted = Columns(columns, width)
    return Text("\n").join([fitted.header(), fitted.rows(range(len(found)))])


def _remedy(remedy: Remedy) -> Iterator[Row]:
    factor = words.factor(remedy.factor)
    figures = f"{factor:>8} {words.rate(remedy.limit_per_s):>11}"
    yield figures, f"{remedy.name}: {remedy.to}", ""
    yield "", "; ".join(words.price(remedy)), "dim"


def _table(plans: Plans, width: int) -> Text:
    found = list(plans.values())
    headroom: list[Cell] = [
        ("", "") if plan.headroom is None else (f"{plan.headroom:.2f}x", "") for plan in found
    ]
    columns = [
        Column(("", "point"), [(name, "") for name in plans], is_right=False),
        Column(("asked", "[/s]"), [rate_cell(plan.demand.rate_per_s) for plan in found]),
        Column(("limit", "[/s]"), [rate_cell(plan.limit_per_s) for plan in found]),
        Column(("head-", "room"), headroom),
        Column(("first", "wall"), [(plan.binding, "") for plan in found], is_right=False, goes=1),
        Column(("exhausted", "after [s]"), [time_cell(p.exhausted_after_s) for p in found], goes=2),
    ]
    fitted = Columns(columns, width)
    return Text("\n").join([fitted.header(), fitted.rows(range(len(found)))])
