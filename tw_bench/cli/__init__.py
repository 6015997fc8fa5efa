"""The verbs, in the order of a day's work. A verb's own imports wait until it is called."""

import signal
import sys
from typing import NoReturn

import typer

from tw_bench import __version__
from tw_bench.cli import audit, compare, doctor, plan, report, run, schema
from tw_bench.errors import InterruptedRunError, TwBenchError

app = typer.Typer(
    help="Measure and predict TCP port exhaustion.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("doctor")(doctor.doctor)
app.command("audit", context_settings=audit.CONTEXT)(audit.audit)
app.command("plan")(plan.plan)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("schema")(schema.schema)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"tw-bench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """Read the options that stand before a verb (main() looks for --debug itself)."""


def main() -> NoReturn:
    """Run the command line; end with the exit code of what happened.

    Typer ends usage errors by itself, with 2, and Ctrl-C without a word: that word is said here.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the same orderly end as Ctrl-C
    try:
        app()
    except SystemExit as end:
        if end.code == InterruptedRunError.exit_code:
            _end("interrupted", InterruptedRunError.exit_code)
        raise
    except TwBenchError as error:
        if "--debug" in sys.argv:
            raise
        _end(str(error), error.exit_code)
    except Exception as error:  # a fault of ours, said in one line all the same
        if "--debug" in sys.argv:
            raise
        _end(f"internal error: {type(error).__name__}: {error} (tw-bench --debug shows where)", 1)
    sys.exit(0)


def _end(message: str, code: int) -> NoReturn:
    from rich.console import Console

    from tw_bench.report.terminal import error_line

    error_line(Console(stderr=True), message)
    sys.exit(code)
