"""What is about to happen: each point's prediction, and which points run side by side. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tw_bench.errors import ProfileError
from tw_bench.plan.environment import of_point
from tw_bench.plan.findings import findings, require
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.prediction import Prediction, predict
from tw_bench.plan.probes import make_search, probe_point
from tw_bench.plan.search import Probe, Search, next_rates
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
    search: Search | None = None  # then the points are its probes so far
    searched: Point | None = None  # whose rate is looked for

    @property
    def planned(self) -> list[tuple[Point, Prediction]]:
        """Each point with its prediction, in the profile's order."""
        return [(point, self.predictions[point.id]) for point in self.experiment.points]

    @property
    def duration_s(self) -> float:
        """How long the load will run, all waves together; of a search, at the most."""
        if self.search is not None:
            lasts_s = max(prediction.duration_s for prediction in self.predictions.values())
            return self.most_waves * lasts_s
        return sum(max(self.predictions[id].duration_s for id in wave) for wave in self.waves)

    @property
    def most_waves(self) -> int:
        """How many waves there will be; of a search, at the most: those of a round may not fit."""
        known = len(self.waves)
        return known if self.search is None else max(known, self.search.most_probes)

    def continued(self, probes: Sequence[Probe]) -> "Plan":
        """Return the plan with the next round of its search, or as it is where there is none."""
        if self.search is None or self.searched is None:
            return self
        points = [probe_point(self.searched, rate) for rate in next_rates(self.search, probes)]
        # One that was run and could not be judged is not run again.
        return _with_points(self, [one for one in points if one.id not in self.predictions])


def make_plan(experiment: Experiment, facts: HostFacts) -> Plan:
    """Predict every point and pack the points into waves; of a search, its first round.

    Raises:
        HostError: this host cannot run one of them.
        ProfileError: one of them has no port left, or a search cannot tell.
    """
    for point in experiment.points:
        require(point, facts)
    for point in experiment.points:
        if not of_point(point, facts).usable_ports:
            raise ProfileError(
                f"{point.id}: no port is left: all of lab.ports are held or reserved"
            )
    told = findings([(point, predict(point, facts)) for point in experiment.points], facts)
    asked = experiment.profile.find
    empty = Plan(replace(experiment, points=()), facts, {}, [], [])
    if asked is None:
        planned = _with_points(empty, experiment.points)
    else:
        (point,) = experiment.points
        search = make_search(asked.max_rate, point, predict(point, facts))
        planned = replace(empty, search=search, searched=point).continued([])
    return replace(planned, findings=told)


def _with_points(plan: Plan, points: Sequence[Point]) -> Plan:
    """Return the plan with further points, in waves of their own."""
    predictions = {point.id: predict(point, plan.facts) for point in points}
    waves = pack(list(predictions), cpu=lambda id: predictions[id].cpu, cpus=plan.facts.cpus)
    return replace(
        plan,
        experiment=replace(plan.experiment, points=(*plan.experiment.points, *points)),
        predictions=plan.predictions | predictions,
        waves=plan.waves + waves,
    )
