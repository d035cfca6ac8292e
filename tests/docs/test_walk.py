"""The counts of docs/architecture.md, and that what is below calls nothing above but where it says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_way_of_a_program_and_of_a_job_is_as_told() -> None:
    found = subprocess.run(
        [sys.executable, ROOT / "tests/docs/walk.py"],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    counted = re.findall(
        r"^(a .*): (\d+) places, (\d+) rooms, (\d+) climbs, (\d+) calls", found, re.M
    )
    told = re.findall(
        r"^\| (a .*) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$",
        (ROOT / "docs/architecture.md").read_text(),
        re.M,
    )
    assert [title for title, *_ in told] == [title for title, *_ in counted]
    for (title, *most), (_, *now) in zip(told, counted, strict=True):
        for what, limit, count in zip(
            ("places", "rooms", "climbs", "upward"), most, now, strict=True
        ):
            # places differ with versions of libraries; nothing may grow much, nor may one more call go up
            slack = 0 if what == "upward" else 3 + int(limit) // 20
            assert int(count) <= int(limit) + slack, f"{title}: {count} {what}\n{found}"
