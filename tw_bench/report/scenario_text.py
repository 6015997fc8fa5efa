"""Scenarios in the terminal and in Markdown: claim, expected, observed, verdict."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import TextWrapper

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tw_bench.profile.model import Profile
from tw_bench.report.text import clean
from tw_bench.report.thresholds_text import measured_text
from tw_bench.results.played import Check, Played
from tw_bench.results.schema import Summary

_STYLES = {
    "as claimed": "green",
    "otherwise": "bold red",
    "not played": "bold yellow",
    "needs root": "yellow",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with what was expected and observed, from steps or from a profile's thresholds."""

    name: str
    title: str
    claim: str
    source: str
    verdict: str
    error: str | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return self.verdict == "as claimed"

    @property
    def needs_root(self) -> bool:
        """Whether it could not be played for want of rights: no verdict either way."""
        return self.verdict == "needs root"

    @property
    def shown(self) -> list[Check]:
        """The checks that say something; all that failed."""
        told = [check for check in self.checks if check.says or not check.passed]
        return told or list(self.checks[-1:])


def of_played(played: Played) -> Claim:
    """Return the claim of a scenario that was played."""
    return Claim(
        played.name,
        played.title,
        played.claim,
        played.source,
        played.verdict,
        played.error,
        tuple(played.checks),
    )


def of_summary(summary: Summary, claim: str, source: str, error: str | None) -> Claim:
    """Return the claim of a profile that was run: its thresholds are what it expects."""
    checks = tuple(
        Check(
            step=number,
            place="",
            says=each.point,
            expected=f"{each.point}: {each.text}",
            observed=measured_text(each),
            passed=each.passed,
            at_s=0.0,
        )
        for number, each in enumerate(summary.thresholds, 1)
    )
    passed = error is None and bool(checks) and all(check.passed for check in checks)
    verdict = "as claimed" if passed else "not played" if error else "otherwise"
    return Claim(summary.name, summary.title, claim, source, verdict, error, checks)


def not_measured(name: str, profile: Profile, error: str) -> Claim:
    """Return the claim of a profile that could not be run."""
    return Claim(name, profile.title, profile.claim, profile.source, "not played", error, ())


def show_claims(console: Console, claims: Sequence[Claim]) -> None:
    """Print all claims, what failed last, where the eye is."""
    console.print(_pairs([("expected", "observed", "dim")], console.width))
    for claim in sorted(claims, key=lambda claim: not claim.passed):
        _show(console, claim)
    told = "shown: expectations with a word to them, and what failed; the folder has all"
    console.print(Text(told, "dim"))
    good = sum(claim.passed for claim in claims)
    checks = sum(len(claim.checks) for claim in claims)
    unknown = sum(claim.needs_root for claim in claims)
    words = f"{good} of {len(claims) - unknown} claims hold, by {checks} expectations"
    words += f"; {unknown} more could not be played without root" if unknown else ""
    console.print(Text(words, "green" if good + unknown == len(claims) else "bold red"))


def _show(console: Console, claim: Claim) -> None:
    """Print a claim over the whole width, and below it what was expected and observed."""
    verdict = (claim.verdict, _STYLES.get(claim.verdict, ""))
    console.print(Text.assemble((f"{claim.name}: ", "bold"), verdict))
    console.print(Text(clean(claim.claim)))
    if claim.error is not None:
        console.print(Text(f"  {clean(claim.error)}", "yellow"))
    rows = [(c.expected, c.observed, "dim" if c.passed else "red") for c in claim.shown]
    console.print(_pairs(rows, console.width))
    console.print()


class _Folded(TextWrapper):
    """Lines that break at spaces and after commas: a path of states has no other place."""

    wordsep_simple_re = re.compile(r"(\s+|(?<=,)(?=\S))")


def _pairs(rows: Sequence[tuple[str, str, str]], width: int) -> Padding:
    """Return what was expected and observed, side by side, each with its style."""
    room = (width - 4) * 3 // 5, (width - 4) - (width - 4) * 3 // 5
    pairs = Table.grid(padding=(0, 2, 0, 0))
    for each in room:
        pairs.add_column(width=each)
    for *texts, style in rows:
        folded = (
            _Folded(max(1, each), break_on_hyphens=False).fill(clean(text))
            for each, text in zip(room, texts, strict=True)
        )
        pairs.add_row(*(Text(text, style) for text in folded))
    return Padding(pairs, (0, 0, 0, 2))
