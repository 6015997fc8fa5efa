"""A search in words: what will be tried, the probes in the order they were run, and the answer."""

from collections.abc import Sequence

from rich.text import Text

from tw_bench.plan.plan import Plan
from tw_bench.profile.quantities import Rate
from tw_bench.report.generator_text import marked
from tw_bench.report.result_cells import bold
from tw_bench.report.text import (
    DASH,
    TIME_LAPSE,
    Cell,
    Column,
    Columns,
    count_cell,
    rate_cell,
)
from tw_bench.results.schema import Found, Percentiles, PointResult, Summary
from tw_bench.units import duration_text, rate_text

_WHOLE = 10  # percent, from here on without decimals
_TIMES = 2  # from here on a limit is so many times as high
_STYLES = {"clean": "green", "generator": "red", "not-measured": "red"}


def search_text(plan: Plan) -> str:
    """Return what a search is about to do, and how long that may take; nothing where it is none."""
    search = plan.search
    if search is None:
        return ""
    probe_s = max(prediction.duration_s for prediction in plan.predictions.values())
    side = f", {search.side_by_side} side by side" if search.side_by_side > 1 else ""
    return (
        f"search for the highest clean rate: {rate_text(search.start_per_s)} first, doubled until "
        f"a probe is not clean, then divided down to {100 * search.precision:g} %; at most "
        f"{search.most_probes} probes of {duration_text(probe_s)}{side}; "
        f"{duration_text(plan.duration_s)} of load at the most"
    )


def found_table(summary: Summary, width: int) -> Text:
    """Return the probes in the order they were run, and what clean means."""
    points, found = summary.points, summary.found
    assert found is not None
    table = Columns(probe_columns(points, found), width)
    lapse = next((p.prediction["hold_s"] for p in points if p.prediction.get("time_lapse")), None)
    head = [] if lapse is None else [Text(TIME_LAPSE.format(lapse), "magenta")]
    legend = Text(clean_text(found), "dim")
    return Text("\n").join([*head, table.header(), table.rows(range(len(points))), legend])


def found_answer(found: Found) -> str:
    """Return the highest clean rate, what lies above it, and where the model has its limit."""
    low, high = found.interval_per_s
    words = [_rate_words(found), _above_words(found)]
    if found.ended in ("probes", "stopped") and low is not None and high is not None:
        why = {"probes": "all probes are used up", "stopped": "the search was stopped"}
        words.append(f"The interval is wider than asked: {why[found.ended]}.")
    words.append(_predicted_words(found))
    return " ".join(word for word in words if word)


def exact(per_s: float) -> str:
    """Return a rate with all its digits: it is the one that was offered.

    >>> exact(481.29), exact(1250.0)
    ('481.29/s', '1250/s')
    """
    return str(Rate(per_s, "/s"))


def probe_columns(points: Sequence[PointResult], found: Found) -> list[Column]:
    """Return the columns of a search, a cell for each probe."""
    low, high = found.interval_per_s
    ends: dict[float | None, Cell] = {
        high: ("lowest that is not", "bold"),
        low: ("highest clean", "bold"),
    }
    probes = found.probes
    names = [marked((exact(o.rate_per_s), ""), p) for o, p in zip(probes, points, strict=True)]
    return [
        Column(("", "probe"), names, is_right=False),
        Column(
            ("goodput", "[/s]"),
            [bold(rate_cell(getattr(p.measured, "goodput_per_s", None))) for p in points],
        ),
        Column(
            ("", "refusals"), [count_cell(getattr(p.measured, "refusals", None)) for p in points]
        ),
        Column(("latency", "p50 [ms]"), [_ms(p.latency_us, "p50") for p in points], goes=2),
        Column(("latency", "p99 [ms]"), [_ms(p.latency_us, "p99") for p in points], goes=1),
        Column(("lag, most", "[ms]"), [_ms(_lag(p), "max") for p in points], goes=3),
        Column(
            ("", "met"),
            [(one.outcome, _STYLES.get(one.outcome, "yellow")) for one in probes],
            is_right=False,
            name="outcome",
        ),
        Column(
            ("", ""),
            [ends.get(one.rate_per_s, ("", "")) for one in probes],
            is_right=False,
            name="end of the interval",
        ),
    ]


def _ms(values: Percentiles | None, name: str) -> Cell:
    return (DASH, "dim") if values is None else (f"{getattr(values, name) / 1e3:,.2f}", "")


def _lag(point: PointResult) -> Percentiles | None:
    return point.generator.schedule_lag_us if point.generator is not None else None


def clean_text(found: Found) -> str:
    """Return what clean means in this search."""
    refused = (
        f"{100 * found.refusals_allowed:g} % refused at the most" if found.refusals_allowed else ""
    )
    bounds = [
        f"latency {name} up to {duration_text(us / 1e6)}"
        for name, us in found.latency_allowed_us.items()
    ]
    never = "no error, no missed slot" if refused else "no refusal, no error, no missed slot"
    words = ", ".join([never, *([refused] if refused else []), *bounds])
    return f"clean: {words}, for {duration_text(found.probe_s)}"


def _rate_words(found: Found) -> str:
    low, high = found.interval_per_s
    if low is None:
        lowest = f"; the lowest that was tried is {exact(high)}" if high is not None else ""
        return f"No rate was found clean{lowest}."
    if high is None:
        most = {"most": ", the most that was asked for"}.get(found.ended, "")
        return f"{exact(low)} is clean{most}: the knee lies above it."
    if found.outcome == "generator":
        return f"The highest clean rate is {exact(low)}; the knee lies there or above."
    return f"The highest clean rate is {exact(low)} (interval {low:g} to {exact(high)})."


def _above_words(found: Found) -> str:
    high = found.interval_per_s[1]
    if high is None:
        return ""
    if found.outcome == "generator":
        return f"At {exact(high)} it was the generator, not the target: {found.reason}."
    return f"At {exact(high)}: {found.reason}."


def _predicted_words(found: Found) -> str:
    low, high = found.interval_per_s
    limit = found.predicted_per_s
    if limit is None:
        return "No limit is predicted."
    said = f"The predicted limit, {exact(float(f'{limit:.5g}'))},"
    if low is not None and limit < low:
        return f"{said} is {_beside(limit, low)}."
    if high is not None and limit > high:
        return f"{said} is {_beside(limit, high)}."
    if low is None or high is None:
        return f"{said} is not contradicted."
    return f"{said} lies in the interval."


def _beside(limit: float, rate_per_s: float) -> str:
    """Return where a limit lies, seen from an end of the interval.

    >>> _beside(100, 90), _beside(100, 110), _beside(100, 8.2235)
    ('11 % above 90/s', '9.1 % below 110/s', '12.2 times 8.2235/s')
    """
    times = limit / rate_per_s
    if times >= _TIMES:
        return f"{times:.3g} times {exact(rate_per_s)}"
    percent = 100 * abs(times - 1)
    digits = 0 if percent >= _WHOLE else 1
    side = "above" if times > 1 else "below"
    return f"{percent:.{digits}f} % {side} {exact(rate_per_s)}"
