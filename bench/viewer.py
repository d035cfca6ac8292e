"""The viewer's numbers, measured in a real headless Chromium: ``python -m bench viewer``.

Two runs are made (or given with ``--runs``): one of the paper's scale (108 GPUs, 13,800 rounds, 5,600
jobs) and one on 10,000 GPUs (21,000 rounds, 106,000 jobs). Each is exported to one file, which is
opened from disk: size, first paint, the time until charts are there, frames a second while the cluster
is scrubbed and a chart is panned, and the JavaScript heap after all tabs were open.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from simulator.runs.runner import execute
from simulator.settings.options import make_config
from simulator.viewer.export_file import write_export
from simulator.viewer.library import Library
from tests.viewer.browser import open_browser

RUNS: dict[str, dict[str, Any]] = {
    "paper": {"cluster": "36:36:36", "rate": 4.0, "window": (4000, 5000)},
    "large": {
        "cluster": {"v100": 3334, "p100": 3333, "k80": 3333},
        "rate": 50.0,
        "window": (95000, 98000),
        "multi_gpu": True,
    },
}
GOALS = {
    "paper": {"megabytes": 4.0, "first paint s": 1.0, "heap MB": 60.0},
    "large": {"megabytes": 40.0, "first paint s": 2.0, "heap MB": 300.0},
}
FRAMES = 180

_SCRUB = """
frames => new Promise(done => {
  const slider = document.querySelector('.playback input');
  const step = Math.max(1, Math.floor(slider.max / frames));
  const at = [];
  const frame = now => {
    at.push(now);
    slider.value = (at.length * step) % slider.max;
    slider.dispatchEvent(new Event('input'));
    if (at.length <= frames) requestAnimationFrame(frame);
    else done(at);
  };
  requestAnimationFrame(frame);
})
"""
_PAN = """
frames => new Promise(done => {
  const chart = document.querySelector('.chart');
  const press = key => chart.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
  for (let i = 0; i < 3; i++) press('+');
  const at = [];
  const frame = now => {
    at.push(now);
    press(at.length % 40 < 20 ? 'ArrowRight' : 'ArrowLeft');
    if (at.length <= frames) requestAnimationFrame(frame);
    else done(at);
  };
  requestAnimationFrame(frame);
})
"""
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def make_runs(folder: Path) -> dict[str, Path]:
    """Carry out both runs and write their folders."""
    made = {}
    for name, settings in RUNS.items():
        config = make_config(policy="max_min_fairness_perf", seed=0, **settings)
        started = time.perf_counter()
        execute(config, record=("placements",)).write(folder / name)
        print(f"{name}: simulated and written in {time.perf_counter() - started:.1f} s", flush=True)
        made[name] = folder / name
    return made


def measure(folder: Path, browser: Any, where: Path) -> dict[str, float]:
    """Export one run, open it, and use it."""
    started = time.perf_counter()
    file = where / f"{folder.name}.html"
    size = write_export(Library([folder]), file)
    figures = {"megabytes": size / 1e6, "export s": time.perf_counter() - started}
    page = browser.new_page()
    session = browser.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(file.as_uri(), wait_until="commit")
    started = time.perf_counter()
    page.wait_for_selector(".uplot canvas", timeout=60_000)
    figures["charts s"] = time.perf_counter() - started
    page.wait_for_timeout(500)
    figures["first paint s"] = page.evaluate(_PAINT) / 1e3
    figures |= _frames("pan", _watched(session, page, _PAN))
    page.click("#tab-Cluster")
    started = time.perf_counter()
    page.wait_for_selector(".grid canvas", timeout=60_000)
    figures["cluster s"] = time.perf_counter() - started
    page.wait_for_timeout(500)
    figures |= _frames("scrub", _watched(session, page, _SCRUB))
    for tab, ready in (("Jobs", ".jobtable .row:not(.head)"), ("Engines", ".bar")):
        page.click(f"#tab-{tab}")
        page.wait_for_selector(ready, timeout=60_000)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")
    figures["heap MB"] = heap["usedSize"] / 1e6
    figures["buffers MB"] = heap.get("backingStorageSize", 0) / 1e6
    page.close()
    return figures


def _watched(session: Any, page: Any, script: str) -> tuple[list[float], float]:
    """When each frame came, and the main thread's CPU seconds by frame."""
    before = _cpu(session)
    at = page.evaluate(script, FRAMES)
    return at, (_cpu(session) - before) / FRAMES


def _cpu(session: Any) -> float:
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


def _frames(what: str, measured: tuple[list[float], float]) -> dict[str, float]:
    """Frames a second, which other work on the machine lowers, and what one takes of the CPU."""
    at, cpu = measured
    return {
        f"{what} frames/s": 1000.0 * (len(at) - 1) / (at[-1] - at[0]),
        f"{what} CPU ms": 1000.0 * cpu,
    }


def run(folders: list[Path]) -> int:
    """Measure and print; 1 if a goal is missed."""
    missed = []
    with tempfile.TemporaryDirectory() as made:
        where = Path(made)
        runs = {one.name: one for one in folders} or make_runs(where)
        for name, folder in runs.items():
            with open_browser() as browser:
                figures = measure(folder, browser, where)
            print(f"\n{name}")
            goals = GOALS.get(name, {})
            for what, value in figures.items():
                goal = goals.get(what)
                print(f"  {what:<16}{value:>10.2f}{'' if goal is None else f'   goal {goal:g}'}")
                if goal is not None and value > goal:
                    missed.append(f"{name}: {what}")
    for one in missed:
        print(f"missed: {one}")
    return 1 if missed else 0
