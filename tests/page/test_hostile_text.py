"""What profiles, logs and errors say is text in the page and nothing else."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.page.looks import opened, violations
from tests.page.made_runs import SCRIPT, hostile
from tw_bench.report.figures import draw_all, draw_inline
from tw_bench.report.page.page import render, write
from tw_bench.results.reading import load_run

CURVE = Path(__file__).parents[2] / "results/reference/port-range-curve"


@pytest.fixture(params=["", "nginx"])
def attack(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A run in which every text that others wrote is an attack; in one behind a proxy, too."""
    return hostile(tmp_path / "run", request.param)


def test_nothing_of_it_runs(browser: Browser, attack: Path, tmp_path: Path) -> None:
    """No dialog, no error, no request; the text stands there as it was written."""
    path = tmp_path / "page.html"
    write([load_run(attack), load_run(CURVE)], path)
    with opened(browser, path) as (page, heard):
        assert heard.said == []
        assert heard.asked == [path.as_uri()]
        assert page.locator("img").count() == 0
        assert SCRIPT in page.title()
        assert page.locator("#run-1-title").inner_text().startswith(SCRIPT)
        assert "{{ 7*7 }}" in page.locator("#run-1-title").inner_text()
        assert SCRIPT in page.locator("pre", has_text="title: ").first.inner_text()
        assert page.locator("[onerror]").count() == 0
        assert violations(page) == []


def test_no_tag_of_it_is_in_the_file(attack: Path) -> None:
    """It is escaped everywhere: in texts, attributes, pictures and the data of the panel."""
    text = render([load_run(attack)])
    assert SCRIPT not in text
    assert "<img" not in text
    assert text.count("<script") == text.count("</script")
    assert text.count("<style") == text.count("</style") == 1


def test_what_steers_a_terminal_is_spelt_out(attack: Path) -> None:
    """Everywhere, so that the page is text; and no `$` makes a formula, nor costs a picture."""
    run = load_run(attack)
    text = render([run])
    assert r"\x1b[31mred \x00" in text
    assert r"\ud800" in text
    assert not {c for c in text if not c.isprintable()} - set("\n\N{NO-BREAK SPACE}")
    assert "\x1b" not in "".join(draw.svg for draw in draw_inline(run, "x"))
    name = "upstreams" if run.points[0].forwarding else "remedies"
    assert draw_all(attack)[0].stem == name
