"""The paper's points keep their bits under the default rule."""

from __future__ import annotations

import pytest

from bench import saturation_figures


@pytest.mark.slow
def test_points_below_the_knee_are_the_same_to_the_bit() -> None:
    """Seed 0 of Figures 9, 10 and 11, policies that share workers left out: two minutes."""
    points = list(saturation_figures.points([0], with_packed=False))
    assert len(points) == 110
    found = {name: saturation_figures.compare(config) for _, name, config in points}
    assert set(found.values()) == {"same"}, found
