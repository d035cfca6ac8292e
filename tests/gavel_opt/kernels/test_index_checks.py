"""Compiled code that is asked to looks at every index, those from the end that are computed too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PICK = """
import sys
import numpy as np
from gavel_opt.kernels import jit

@jit.compiled
def pick(values: np.ndarray, at: int) -> float:
    return values[at] + values[-1]

values = np.arange(1.0, 6.0)
jit.make_ready(pick, (values, 2))
assert pick.func != pick.interpreted
print(pick(values, int(sys.argv[1])))
"""


@pytest.mark.parametrize(("at", "found"), [(0, "6.0"), (4, "10.0"), (5, None), (-1, None)])
def test_an_index_that_is_none_is_refused(tmp_path: Path, at: int, found: str | None) -> None:
    (tmp_path / "pick.py").write_text(PICK)
    kept = {"GAVEL_OPT_CACHE": str(tmp_path / "cache"), "NUMBA_DISABLE_JIT": "0"}
    kept["GAVEL_OPT_CHECK_INDICES"] = "1"
    done = subprocess.run(
        [sys.executable, tmp_path / "pick.py", str(at)],
        env=os.environ | kept,
        capture_output=True,
        text=True,
        check=False,
    )
    if found is None:
        assert "the compiled __main__.pick failed" in done.stderr
    else:
        assert done.stdout.strip() == found, done.stderr
