"""Files of a run that may have been cut off within their last number: whoever gave them is told."""

from __future__ import annotations

from pathlib import Path

from simulator.settings.config import RunConfig
from simulator.world.untrusted_text import may_be_cut_off


def notes_on_files(config: RunConfig) -> list[str]:
    """A line for each file that ends in a digit, without the end of its line."""
    given = {
        "--trace": config.trace,
        "--throughputs": config.throughputs,
        "--prices": config.prices,
    }
    return [
        f"{flag}: {path} ends within its last line: if it was cut off there, its last number is too short"
        for flag, path in given.items()
        if path is not None and may_be_cut_off(Path(path))
    ]
