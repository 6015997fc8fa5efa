"""The pictures of a run; the only importer of matplotlib, and that only when one is drawn."""

from pathlib import Path


def draw_all(folder: Path) -> list[Path]:
    """Draw what a run folder holds into its `figures/`; return each SVG and its PNG, in order.

    Figures without data are left out; so is all of them where the folder has no summary yet.
    """
    # matplotlib takes longer to import than the other verbs take to run.
    from tw_bench.report.figures import (
        connect_cost,
        max_rate,
        port_range,
        rates,
        remedies,
        run_data,
        style,
        time_wait,
        upstreams,
    )

    run = run_data.read_run(folder)
    if run is None:
        return []
    paths = []
    every = (port_range, remedies, upstreams, time_wait, rates, connect_cost)
    kinds = every if run.summary.found is None else (max_rate,)  # one picture of many probes
    with style.settings():
        for kind in kinds:
            for name, figure in kind.draw(run):
                paths += style.save(figure, folder / "figures" / name)
    return paths
