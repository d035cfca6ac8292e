"""A script without a guard may sweep: its processes do not run it again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import gavel_sim
print("once")
rows = gavel_sim.sweep(policy=["isolated", "fifo"], cluster="4:4:4", jobs=4, seed="0")
print(len(rows))
"""


def test_a_script_without_a_guard_sweeps(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["once", "2"]
