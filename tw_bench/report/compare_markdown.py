"""A comparison of runs for a pull request: one line, the changes, and the rest folded away.

Names come from profiles and folders of others: nothing in them is markup, and nobody is mentioned.
"""

import re
from collections.abc import Iterator, Sequence

from tw_bench.report import compare_around
from tw_bench.report import compare_words as words
from tw_bench.report.text import clean
from tw_bench.results.compare_document import Change, Comparison, Pair

# Also what would begin a list, were it the first word of a line.
_MARKUP = re.compile(r"([\\`*_{}\[\]#|~]|^[-+](?= )|(?<=^\d)[.)](?= ))")
_MOST_ROWS = 200  # of a table: a comment on GitHub may have 65,536 characters
_MOST_LINES = 20  # of a list
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
_EFFECTS = {"unjudged": "not judged", "none": "", "same": ""}


def markdown(comparison: Comparison) -> str:
    """Return a comparison as GitHub's Markdown, which other places read as well."""
    base = comparison.sides[0]
    blocks = []
    for pair in comparison.pairs:
        blocks.append(f"### tw-bench: {_safe(pair.other)} against {_safe(pair.base)}")
        blocks.append(f"**{_safe(words.finding(pair, comparison.smallest))}**")
        blocks += _pair_blocks(pair, comparison.smallest)
    differs = list(compare_around.differs_texts(comparison))
    if differs:
        blocks.append(f"Differs around the runs:\n\n{_list(differs)}")
    sides = ", ".join(_safe(compare_around.side_text(side)) for side in comparison.sides)
    blocks.append(f"<sub>Base: {_safe(base.name)}. {sides}. tw-bench {comparison.tw_bench}.</sub>")
    return "\n\n".join(blocks)


def _pair_blocks(pair: Pair, smallest: float) -> Iterator[str]:
    news = [f"{text} ({effect})" for text, effect in words.news(pair)]
    if news:
        yield _list(news)
    named = words.named(pair, smallest)
    if named:
        yield _table(named)
    notes = (
        words.rest_text(pair, smallest),
        compare_around.chance_text(pair),
        compare_around.one_run_text(pair),
        words.advice(pair),
    )
    if any(notes):
        yield _list([note for note in notes if note])
    if pair.not_compared:
        yield _folded(f"{len(pair.not_compared)} not compared", _list(pair.not_compared))
    rest = [change for change in pair.changes if change not in named and not change.is_new]
    if rest:
        yield _folded(f"{len(rest)} other figures", _table(rest))


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _table(changes: Sequence[Change]) -> str:
    head = "| point | figure | base | other | difference | 95 % interval | |"
    rows = [head, "|---|---|--:|--:|--:|--:|---|", *map(_row, changes[:_MOST_ROWS])]
    return "\n".join(rows) + _more(len(changes) - _MOST_ROWS)


def _list(texts: Sequence[str]) -> str:
    lines = [f"- {_safe(text)}" for text in texts[:_MOST_LINES]]
    return "\n".join(lines) + _more(len(texts) - _MOST_LINES)


def _more(count: int) -> str:
    return f"\n\nand {count} more (`--json` has all)" if count > 0 else ""


def _row(change: Change) -> str:
    cells = (
        change.point,
        words.label(change.metric),
        words.value_text(change.metric, change.base),
        words.value_text(change.metric, change.other),
        words.difference_text(change),
        words.interval_text(change),
        _EFFECTS.get(change.effect, change.effect),
    )
    return f"| {' | '.join(map(_safe, cells))} |"


def _safe(text: str) -> str:
    r"""Return text that reads as it is: no markup, no HTML, no table cell, no mention, one line.

    >>> _safe("a|b <script> @all")
    'a\\|b &lt;script&gt; &#64;all'
    """
    line = " ".join(clean(text).split())
    escaped = _MARKUP.sub(r"\\\1", line)
    return "".join(_ENTITIES.get(letter, letter) for letter in escaped)
