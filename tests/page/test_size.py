"""A page stays small however large the run."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.page.looks import is_within, opened
from tests.unit.long_run import POINTS, write_long_run
from tw_bench.report.page.page import write
from tw_bench.results.reading import load_run

MOST_BYTES = 5_000_000


def test_fifty_points_of_ten_minutes_are_five_megabytes_at_most(
    browser: Browser, tmp_path: Path
) -> None:
    """And the page opens as any other."""
    folder = write_long_run(tmp_path / "run")
    path = tmp_path / "page.html"
    write([load_run(folder)], path)
    assert path.stat().st_size <= MOST_BYTES
    with opened(browser, path) as (page, heard):
        assert page.locator("table").first.locator("tbody tr").count() == POINTS
        assert is_within(page)
        assert heard.said == []
