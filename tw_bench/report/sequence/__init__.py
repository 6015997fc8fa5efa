"""The sequence diagram of a scenario: the picture people draw by hand, from a real exchange.

Two lifelines, time downwards, an arrow a segment, and beside each end the state it was in right
after. SVG written by hand, so that it is small, the same each time, and text stays text.
"""

from pathlib import Path


def draw(folder: Path) -> str:
    """Return the diagram of a scenario that was played: an SVG document that stands alone.

    Raises:
        ResultsError: the folder is none of a scenario, or a file of it is missing or broken.
    """
    from tw_bench.report.sequence.picture import picture
    from tw_bench.report.sequence.story import read_story

    return picture(read_story(folder))
