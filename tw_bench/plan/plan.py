"""What is about to happen: each point's prediction, and which points run side by side. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tw_bench.errors import ProfileError
from tw_bench.plan.environment import of_point
from tw_bench.plan.findings import findings, require
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.prediction import Prediction, predict
from tw_bench.plan.probes import make_search, probe_point
from tw_bench.plan.search import Probe, Search, next_rates
from tw_bench.plan.waves import pack, shuffled
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
    shuffle_seed: int | None = None  # of the order of repetitions; None: nothing is repeated

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

    def without(self, ids: Collection[str]) -> "Plan":
        """Return the plan with these points left out of its waves: they were run before."""
        waves = [[id for id in wave if id not in ids] for wave in self.waves]
        return replace(self, waves=[wave for wave in waves if wave])

    def continued(self, probes: Sequence[Probe]) -> "Plan":
        """Return the plan with the next round of its search, or as it is where there is none."""
        if self.search is None or self.searched is None:
            return self
        points = [probe_point(self.searched, rate) for rate in next_rates(self.search, probes)]
        # One that was run and could not be judged is not run again.
        return _with_points(self, [one for one in points if one.id not in self.predictions])


def make_plan(experiment: Experiment, facts: HostFacts, seed: int = 0) -> Plan:
    """Predict every point and pack the points into waves; of a search, its first round.

    Where the profile says `repeat`, each point is there so many times, and `seed` shuffles them.

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
    if asked is None and experiment.profile.repeat > 1:
        repeated = _repeated(experiment.points, experiment.profile.repeat)
        planned = _with_points(replace(empty, shuffle_seed=seed), repeated)
    elif asked is None:
        planned = _with_points(empty, experiment.points)
    else:
        (point,) = experiment.points
        search = make_search(asked.max_rate, point, predict(point, facts))
        planned = replace(empty, search=search, searched=point).continued([])
    return replace(planned, findings=told)


def _repeated(points: Sequence[Point], times: int) -> list[Point]:
    """Return each point so many times, its repetitions after each other: `ports=500#1`, ..."""
    return [
        point.model_copy(update={"id": f"{point.id}#{number}", "repetition": number})
        for point in points
        for number in range(1, times + 1)
    ]


def _with_points(plan: Plan, points: Sequence[Point]) -> Plan:
    """Return the plan with further points, in waves of their own."""
    predictions = {point.id: predict(point, plan.facts) for point in points}
    waves = _waves(predictions, plan)
    return replace(
        plan,
        experiment=replace(plan.experiment, points=(*plan.experiment.points, *points)),
        predictions=plan.predictions | predictions,
        waves=plan.waves + waves,
    )


def _waves(predictions: dict[str, Prediction], plan: Plan) -> list[list[str]]:
    """Return which points run side by side; repetitions in an order of their own."""
    ids, cpus = list(predictions), plan.facts.cpus

    def cpu(id: str) -> float:
        return predictions[id].cpu

    if plan.shuffle_seed is None:
        return pack(ids, cpu, cpus)
    return shuffled(ids, cpu, cpus, group=lambda id: id.rpartition("#")[0], seed=plan.shuffle_seed)
