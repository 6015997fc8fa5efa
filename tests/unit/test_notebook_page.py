"""docs/notebook.md: its code runs as it stands there."""

import re
from pathlib import Path

import matplotlib as mpl
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/notebook.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def no_window(monkeypatch):
    """Draw without a screen, from the project's folder, and leave no figure open."""
    monkeypatch.chdir(ROOT)
    before = mpl.get_backend()
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")
    mpl.use(before)


def test_the_code_of_the_page_runs(no_window):
    """Block after block, as in a notebook; what they draw has something in it."""
    assert len(BLOCKS) >= 4
    shared: dict[str, object] = {}
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), shared)
    figures = [no_window.figure(number) for number in no_window.get_fignums()]
    assert len(figures) == 2
    for axes in (axes for figure in figures for axes in figure.axes):
        assert all(len(line.get_xdata()) > 5 for line in axes.lines)
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def test_the_names_of_the_table_are_there():
    """Each name that the page gives is one that a run has."""
    from tw_bench.results.reading import LoadedRun

    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `run.")]
    named = {name for row in rows for name in re.findall(r"run\.(\w+)", row)}
    known = {*vars(LoadedRun), *LoadedRun.__dataclass_fields__}
    assert named <= known
    offered = {name for name in known if not name.startswith("_")}
    assert offered - named <= {"path", "check"}
