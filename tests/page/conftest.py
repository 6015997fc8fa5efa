"""A real browser for the pages: headless Chromium, one for all tests."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.page.made_runs import MADE
from tw_bench.report.page.page import write
from tw_bench.results.reading import load_run

Report = Callable[..., Path]

# Nothing of its own goes out while a page is looked at.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as the distribution has it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page in a context of its own."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return report(run, ...): the page of these runs, made once; a run is a folder or a name."""
    made: dict[tuple[Path | str, ...], Path] = {}
    folders: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("pages")

    def page_of(*runs: Path | str) -> Path:
        if runs not in made:
            path = folder / f"{len(made)}.html"
            write([load_run(run if isinstance(run, Path) else run_of(run)) for run in runs], path)
            made[runs] = path
        return made[runs]

    def run_of(name: str) -> Path:
        if name not in folders:
            folders[name] = MADE[name](folder / name)
        return folders[name]

    return page_of
