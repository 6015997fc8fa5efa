"""report.html: one file with everything in it, which nothing leaves and nothing comes into.

The same runs give the same bytes: no time of making, no name that changes. Text from profiles, logs
and errors is escaped by the template engine. The policy in the page's head allows only the styles
and scripts that are in it, by their SHA-256.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tw_bench.errors import ResultsError
from tw_bench.report.page.run_view import run_view
from tw_bench.report.text import clean
from tw_bench.results.reading import LoadedRun

_HERE = "tw_bench.report.page"
_SCRIPTS = ("page.js", "what_if.js")
_STYLES = ("page.css", "what_if.css")


def render(runs: Sequence[LoadedRun]) -> str:
    """Return the page of one run, or of several with a table of their answers.

    Raises:
        ResultsError: a file of a run is missing, or not what it was when the run was sealed.
    """
    views = [
        run_view(run, f"run-{number}", name)
        for number, (run, name) in enumerate(zip(runs, names(runs), strict=True), 1)
    ]
    # Imported here: who asks for nothing but a table of figures draws nothing.
    from tw_bench.report.figures import inline, palette

    drawings = [drawing for view in views for drawing in view.drawings]
    style = _styles(inline.style_sheet(drawings), palette.properties)
    scripts = [_text(name) for name in _SCRIPTS]
    environment = Environment(
        loader=PackageLoader("tw_bench.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_printable,
    )
    return environment.get_template("page.html.j2").render(
        runs=views,
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        letters=Markup(inline.letters_svg(drawings)),
        style_hash=_hash(style),
        script_hashes=[_hash(script) for script in scripts],
    )


def names(runs: Sequence[LoadedRun]) -> list[str]:
    """Return what tells the runs of a page apart: the profile's name, or the folder's as well."""
    profiles = [run.manifest.name for run in runs]
    folders = [run.path.resolve().name for run in runs]
    found = [
        profile if profiles.count(profile) == 1 else folder
        for profile, folder in zip(profiles, folders, strict=True)
    ]
    return [
        name if found.count(name) == 1 else f"{name} ({number})"
        for number, name in enumerate(found, 1)
    ]


def write(runs: Sequence[LoadedRun], path: Path) -> None:
    """Write the page, beside its place first: nobody sees half of one.

    Raises:
        ResultsError: a run cannot be read, or the page cannot be written.
    """
    text = render(runs)
    beside = path.with_name(f".{path.name}.tmp")
    try:
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ResultsError(
            f"{path}: cannot be written: {error.strerror or error}: "
            "make room or choose another place with --out FILE"
        ) from error


def _styles(pictures: str, properties: Callable[..., str]) -> str:
    """Return the style sheet: both sets of colours, the page's rules and the pictures'."""
    light, dark = properties(dark=False), properties(dark=True)
    asked, chosen = ":root:not([data-theme=light])", ":root[data-theme=dark]"
    colours = (
        f":root{{{light}}}\n"
        f"@media screen{{{chosen}{{{dark}}}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{{asked}{{{dark}}}}}\n"
    )
    return "\n".join([colours, *(_text(name) for name in _STYLES), pictures])


def _printable(value: object) -> object:
    """Return what an expression of a template says; control characters of a text are spelt out."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _text(name: str) -> str:
    return files(_HERE).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
