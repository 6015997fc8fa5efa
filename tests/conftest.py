"""What all tests share: golden texts, no skips where CI asks, and nothing left behind."""

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, and no verdict that hangs on how fast this machine is.
settings.register_profile("project", derandomize=True, deadline=None)
settings.load_profile("project")

GOLDEN = Path(__file__).parent / "golden"
_REAL_KERNEL = ("lab", "net", "servers")  # folders of tests
_GRACE_S = 1.0  # for a child that has been told to end
_KEPT_OPEN = (".ttf", ".otf", ".afm")  # matplotlib keeps the fonts it has loaded


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the project's own options."""
    group = parser.getgroup("tw-bench")
    group.addoption("--update-golden", action="store_true", help="rewrite tests/golden")
    group.addoption("--no-skips", action="store_true", help="a skipped test fails the session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test of the real kernel a second try: other machines share its processors.

    It lets a seldom race of ours through as well: so whatever needed a second try is printed at the
    end with its failure, to be looked at. A run that a whole module shares is not made again.
    """
    for item in items:
        if item.path.parent.name in _REAL_KERNEL:
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With --no-skips, turn a session that skipped anything into a failed one."""
    if session.exitstatus == pytest.ExitCode.OK and _forbidden_skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say why a session without a failed test has failed; the reasons are in the summary (-ra)."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.line(f"needed a second try: {report.nodeid}", yellow=True)
        terminalreporter.line(report.longreprtext)
    if count := _forbidden_skips(config):
        terminalreporter.line(f"{count} skipped, and --no-skips was given: failed", red=True)


def _forbidden_skips(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    return len(reporter.stats.get("skipped", [])) if config.getoption("--no-skips") else 0


@pytest.fixture(autouse=True, scope="session")
def cache_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what runs keep for the next one out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return golden(name, text): text must be what tests/golden/<name> holds (`make golden`)."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"no {path}: make golden writes it"
        assert path.read_text() == text, f"{path} says otherwise: if it is wrong, make golden"

    return compare


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a file descriptor open or a child process alive."""
    before = _descriptors() | _children()
    yield
    if request.node.get_closest_marker("leaky"):
        return
    if left := _left_since(before):
        pytest.fail(f"left behind: {', '.join(sorted(left))}", pytrace=False)


def _left_since(before: set[str]) -> set[str]:
    """Return what is there now and was not before, once garbage and goodbyes are over."""
    if (_descriptors() | _children()) - before:
        gc.collect()
    deadline = time.monotonic() + _GRACE_S
    while (left := (_descriptors() | _children()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def _descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (a tenth of pathlib's time)
        with suppress(OSError):  # the descriptor of this very listing has gone
            target = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
            if not target.endswith(_KEPT_OPEN):
                found.add(f"descriptor {name} ({target})")
    return found


def _children() -> set[str]:
    found: set[str] = set()
    for task in os.listdir("/proc/self/task"):  # noqa: PTH208
        with suppress(OSError):  # a thread that has ended meanwhile
            pids = Path(f"/proc/self/task/{task}/children").read_text()
            found |= {f"process {pid}" for pid in pids.split()}
    return found
