"""What a person sees in the terminal; the door to the modules that write it.

Nothing is printed but to the console given, and no text of a profile is read as markup.
"""

from rich.console import Console
from rich.text import Text

from tw_bench.report.live import Live, PointState, RunState
from tw_bench.report.plan_text import show_plan
from tw_bench.report.result_text import show_result
from tw_bench.report.text import clean

__all__ = ["Live", "PointState", "RunState", "error_line", "show_plan", "show_result"]


def error_line(console: Console, message: str) -> None:
    """Print what went wrong on one line; further lines of the message are indented."""
    text = clean(message.strip()).replace("\n", "\n  ")
    console.print(Text(f"tw-bench: error: {text}", "red"), soft_wrap=True)
