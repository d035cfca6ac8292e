"""The fuzz driver follows the readers: each of its targets reads what it begins with and a few changes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).parent / "fuzz_readers.py"


@pytest.mark.slow
def test_every_target_still_reads(tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    words = [sys.executable, str(DRIVER), str(tmp_path), "all", "-runs=50"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    logs = "".join(
        f"{log.name}: {log.read_text()[-400:]}\n" for log in sorted(tmp_path.glob("*.log"))
    )
    assert done.stdout.endswith("wrong: none\n"), f"{done.stdout}\n{logs}"
