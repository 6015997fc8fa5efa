"""What a comparison says in words and figures, whatever it is written into."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tw_bench.results.compare_document import Change, Effect, Pair
from tw_bench.results.compare_intervals import FEWEST
from tw_bench.results.compare_metrics import COUNTS, FOUND, GOODPUT, PREDICTION_ERROR

_LABELS = {
    GOODPUT: "goodput [/s]",
    FOUND: "clean rate [/s]",
    "latency_us.p50": "latency p50 [µs]",
    "latency_us.p99": "latency p99 [µs]",
    "connect_us.p99": "connect p99 [µs]",
    "connect_call_us.p99": "connect(2) p99 [µs]",
    "generator.cpu": "load CPU",
    "forwarding.cpu": "proxy CPU",
    "forwarding.requests_per_connection": "requests on each",
    PREDICTION_ERROR: "error [%]",
}
_CHANGED: tuple[Effect, ...] = ("worse", "changed", "better")
_REST: dict[Effect, str] = {
    "none": "without a significant difference",
    "negligible": "significant, negligible (below {smallest})",
    "unjudged": "below {smallest}, not judged",
    "same": "the same",
}
_LARGE, _SMALL, _TINY = 100, 10, 0.1  # percent: where another number of digits begins


def label(metric: str) -> str:
    """Return what a figure is called in a table.

    >>> label("goodput_per_s"), label("time_wait.client.peak")
    ('goodput [/s]', 'TIME_WAIT client')
    """
    if metric.startswith("time_wait."):
        return f"TIME_WAIT {metric.split('.')[1]}"
    return _LABELS.get(metric, metric)


def value_text(metric: str, value: float) -> str:
    """Return a figure with four digits, all of those before the point.

    >>> value_text("goodput_per_s", 40.0), value_text("latency_us.p99", 12345.6)
    ('40.00', '12,346')
    """
    if metric == PREDICTION_ERROR:
        return f"{100 * value:+.2f}"
    if metric in COUNTS or metric.startswith("time_wait."):
        return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
    digits = max(0, 4 - len(f"{abs(value):.0f}")) if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


def percent(share: float, *, is_signed: bool = True) -> str:
    """Return a share in percent, without the sign of it, with the digits that matter.

    >>> [percent(share) for share in (12.34, -0.2, -0.0999999999, 0.0083, 0.00012, 0.0)]
    ['+1,234', '-20.0', '-10.0', '+0.83', '+0.012', '0']
    """
    value = float(f"{100 * share:.5g}")  # a quotient may be a little less than its round figure
    if not value:
        return "0"
    form = (
        ".0f"
        if abs(value) >= _LARGE
        else ".1f"
        if abs(value) >= _SMALL
        else ".2f"
        if abs(value) >= _TINY
        else ".2g"
    )
    return f"{value:{'+' if is_signed else ''},{form}}"


def difference_text(change: Change) -> str:
    """Return a difference with its unit: percent of the base, points, or a count."""
    if change.is_share:
        return f"{percent(change.difference)} %"
    if change.metric == PREDICTION_ERROR:
        return f"{percent(change.difference)} points"
    return f"{change.difference:+,.4g}"


def interval_text(change: Change) -> str:
    """Return the 95 % interval in the unit of the difference, or why there is none."""
    if change.interval is None:
        return "none"
    low, high = change.interval
    if change.is_share or change.metric == PREDICTION_ERROR:
        return f"{percent(low)} to {percent(high)}"
    return f"{low:+,.4g} to {high:+,.4g}"


def is_named(change: Change, smallest: float) -> bool:
    """Whether a change has a line of its own; what is new is told beside the verdicts."""
    if change.effect == "unjudged":
        return abs(change.difference) >= smallest or not change.is_share
    return change.effect in _CHANGED and not change.is_new


def named(pair: Pair, smallest: float) -> list[Change]:
    """Return the changes that have a line of their own, the worst first."""
    return [change for change in pair.changes if is_named(change, smallest)]


def news(pair: Pair) -> Iterator[tuple[str, Effect]]:
    """Yield what comes first: other verdicts, and refusals or errors where the base has none."""
    for one in pair.verdicts:
        yield f"{one.point}: {one.base} is now {one.other}", one.effect
    for change in pair.changes:
        if change.is_new:
            count = value_text(change.metric, change.other)
            yield f"{change.point}: {count} {change.metric}, none in {pair.base}", change.effect


def finding(pair: Pair, smallest: float) -> str:
    """Return what came out, in a sentence or two."""
    texts = (_news_text(pair), rates_text(pair, smallest), _others_text(pair))
    return " ".join(f"{text}." for text in texts if text)


def _others_text(pair: Pair) -> str:
    """Return how many figures changed beside verdicts, refusals and rates."""
    others = [one for one in pair.changes if one.metric not in (GOODPUT, FOUND) and not one.is_new]
    counts = Counter(change.effect for change in others)
    said = [f"{counts[effect]} {effect}" for effect in _CHANGED if counts[effect]]
    return f"Other figures: {', '.join(said)}" if said else ""


def _news_text(pair: Pair) -> str:
    """Return how many points have another verdict, or refusals that the base has not."""
    counts = [(len(pair.verdicts), "another verdict")]
    for metric in COUNTS:
        new = sum(change.is_new and change.metric == metric for change in pair.changes)
        counts.append((new, f"new {metric}"))
    said = [f"{what} at {_points(count)}" for count, what in counts if count]
    text = ", ".join(said)
    return text[:1].upper() + text[1:]


def rates_text(pair: Pair, smallest: float) -> str:
    """Return what became of the rates; a difference that nobody could see is said to be that."""
    rates = [change for change in pair.changes if change.metric in (GOODPUT, FOUND)]
    if not rates:
        return "No rate was measured on both sides"
    what = "goodput" if rates[0].metric == GOODPUT else "clean rate"
    said = []
    for word, effect in (("lower", "worse"), ("higher", "better")):
        found = [change for change in rates if change.effect == effect]
        if found:
            said.append(f"{word} {_where(found, rates)}")
    open_ones = [one for one in rates if one.effect == "unjudged" and is_named(one, smallest)]
    if open_ones:
        said.append(_open_text(open_ones, rates, smallest))
    if said:
        return f"{what.capitalize()} is {', '.join(said)}"
    if all(change.effect == "same" for change in rates):
        return f"No difference: {what} is the same at {_all(rates)}"
    if any(change.interval is None for change in rates):
        apart = f"less than {100 * smallest:g} % apart"
        return f"{what.capitalize()} is {apart} at {_all(rates)}"
    return _no_difference_text(what, rates)


def _open_text(found: Sequence[Change], rates: Sequence[Change], smallest: float) -> str:
    """Return how far apart rates are of which there are too few measurements."""
    most = max(found, key=_apart)
    word, why = "lower" if most.difference < 0 else "higher", f"{too_few(found)} cannot judge that"
    by = f"{_by(most)} {word}" if most.base else f"{word}: {zero_text(most)}"
    if len(rates) == 1:
        return f"{by}; {why}"
    where = f"{100 * smallest:g} % or more apart at {len(found)} of {len(rates)} points"
    return f"{where}, {by}{' at the most' if len(found) > 1 else ''} ({most.point}); {why}"


def _no_difference_text(what: str, rates: Sequence[Change]) -> str:
    """Return that nothing was found, and how far from none it may be all the same."""
    slight = [change for change in rates if change.effect == "negligible"]
    if not slight:
        widest = max(rates, key=_reach)
        ends = f"{percent(_reach(widest), is_signed=False)} %"
        if not widest.is_share:
            ends = f"{_reach(widest):,.4g}/s"
        whose = "the interval reaches" if len(rates) == 1 else "the widest interval reaches"
        return f"No significant difference in {what} at {_all(rates)} ({whose} ±{ends})"
    most = max(slight, key=_apart)
    word = "lower" if most.difference < 0 else "higher"
    more = f" and at {len(slight) - 1} more" if len(slight) > 1 else ""
    return (
        f"No difference in {what} worth naming at {_all(rates)}: {word} by {_by(most)} at "
        f"{most.point}{more} (significant, negligible)"
    )


def _where(found: Sequence[Change], rates: Sequence[Change]) -> str:
    """Return at how many points, and where by most."""
    most = max(found, key=_apart)
    by = f"by {_by(most)}" if most.base else zero_text(most)
    if len(rates) == 1:
        return by if most.base else f"({by})"
    if len(found) == 1:
        return f"at 1 of {len(rates)} points: {by} ({most.point})"
    return f"at {len(found)} of {len(rates)} points: {by} at the most ({most.point})"


def _by(change: Change) -> str:
    """Return how far a rate is from the base; where a measurement is zero in no percentage."""
    if change.is_share:
        return f"{percent(abs(change.difference), is_signed=False)} %"
    return f"{value_text(change.metric, abs(change.difference))}/s"


def zero_text(change: Change) -> str:
    """Return what a rate is where the base has none, such as `0 is now 84.50/s`, else nothing."""
    return "" if change.base else f"0 is now {value_text(change.metric, change.other)}/s"


def _apart(change: Change) -> tuple[bool, float]:
    """What no percentage can say is farther than what one can."""
    return not change.is_share, abs(change.difference)


def _reach(change: Change) -> float:
    return max(map(abs, change.interval or (0.0,)))


def _all(rates: Sequence[Change]) -> str:
    return "the search" if rates[0].metric == FOUND else _points(len(rates))


def _points(count: int) -> str:
    return f"{count} point{'' if count == 1 else 's'}"


def too_few(changes: Sequence[Change]) -> str:
    """Return how many measurements a side there are, where they are too few for an interval."""
    count = min(min(change.base_count, change.other_count) for change in changes)
    return "one measurement a side" if count == 1 else f"{count} measurements a side"


def advice(pair: Pair) -> str:
    """Return what would give the intervals that are missing, or nothing."""
    bare = [change for change in pair.changes if change.interval is None]
    if not bare:
        return ""
    if all(change.metric == FOUND for change in bare):
        return f"{too_few(bare)}: no interval; {FEWEST} searches a side give one"
    return (
        f"{too_few(bare)}: no interval; repeat: 5 in the profile gives one, or {FEWEST} runs a "
        "side and more"
    )


def rest_text(pair: Pair, smallest: float) -> str:
    """Return in one line what has none of its own."""
    rest = [one for one in pair.changes if not is_named(one, smallest) and not one.is_new]
    if not rest:
        return ""
    counts = Counter(change.effect for change in rest)
    bound = f"{100 * smallest:g} %"
    said = [
        f"{counts[effect]} {words.format(smallest=bound)}"
        for effect, words in _REST.items()
        if counts[effect]
    ]
    return f"{len(rest)} other figure{'' if len(rest) == 1 else 's'}: {', '.join(said)}"
