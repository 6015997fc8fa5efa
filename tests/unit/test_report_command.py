"""`tw-bench report`: where the page goes, and what is said when it cannot be made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit import synthetic
from tests.unit.synthetic import write_run


def report(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Call the verb as a user does."""
    command = [sys.executable, "-m", "tw_bench", "report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run folder."""
    return write_run(tmp_path_factory.mktemp("runs") / "one", synthetic.one_point())


def test_one_run_has_its_page_in_its_folder(run: Path) -> None:
    """The path is printed, and nothing else; nothing is left beside it."""
    done = report(run)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{run / 'report.html'}\n"
    assert (run / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert not list(run.glob(".*.tmp"))


def test_several_runs_want_a_place(run: Path, tmp_path: Path) -> None:
    """No folder is theirs: --out says where."""
    done = report(run, run)
    assert done.returncode == 2
    assert done.stderr == ("tw-bench: error: 2 runs in one page: want a place for it: --out FILE\n")
    done = report(run, run, "--out", tmp_path / "both.html")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'both.html'}\n")


def test_a_broken_folder_is_said_in_one_line(run: Path, tmp_path: Path) -> None:
    """Which file, what is wrong; exit 7, and no page."""
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "report.html").unlink(missing_ok=True)
    (folder / "samples.csv").unlink()
    done = report(folder)
    assert done.returncode == 7
    assert done.stderr.startswith(f"tw-bench: error: {folder / 'samples.csv'}: is missing")
    assert done.stderr.count("\n") == 1
    assert not (folder / "report.html").exists()


def test_no_run_is_said_in_one_line(tmp_path: Path) -> None:
    """A folder without a manifest is none."""
    done = report(tmp_path)
    assert done.returncode == 7
    assert "has no manifest.json" in done.stderr


def test_a_place_that_cannot_be_written_is_said(run: Path, tmp_path: Path) -> None:
    """The folder of --out must be there."""
    place = tmp_path / "nowhere" / "page.html"
    done = report(run, "--out", place)
    assert done.returncode == 7
    assert done.stderr == (
        f"tw-bench: error: {place}: cannot be written: {os.strerror(2)}: "
        "make room or choose another place with --out FILE\n"
    )
