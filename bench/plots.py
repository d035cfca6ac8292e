"""Plots of the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.specs import CONTENDERS, NOTHING_KEPT

Record = dict[str, Any]
SHOWN = {
    "max-min perf": "max-min.png",
    "max-min perf, every job different": "max-min-different.png",
    "finish-time fairness perf": "finish-time.png",
}


def draw(records: list[Record], folder: Path) -> None:
    """Draw time against jobs for some workloads, and the mechanism's cost."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(exist_ok=True)
    colours = {label: f"C{place}" for place, label in enumerate(CONTENDERS)}
    for spec, name in SHOWN.items():
        figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True)
        for axis, mode in zip(axes, ("first", "next"), strict=True):
            for label in CONTENDERS:
                points = sorted(
                    (r["jobs"], r["median"] * 1e3)
                    for r in records
                    if r["suite"] == "policies"
                    and (r["spec"], r["label"]) == (spec, label)
                    and r["mode"] == ("next" if label in NOTHING_KEPT else mode)
                )
                if points:
                    axis.plot(
                        *zip(*points, strict=True),
                        "o-",
                        ms=3,
                        lw=1.2,
                        label=label,
                        c=colours[label],
                    )
            axis.set(xscale="log", yscale="log", xlabel="jobs")
            axis.set_title("first solve" if mode == "first" else "next round", fontsize=10)
            axis.grid(alpha=0.3)
        axes[0].set_ylabel("CPU time of a policy call, ms")
        if axes[1].lines:
            axes[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        figure.suptitle(spec)
        figure.tight_layout()
        figure.savefig(folder / name, dpi=90, metadata={"Software": None})
        plt.close(figure)
    figure, axis = plt.subplots(figsize=(4.5, 3.2))
    for kind in ("steady", "live"):
        points = sorted(
            (r["jobs"], r["per_job_round"] * 1e9)
            for r in records
            if r["suite"] == "mechanism" and r["kind"] == kind
        )
        if points:
            axis.plot(*zip(*points, strict=True), "o-", label=kind)
    axis.set(
        xscale="log", ylim=(0, None), xlabel="active jobs", ylabel="ns per active job and round"
    )
    if axis.lines:
        axis.legend()
    axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(folder / "mechanism.png", dpi=90, metadata={"Software": None})
    plt.close(figure)
