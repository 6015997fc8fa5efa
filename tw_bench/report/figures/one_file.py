"""A picture into the one file that the user named with `--figure`."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from tw_bench.errors import ProfileError, ResultsError
from tw_bench.report.figures import style


def write(figure: Callable[[], Figure], path: Path) -> Path:
    """Draw a figure into a file and return its path; the same figure gives the same bytes.

    Raises:
        ProfileError: the path ends neither in .svg nor in .png.
        ResultsError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in style.METADATA:
        raise ProfileError(f"--figure: got {str(path)!r}: want a path that ends in .svg or .png")
    drawn = BytesIO()
    with style.settings():
        figure().savefig(drawn, format=suffix[1:], metadata=style.METADATA[suffix])
    try:
        if not path.parent.is_dir():
            raise ResultsError(f"{path}: there is no folder {path.parent}")
        path.write_bytes(drawn.getvalue())
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written: {error.strerror}") from error
    return path
