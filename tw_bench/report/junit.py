"""The result of a run as JUnit XML, in the form that CI systems read (windyroad's JUnit.xsd).

One suite a run. A case a point says that it was measured; a case a threshold and point that it was
kept. What was not kept is a failure; what the run itself met is an error.
"""

import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

from tw_bench.errors import ResultsError
from tw_bench.report.text import clean
from tw_bench.report.thresholds_text import measured_text
from tw_bench.results.schema import Manifest, PointResult, Summary, ThresholdResult

_PACKAGE = "tw-bench"
_HEAD_BYTES = 4096  # of a file, to see what it is
_MORE = "point"  # after the profile's name: the class of the cases that say what was measured


def junit(summary: Summary, manifest: Manifest, ended_at: str, error: str | None = None) -> str:
    """Return the document.

    `ended_at` is UTC as in the manifest; `error` is what went wrong with the run as a whole. The
    time of a run that was taken up again is since then.
    """
    cases = [
        *(_measured_case(summary.name, point) for point in summary.points),
        *(_threshold_case(summary.name, result) for result in summary.thresholds),
    ]
    root = ElementTree.Element("testsuites")
    suite = _element(
        root,
        "testsuite",
        name=summary.name,
        package=_PACKAGE,
        id="0",
        timestamp=manifest.started_at.removesuffix("Z"),
        hostname="localhost",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        time=f"{_seconds([manifest.started_at, *manifest.resumed_at][-1], ended_at):.3f}",
    )
    properties = _element(suite, "properties")
    for name, value in _properties(summary, manifest):
        _element(properties, "property", name=name, value=value)
    suite.extend(cases)
    _element(suite, "system-out").text = _clean(f"{summary.title}\n{summary.question}".strip())
    _element(suite, "system-err").text = _clean(error or "")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False)


def clear_place(path: Path, run_folder: Path | None = None) -> None:
    """Check, before a run, that its JUnit file can be written; remove the one of an earlier run.

    So a run that is killed leaves none that could be taken for its own. `run_folder` is where the
    run writes, as far as that is known; its own files are not to be had.

    Raises:
        ResultsError: with what is in the way.
    """
    try:
        if run_folder is not None and path.resolve().is_relative_to(run_folder.resolve()):
            raise ResultsError(
                f"--junit {path}: is inside the run folder {run_folder}: want another place"
            )
        _require_own(path)
        folder = path.parent
        while not folder.exists() and folder != folder.parent:  # the run may make it
            folder = folder.parent
        if not folder.is_dir():
            raise ResultsError(f"--junit {path}: {folder} is no directory: want another place")
        if folder == path.parent:
            beside = _beside(path)
            beside.open("x").close()
            beside.unlink()
            path.unlink(missing_ok=True)
    except (OSError, ValueError, RuntimeError) as error:  # and a NUL byte, and a loop of links
        raise _unwritten(path, error) from error
    if folder != path.parent and not os.access(folder, os.W_OK | os.X_OK):
        raise ResultsError(f"--junit {path}: {folder} takes no new folder: want another place")


def write_junit(path: Path, text: str) -> None:
    """Write the document beside its place and rename it, so that a reader never sees half of it.

    Raises:
        ResultsError: it cannot be written, or there is something else by now.
    """
    beside = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _require_own(path)
        try:
            beside.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', "utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritten(path, error) from error


def _require_own(path: Path) -> None:
    """Refuse what is not ours to replace: a device, a link, a file that is no JUnit XML."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode):
        raise ResultsError(f"--junit {path}: is a directory: want a file")
    if not stat.S_ISREG(mode):
        raise ResultsError(f"--junit {path}: is no plain file: want one, or a new name")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head and b"<testsuite" not in head:
        raise ResultsError(
            f"--junit {path}: holds something else than JUnit XML, and would be lost: "
            "want another place"
        )


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _unwritten(path: Path, error: Exception) -> ResultsError:
    told = getattr(error, "strerror", None) or error
    return ResultsError(f"--junit {path}: cannot be written: {told}: want another place")


def _measured_case(name: str, point: PointResult) -> ElementTree.Element:
    prediction, measured = point.prediction, point.measured
    lasted_s = prediction.get("fill_s", 0.0) + measured.window_s if measured else 0.0
    case = _case(f"{name}.{_MORE}", f"{point.id}: measured", lasted_s)
    if point.status == "failed":
        _element(case, "error", type="failed", message=point.error or "the point failed")
    elif point.status != "complete" or measured is None:
        why = point.error or "the run ended before its window was over"
        _element(case, "error", type="not-measured", message=why)
    return case


def _threshold_case(name: str, result: ThresholdResult) -> ElementTree.Element:
    of = f"{result.point}: " if result.point else ""
    case = _case(f"{name}.threshold", f"{of}{result.text}", 0.0)
    if not result.passed:
        kind = "threshold" if result.value is not None else "not-measured"
        message = f"{result.text}: {measured_text(result)}"
        _element(case, "failure", type=kind, message=message).text = _clean(f"{of}{message}")
    return case


def _case(classname: str, name: str, time_s: float) -> ElementTree.Element:
    values = {"classname": classname, "name": name, "time": f"{time_s:.3f}"}
    return ElementTree.Element("testcase", {key: _clean(text) for key, text in values.items()})


def _element(parent: ElementTree.Element, tag: str, **values: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, {key: _clean(text) for key, text in values.items()})


def _clean(text: str) -> str:
    """Return text without the characters that XML 1.0 (section 2.2) cannot hold, spelt out."""
    return clean(text)


def _seconds(started_at: str, ended_at: str) -> float:
    began, ended = (datetime.fromisoformat(text) for text in (started_at, ended_at))
    return max(0.0, (ended - began).total_seconds())


def _properties(summary: Summary, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield what was run, and the plain facts of the host it was run on."""
    yield "status", summary.status
    yield "format_version", str(summary.format_version)
    yield "method_version", str(summary.method_version)
    for name, value in manifest.host.items():
        if isinstance(value, str | int | float):
            yield f"host.{name}", str(value)
    for name, version in manifest.versions.items():
        yield f"version.{name}", version
