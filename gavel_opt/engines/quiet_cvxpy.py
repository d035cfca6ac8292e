"""cvxpy, read without its remarks on solvers that none of our engines asks it for.

Each release of cvxpy knows the releases of OR-Tools up to its own day. Beside a later one it warns while
it is read; up to 1.6 it prints an exception for each of its solvers to standard output, amid an answer.
"""

from __future__ import annotations

import logging
import warnings


def _is_of_use(record: logging.LogRecord) -> bool:
    return "unexpected exception importing solver" not in record.getMessage()


logging.getLogger("__cvxpy__").addFilter(_is_of_use)
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Unrecognized version of")
    import cvxpy

__all__ = ["cvxpy"]
