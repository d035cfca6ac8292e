"""The package ``simulator`` by a name that nothing else has.

>>> import gavel_sim
>>> gavel_sim.run is __import__("simulator").run
True
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import simulator

_OURS = Path(__file__).parent.parent / "simulator"

if simulator.__file__ is None or Path(simulator.__file__).parent.resolve() != _OURS.resolve():
    raise ImportError(
        f"{simulator.__file__ or 'a folder named simulator'} stands before the package that "
        f"gavel-opt installed in {_OURS}: rename it, or start Python elsewhere"
    )

from simulator import *  # noqa: E402, F403  (of the right one)

__all__ = simulator.__all__


def __getattr__(name: str) -> Any:
    return getattr(simulator, name)
