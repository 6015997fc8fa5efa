"""report.html in a real browser: from the disk, in light and dark, on a phone and on paper."""

from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.page.looks import PHONE, SEEN, inked, is_within, luminance, opened, violations
from tests.page.made_runs import MADE

ROOT = Path(__file__).parents[2]
RUNS = sorted(path.parent for path in (ROOT / "results/reference").glob("*/summary.json"))
RUNS += sorted(path.parent for path in (ROOT / "tests/data/runs").glob("*/summary.json"))
CURVE = ROOT / "results/reference/port-range-curve"
REMEDIES = ROOT / "results/reference/remedies"

# What an element may refer to: links, letters, clippings, labels.
REFERENCES = """[...document.querySelectorAll('*')].flatMap((one) => [
  one.getAttribute('href')?.slice(1), one.getAttribute('for'),
  one.getAttribute('clip-path')?.slice(5, -1),
  ...(one.getAttribute('aria-labelledby') ?? '').split(' '),
]).filter(Boolean)"""

every_run = pytest.mark.parametrize(
    "run", [*RUNS, *MADE], ids=lambda run: run if isinstance(run, str) else run.name
)


@every_run
def test_it_opens_from_the_disk_and_asks_for_nothing(
    browser: Browser, report, run: Path | str
) -> None:
    """No word on the console, no error, and no request but for the file itself."""
    path = report(run)
    with opened(browser, path) as (page, heard):
        page.mouse.wheel(0, 20_000)
        assert page.locator("h1").count() == 1
        assert heard.said == []
        assert heard.asked == [path.as_uri()]


@every_run
def test_every_figure_is_seen(browser: Browser, report, run: Path | str) -> None:
    """Each takes room and is not cut; on a phone it keeps a size that reads, and scrolls."""
    for viewport in (None, PHONE):
        more = {"viewport": viewport} if viewport else {}
        with opened(browser, report(run), **more) as (page, _):
            assert is_within(page)
            seen = page.evaluate(SEEN)
            assert seen
            for one in seen:
                assert one["shown"], one
                assert one["width"] >= 640, one
                assert one["height"] > 200, one
                assert not one["cut"], one
                assert one["inside"] + 1 >= one["width"], one


@every_run
def test_something_is_drawn_in_every_figure(browser: Browser, report, run: Path | str) -> None:
    """Lines and letters stand out from their ground, also in the dark, where no card is."""
    with opened(browser, report(run), color_scheme="dark") as (page, _):
        for share in inked(page):
            assert share > 0.01


@every_run
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(browser: Browser, report, run: Path | str, scheme: str) -> None:
    """axe-core finds nothing, contrast included, in light and in dark."""
    with opened(browser, report(run), color_scheme=scheme) as (page, _):
        assert (luminance(page) < 60) == (scheme == "dark")
        assert violations(page) == []


@every_run
def test_it_is_one_document(browser: Browser, report, run: Path | str) -> None:
    """No id is given twice, every link within the page leads somewhere, headings go down by one."""
    with opened(browser, report(run)) as (page, _):
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(ids) == len(set(ids))
        assert set(page.evaluate(REFERENCES)) <= set(ids)
        levels = page.evaluate(
            "[...document.querySelectorAll('h1, h2, h3, h4')].map(one => +one.tagName[1])"
        )
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("run", [CURVE, REMEDIES], ids=lambda run: run.name)
def test_it_says_it_all_without_javascript(browser: Browser, report, run: Path) -> None:
    """Every figure and table is there, and no control that would do nothing."""
    with opened(browser, report(run), java_script_enabled=False) as (page, heard):
        assert heard.said == []
        for picture in page.locator(".picture svg[role=img]").all():
            box = picture.bounding_box()
            assert box is not None
            assert box["height"] > 200
        assert page.locator("button:visible, input:visible, select:visible").count() == 0
        assert page.locator(".lead").first.is_visible()
        page.locator("summary", has_text="Every sum").click()
        assert page.get_by_role("table", name="Every sum").is_visible()


def test_the_theme_follows_the_system_until_the_button_is_pressed(browser: Browser, report) -> None:
    """And then it is kept, also for the next time the page is opened."""
    path = report(CURVE)
    with opened(browser, path) as (page, heard):
        assert luminance(page) > 200
        page.emulate_media(color_scheme="dark")
        assert luminance(page) < 60
        page.get_by_role("button", name="Light").click()
        assert luminance(page) > 200
        page.reload()
        assert luminance(page) > 200
        page.get_by_role("button", name="Dark").click()
        page.emulate_media(color_scheme="light")
        assert luminance(page) < 60
        assert heard.said == []


def test_paper_is_white_whatever_the_screen_is(browser: Browser, report) -> None:
    """No control, nothing folded, nothing that scrolls, and a PDF comes of it."""
    with opened(browser, report(CURVE), color_scheme="dark") as (page, _):
        page.emulate_media(media="print")
        assert luminance(page) == 255
        shown = "button:visible, nav:visible, .on-screen:visible, .tooltip:visible"
        assert page.locator(shown).count() == 0
        pdf = page.pdf(format="A4")
        assert pdf.startswith(b"%PDF")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details:not([open])").count() == 0
        overflow = page.evaluate(
            "[...document.querySelectorAll('.scroll')].map(one => getComputedStyle(one).overflowX)"
        )
        assert set(overflow) == {"visible"}
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details[open]").count() == 0


def test_the_keyboard_reaches_everything(browser: Browser, report) -> None:
    """The first stop skips to the content; what scrolls and what unfolds is a stop of its own."""
    with opened(browser, report(CURVE), viewport=PHONE) as (page, _):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        stops = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            stops.add(page.evaluate("document.activeElement.outerHTML.slice(0, 60)"))
        assert any("scroll wide" in stop for stop in stops)
        assert any(stop.startswith("<summary") for stop in stops)
        summary = page.locator("summary").first
        summary.focus()
        page.keyboard.press("Enter")
        assert page.locator("details[open]").count() == 1
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"


def test_a_value_is_shown_under_the_pointer_and_by_the_arrows(browser: Browser, report) -> None:
    """The text of a mark stands beside it; Escape and another mark take it away."""
    with opened(browser, report(CURVE)) as (page, heard):
        figure = page.locator(".picture .scroll").first
        marks = figure.locator("[data-tip]")
        tooltip = page.locator(".tooltip")
        assert not tooltip.is_visible()
        figure.evaluate("one => one.scrollIntoView({block: 'center', behavior: 'instant'})")
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        marks.first.hover(force=True)
        tooltip.wait_for(state="visible")
        assert tooltip.inner_text() == marks.first.get_attribute("data-tip")
        page.mouse.move(2, 2)
        assert not tooltip.is_visible()
        figure.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        tooltip.wait_for(state="visible")
        page.wait_for_function("document.querySelectorAll('[data-tip].at').length === 1")
        page.keyboard.press("Escape")
        assert not tooltip.is_visible()
        assert heard.said == []


def test_a_tap_shows_a_value_and_the_next_tap_takes_it_away(browser: Browser, report) -> None:
    """A finger is not there any more once it is lifted: the value stays all the same."""
    with opened(browser, report(CURVE), viewport=PHONE, has_touch=True) as (page, heard):
        figure = page.locator(".picture .scroll").first
        mark, tooltip = figure.locator("[data-tip]").first, page.locator(".tooltip")
        mark.evaluate("one => one.scrollIntoView({block: 'center', behavior: 'instant'})")
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        mark.tap(force=True)
        tooltip.wait_for(state="visible")
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        assert tooltip.inner_text() == mark.get_attribute("data-tip")
        page.locator(".picture h3").first.tap()
        tooltip.wait_for(state="hidden")
        assert heard.said == []


def test_failed_thresholds_stand_on_top(browser: Browser, report) -> None:
    """A line beside the verdicts; the failed rows open, the others folded; in the answers, too."""
    with opened(browser, report("thresholds")) as (page, _):
        said = page.locator(".verdicts li").first
        assert said.inner_text().strip() == "✗ 2 of 3 thresholds failed"
        assert page.get_by_role("table", name="Thresholds that failed").is_visible()
        assert not page.get_by_role("table", name="Thresholds that passed").is_visible()
    with opened(browser, report("thresholds", "interrupted")) as (page, _):
        rows = page.locator(".answers tbody tr").all_inner_texts()
        assert "✗ 2 of 3 thresholds failed" in rows[0]
        assert "◐ interrupted" in rows[1]
        assert rows[1].rstrip().endswith("none")


def test_paper_has_no_table_that_says_that_all_is_even(browser: Browser, report) -> None:
    """The sentence says it; and a long table may go on over the page."""
    with opened(browser, report(REMEDIES)) as (page, _):
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert not page.get_by_role("table", name="Every sum").is_visible()
        inside = page.eval_on_selector_all(
            "table", "all => all.map((one) => getComputedStyle(one).breakInside)"
        )
        assert set(inside) == {"auto"}


def test_the_command_is_copied(browser: Browser, report) -> None:
    """The button puts the exact command into the clipboard, or at least selects it."""
    permissions = ["clipboard-read", "clipboard-write"]
    with opened(browser, report(CURVE), permissions=permissions) as (page, _):
        page.get_by_role("button", name="Copy").click()
        page.locator(".copy", has_text="ed").wait_for()
        command = page.locator(".command code").inner_text()
        assert command.startswith("tw-bench run profiles/port-range-curve.yaml --set ")
        taken = page.evaluate("navigator.clipboard.readText()")
        assert taken == command or page.evaluate("String(getSelection())") == command


def test_several_runs_have_a_table_of_answers_and_a_section_each(browser: Browser, report) -> None:
    """One h1, ids that are unique, and the links on top lead to the runs."""
    path = report(CURVE, REMEDIES, CURVE)
    with opened(browser, path) as (page, heard):
        assert page.locator("h1").inner_text() == "3 runs"
        answers = page.get_by_role("table", name="What each run answers")
        assert answers.locator("tbody tr").count() == 3
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(ids) == len(set(ids))
        assert answers.locator("tbody th a").all_inner_texts() == [
            "port-range-curve (1)",
            "remedies",
            "port-range-curve (3)",
        ]
        answers.get_by_role("link", name="remedies").click()
        assert page.url.endswith("#run-2")
        assert (
            page.locator("#run-2-title").inner_text() == "Every way to close and every way to reuse"
        )
        assert heard.said == []
        assert violations(page) == []
    with opened(browser, path, viewport=PHONE) as (page, _):
        assert is_within(page)
