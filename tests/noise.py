"""What a command says while it compiles or takes long, which no test expects or forbids."""

from __future__ import annotations

import re

_PROGRESS = re.compile(r"(compiling .*|gavel-sim: after \d+ .*)\n")


def without_progress(said: str) -> str:
    """Leave out lines that only say how far a command is."""
    return _PROGRESS.sub("", said)
