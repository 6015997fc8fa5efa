"""What is about to happen: each point's prediction, and which points run side by side. Pure."""

from dataclasses import dataclass

from tw_bench.errors import ProfileError
from tw_bench.plan.environment import of_point
from tw_bench.plan.findings import findings, require
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.prediction import Prediction, predict
from tw_bench.plan.waves import pack
from tw_bench.profile.model import Point
from tw_bench.profile.reader import Experiment


@dataclass(frozen=True)
class Plan:
    """An experiment, predicted and packed."""

    experiment: Experiment
    facts: HostFacts
    predictions: dict[str, Prediction]  # by point id
    waves: list[list[str]]  # ids of the points that run side by side
    findings: list[str]

    @property
    def planned(self) -> list[tuple[Point, Prediction]]:
        """Each point with its prediction, in the profile's order."""
        return [(point, self.predictions[point.id]) for point in self.experiment.points]

    @property
    def duration_s(self) -> float:
        """How long the load will run, all waves together."""
        return sum(max(self.predictions[id].duration_s for id in wave) for wave in self.waves)


def make_plan(experiment: Experiment, facts: HostFacts) -> Plan:
    """Predict every point and pack the points into waves.

    Raises:
        HostError: this host cannot run one of them.
        ProfileError: one of them has no port left.
    """
    for point in experiment.points:
        require(point, facts)
    for point in experiment.points:
        if not of_point(point, facts).usable_ports:
            raise ProfileError(
                f"{point.id}: no port is left: all of lab.ports are held or reserved"
            )
    predictions = {point.id: predict(point, facts) for point in experiment.points}
    planned = [(point, predictions[point.id]) for point in experiment.points]
    waves = pack(list(predictions), cpu=lambda id: predictions[id].cpu, cpus=facts.cpus)
    return Plan(experiment, facts, predictions, waves, findings(planned, facts))
