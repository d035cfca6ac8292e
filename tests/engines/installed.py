"""Engines of ours by name; a test of one whose library is not installed is skipped."""

import pytest

from gavel_opt.engines.registry import make_engine
from gavel_opt.errors import MissingLibraryError

KEEPERS = ["highs", "ortools", "pulp"]
"""Those that keep a model."""


def make(name):
    try:
        return make_engine(name)
    except MissingLibraryError as missing:
        pytest.skip(str(missing))
