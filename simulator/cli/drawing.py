"""Whether plots can be drawn here, said once and in one way."""

from __future__ import annotations

import importlib.util
import sys

INSTALL = "pip install 'gavel-opt[plots]'"
"""What brings matplotlib."""


def is_installed() -> bool:
    """Whether matplotlib is there."""
    return importlib.util.find_spec("matplotlib") is not None


def can_draw(*, after: bool = False) -> bool:
    """Whether matplotlib is there; without it, say what to do.

    Parameters
    ----------
    after
        Whether what is to be drawn has been computed; a long command asks before, too.
    """
    if is_installed():
        return True
    if after:
        print(f"no plot: needs matplotlib, {INSTALL}", file=sys.stderr)
    else:
        print(
            f"gavel-sim: no plots without matplotlib: {INSTALL}, now or later; "
            "the same command then draws them and runs nothing twice",
            file=sys.stderr,
        )
    return False
