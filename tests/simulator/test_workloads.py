"""The order of the job types that are drawn: as in the artifact, or as when the paper was made."""

from __future__ import annotations

import simulator
from simulator.world.job_types import JOB_TYPES, WORKLOADS


def test_the_papers_order_has_a3c_behind_the_transformers() -> None:
    order = [JOB_TYPES[kind] for kind in WORKLOADS["paper"]]
    assert sorted(order) == sorted(JOB_TYPES)
    assert order[13].startswith("Transformer")
    assert order[14] == "A3C"
    assert order[-1] == "CycleGAN"
    assert order[15:20] == [name for name in JOB_TYPES if name.startswith("LM")]


def test_fifo_makespan_comes_near_the_papers_with_its_order() -> None:
    """100 multi-GPU jobs of seed 0: the paper has 182 h, the artifact's later order gives 661."""
    settings = {"policy": "fifo", "cluster": "36:36:36", "jobs": 100, "multi_gpu": True}
    hours = {
        name: simulator.run(**settings, workload=name).summary["makespan"] / 3600
        for name in WORKLOADS
    }
    assert round(hours["paper"], 1) == 186.8
    assert round(hours["artifact"], 1) == 660.8
