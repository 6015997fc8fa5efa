"""What can go wrong with the program, each kind with its exit code.

What goes wrong with a *connection* is data (results/outcomes.py) and never ends up here.
"""


class TwBenchError(Exception):
    """The root: one line for a person, one exit code for a script."""

    exit_code = 1


class ProfileError(TwBenchError):
    """A profile or a flag is wrong: where, what was found, what is wanted."""

    exit_code = 2


class HostError(TwBenchError):
    """This machine cannot do what is asked; the message names the command that helps."""

    exit_code = 3


class LabError(TwBenchError):
    """A namespace, link, address or sysctl of the lab could not be made."""

    exit_code = 4


class TargetError(TwBenchError):
    """The target did not start, or died; the message ends with the last lines of its log."""

    exit_code = 5


class WorkerError(TwBenchError):
    """A load worker or the sampler died; what it had measured is kept."""

    exit_code = 6


class ResultsError(TwBenchError):
    """The run folder is missing, incomplete, of another version, or cannot be written."""

    exit_code = 7


class ThresholdError(TwBenchError):
    """What was measured is beyond a bound that was given; it is printed first."""

    exit_code = 99


class CommandError(TwBenchError):
    """The user's own program was not started: as a shell has it, 127 not found, 126 refused."""

    def __init__(self, message: str, exit_code: int = 127) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class InterruptedRunError(TwBenchError):
    """Ctrl-C or SIGTERM: the folder is sealed as interrupted."""

    exit_code = 130
