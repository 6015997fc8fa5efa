"""The one table of all claims, and the page that is written from a run of them."""

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench import scenarios_page
from tw_bench.profile.reader import read
from tw_bench.profile.scenario import is_scenario, read_scenario
from tw_bench.report.scenario_text import Claim, show_claims
from tw_bench.results.played import Check

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "profiles" / "scenarios").glob("*.yaml"))


def check(expected: str, observed: str, *, passed: bool = True, says: str = "so") -> Check:
    return Check(
        step=1, place="x.yaml:3", says=says, expected=expected, observed=observed, passed=passed,
        at_s=0.5,
    )  # fmt: skip


def claim(name: str, *checks: Check, error: str | None = None) -> Claim:
    good = error is None and all(each.passed for each in checks)
    verdict = "as claimed" if good else "not played" if error else "otherwise"
    return Claim(name, "A title", f"What {name} claims.", "RFC 9293", verdict, error, checks)


def shown(*claims: Claim, width: int = 100) -> str:
    file = StringIO()
    show_claims(Console(file=file, width=width, highlight=False), claims)
    return file.getvalue()


def test_each_claim_has_what_was_expected_beside_what_was_observed():
    """On one line, also where the terminal is narrow; what says nothing is not shown."""
    text = shown(
        claim("early", check("c == TIME_WAIT", "TIME_WAIT"), check("s == X", "hidden", says="")),
        width=70,
    )
    (line,) = [line for line in text.splitlines() if "c == TIME_WAIT" in line]
    assert line.index("c == TIME_WAIT") < line.rindex("TIME_WAIT")
    assert "hidden" not in text
    assert "1 of 1 claims hold, by 2 expectations" in text


def test_no_word_is_broken_on_80_columns():
    """A claim has the whole width; a path of states breaks after a comma."""
    path = "c.path == SYN_SENT,ESTABLISHED,FIN_WAIT_1,FIN_WAIT_2,TIME_WAIT"
    text = shown(claim("early", check(path, path.partition(" == ")[2])), width=80)
    assert "\nWhat early claims.\n" in text
    words = {word for line in text.splitlines() for word in re.split(r"[\s,]+", line)}
    assert {*path.replace(",", " ").split()} <= words
    assert max(map(len, text.splitlines())) <= 80


def test_what_failed_stands_last_with_all_that_failed():
    """Where the eye is when the command has ended; a claim that could not be played says why."""
    text = shown(
        claim("wrong", check("a == B", "C", passed=False, says=""), check("d == E", "E")),
        claim("right", check("f == G", "G")),
        claim("broken", error="no /dev/net/tun"),
    )
    assert text.index("right:") < text.index("wrong:") < text.index("broken:")
    assert "a == B" in text
    assert "no /dev/net/tun" in text
    assert "1 of 3 claims hold" in text


def test_what_needs_root_is_counted_apart():
    """It says neither that the claim holds nor that it does not."""
    rootless = replace(claim("memory", error="it is for root alone"), verdict="needs root")
    text = shown(claim("right", check("f == G", "G")), rootless)
    assert "it is for root alone" in text
    assert "1 of 1 claims hold, by 1 expectations; 1 more could not be played without" in text


def test_no_text_steers_the_terminal():
    """Control characters are spelt out, and nothing is read as markup."""
    text = shown(claim("[bold]x", check("c == [red]", "\x1b[31m")))
    assert "[bold]x" in text
    assert "\x1b" not in text


def test_the_chapters_hold_every_claim_once():
    """A new file has its place in the page."""
    told = [name for names in scenarios_page.CHAPTERS.values() for name in names.split()]
    assert sorted(told) == sorted(path.stem for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_page_is_of_todays_claims(path):
    """Its claim, each expectation with a verdict, and the diagram: else `make scenarios`."""
    page = scenarios_page.PAGE.read_text()
    section = page.partition(f'<a id="{path.stem}"></a>')[2].partition("<a id=")[0]
    if not is_scenario(path):
        assert read(path).profile.claim in section
        assert "**as claimed**" in section
        return
    scenario = read_scenario(path).scenario
    assert scenario.claim in section
    assert "**as claimed**" in section
    for step in scenario.steps:
        for expectation in step.asked if step.verb == "expect" else ():
            assert f"| `{expectation}` |" in section
    calls = any(step.verb == "connect" and not step.asked.udp for step in scenario.steps)
    if scenario.lab.link == "wire" and calls:
        assert (scenarios_page.PICTURES / f"{path.stem}-sequence.svg").exists()
        assert f"(scenarios/{path.stem}-sequence.svg)" in section


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_claim_begins_with_its_question(path):
    """Two lines of comment, a short title, and a claim that is a sentence."""
    first, second, *_ = path.read_text().splitlines()
    assert first.startswith("# Question: ")
    assert second.startswith("# Answer:   ")
    asked = read_scenario(path).scenario if is_scenario(path) else read(path).profile
    assert len(asked.title) <= 60
    assert asked.claim.endswith(".")
    assert asked.source
