"""What a profile needs of this host, looked up."""

import shutil

from tw_bench.doctor.profile_check import Place
from tw_bench.doctor.user_namespaces import refusal
from tw_bench.kernel import sysctl
from tw_bench.profile.reader import Experiment

_SIDES = ("client", "server")


def read_place(experiment: Experiment) -> Place:
    """Look for what the labs of a profile need."""
    points = experiment.points
    asked = {name for point in points for side in _SIDES for name in point.sysctls(side)}
    return Place(
        no_user_namespace=refusal(),
        has_nft=shutil.which("nft") is not None,
        missing_sysctls=tuple(sorted(n for n in asked if not sysctl.path(n).exists())),
    )
