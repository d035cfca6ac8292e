"""cvxpy's remarks on other libraries' solvers do not come between the lines of an answer."""

import logging
import subprocess
import sys

import pytest

pytest.importorskip("cvxpy")

OF_OTHERS = "Encountered unexpected exception importing solver GLOP:\nRuntimeError('Unrecognized new version of ortools')"

NEWER = """
import ortools
ortools.__version__ = "99.0.0"
import gavel_opt.engines.{engine}
"""


@pytest.mark.parametrize("engine", ["cvxpy_rebuild", "cvxpy_cached"])
def test_an_ortools_newer_than_cvxpy_is_not_remarked_on(engine: str) -> None:
    pytest.importorskip("ecos")
    code = NEWER.format(engine=engine)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_other_remarks_are_kept() -> None:
    import gavel_opt.engines.cvxpy_rebuild  # noqa: F401

    logger = logging.getLogger("__cvxpy__")
    assert not logger.filter(logging.makeLogRecord({"msg": OF_OTHERS}))
    assert logger.filter(logging.makeLogRecord({"msg": "Compilation took 3 s"}))
