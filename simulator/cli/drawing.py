"""Whether plots can be drawn here, said once and in one way."""

from __future__ import annotations

import importlib.util
import sys


def can_draw(*, after: bool = False) -> bool:
    """Whether matplotlib is there; without it, say what to do.

    Parameters
    ----------
    after
        Whether what is to be drawn has been computed; a long command asks before, too.
    """
    if importlib.util.find_spec("matplotlib") is not None:
        return True
    if after:
        print("no plot: needs matplotlib, pip install 'gavel-opt[plots]'", file=sys.stderr)
    else:
        print(
            "gavel-sim: no plots without matplotlib: pip install 'gavel-opt[plots]', now or later; "
            "the same command then draws them and runs nothing twice",
            file=sys.stderr,
        )
    return False
