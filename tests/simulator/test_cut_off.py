"""A file that may have been cut off within its last number is told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.runs.simulation import Simulation
from simulator.settings.notes import notes_on_files
from simulator.settings.options import make_config

LINE = "\t".join(["ResNet-18 (batch size 16)", "", "", "", "0", "1000", "1", "1", "-1", "{}"])


@pytest.mark.parametrize(("end", "told"), [("\n", 0), ("", 1)])
def test_a_trace_whose_last_line_has_no_end_is_told_of(tmp_path: Path, end: str, told: int) -> None:
    trace = tmp_path / "jobs.trace"
    trace.write_text(f"{LINE.format(0)}\n{LINE.format(120.5)}{end}")
    simulation = Simulation(make_config(policy="isolated", trace=str(trace), cluster="1:1:1"))
    found = [note for note in simulation.notes if "its last number is too short" in note]
    assert len(found) == told


@pytest.mark.parametrize(
    ("content", "told"), [("v100,2.4", 1), ("v100,2.", 1), ("v100,2.48\n", 0), ("{}", 0), ("", 0)]
)
def test_so_are_prices(tmp_path: Path, content: str, told: int) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text(content)
    config = make_config(policy="isolated", jobs=1, prices=str(prices))
    assert len(notes_on_files(config)) == told
