"""A comparison of runs in the terminal: what differs around them, what changed, and how sure."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from tw_bench.report import compare_around
from tw_bench.report import compare_words as words
from tw_bench.report.text import Cell, Column, Columns, clean, labelled
from tw_bench.results.compare_document import Change, Comparison, Effect, Pair

_MOST_ROWS = 30  # of a table
_MOST_LINES = 8  # of one label
_STYLES: dict[Effect, str] = {
    "worse": "red",
    "better": "green",
    "changed": "yellow",
    "unjudged": "yellow",
}

Row = tuple[str, str, str]  # label, words, style


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print what is compared, what differs around it, and what came out for each side."""
    base, *others = comparison.sides
    names = " and ".join(clean(side.name) for side in others)
    console.print(Text(f"{names} against {clean(base.name)}", "bold"), soft_wrap=True)
    console.print()
    rows = [("base", compare_around.side_text(base), "")]
    rows += [("other", compare_around.side_text(side), "") for side in others]
    rows += _limited("differs", list(compare_around.differs_texts(comparison)), "yellow")
    console.print(labelled(rows, console.width), soft_wrap=True)
    for pair in comparison.pairs:
        if len(others) > 1:
            console.print()
            console.print(Text(f"{clean(pair.other)} against {clean(pair.base)}", "bold"))
        _show_pair(console, pair, comparison.smallest)


def _show_pair(console: Console, pair: Pair, smallest: float) -> None:
    news = [(text, _STYLES[effect]) for text, effect in words.news(pair)]
    console.print()
    if news:
        rows = [("changed" if n == 0 else "", *one) for n, one in enumerate(news[:_MOST_LINES])]
        rows += _more(len(news) - _MOST_LINES)
        console.print(labelled(rows, console.width), soft_wrap=True)
        console.print()
    changes = words.named(pair, smallest)
    if changes:
        console.print(_table(changes[:_MOST_ROWS], console.width), soft_wrap=True)
        for row in _more(len(changes) - _MOST_ROWS):
            console.print(Text(row[1], "dim"))
        console.print()
    console.print(labelled(_closing_rows(pair, smallest), console.width), soft_wrap=True)


def _closing_rows(pair: Pair, smallest: float) -> Iterator[Row]:
    yield from _limited("left out", pair.not_compared, "yellow")
    for label, text in (
        ("the rest", words.rest_text(pair, smallest)),
        ("chance", compare_around.chance_text(pair)),
        ("note", compare_around.one_run_text(pair)),
        ("advice", words.advice(pair)),
    ):
        if text:
            yield label, text, "yellow" if label == "advice" else ""
    yield "answer", words.finding(pair, smallest), "bold"


def _limited(label: str, texts: Sequence[str], style: str) -> Iterator[Row]:
    """Yield a line each, the first few of many."""
    for number, text in enumerate(texts[:_MOST_LINES]):
        yield label if number == 0 else "", text, style
    yield from _more(len(texts) - _MOST_LINES)


def _more(count: int) -> list[Row]:
    return [("", f"and {count} more (--json has all)", "dim")] if count > 0 else []


def _table(changes: Sequence[Change], width: int) -> Text:
    def column(texts: Sequence[str]) -> list[Cell]:
        return [(text, "") for text in texts]

    metrics = [change.metric for change in changes]
    columns = [
        Column(("", "point"), column([clean(c.point) for c in changes]), is_right=False),
        Column(("", "figure"), column([words.label(m) for m in metrics]), is_right=False),
        Column(("", "base"), column([words.value_text(c.metric, c.base) for c in changes]), goes=3),
        Column(("", "other"), column([words.value_text(c.metric, c.other) for c in changes])),
        Column(("", "difference"), [_difference(change) for change in changes]),
        Column(("95 %", "interval"), column([words.interval_text(c) for c in changes]), goes=2),
        Column(("", ""), [_effect(change) for change in changes], is_right=False, goes=1),
    ]
    table = Columns(columns, width)
    return Text("\n").join([table.header(), table.rows(range(len(changes)))])


def _difference(change: Change) -> Cell:
    return words.difference_text(change), _STYLES.get(change.effect, "") or "bold"


def _effect(change: Change) -> Cell:
    return change.effect, _STYLES.get(change.effect, "")
