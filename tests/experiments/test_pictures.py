"""Pictures: safe for colour-blind readers, one look a policy, nothing cut off, nothing hidden."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from gavel_opt import POLICIES  # noqa: E402
from simulator.studies.experiments import curves  # noqa: E402
from simulator.studies.experiments.experiment import Choices  # noqa: E402
from simulator.studies.pictures import plots, styles  # noqa: E402

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB
DEUTERANOPIA = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
PROTANOPIA = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
TOGETHER = (
    ("max_min_fairness", "gandiva", "allox", "max_min_fairness_perf", "max_min_fairness_packed"),
    ("fifo", "min_total_duration", "min_total_duration_perf", "min_total_duration_packed"),
    ("not_packed", "measured", "estimated"),
)


@pytest.mark.parametrize("matrix", [np.eye(3), DEUTERANOPIA, PROTANOPIA], ids=["all", "d", "p"])
def test_curves_of_a_figure_are_told_apart(matrix):
    for names in TOGETHER:
        found = styles.styles(names)
        assert styles.styles_apart(names) == found
        for one, other in itertools.combinations(names, 2):
            seen = [np.asarray(matrix) @ np.array(to_rgb(found[n][0])) ** 2.2 for n in (one, other)]
            assert np.linalg.norm(np.diff(np.clip(seen, 0, 1) ** (1 / 2.2), axis=0)) > 0.2, (
                one,
                other,
            )
            assert found[one][1] != found[other][1]


ENDINGS = {marker for marker, _ in styles.ENDINGS.values()}


def test_a_policy_looks_the_same_in_all_figures():
    together = styles.styles(list(POLICIES))
    for name in POLICIES:
        assert styles.styles(["another", name])[name] == together[name]
        assert together[name][1] not in ENDINGS
    assert not ENDINGS & {marker for _, marker in styles.OTHERS}


def test_each_ending_has_a_mark_of_its_own():
    assert len(ENDINGS) == len(styles.ENDINGS)


def test_no_two_curves_of_a_chart_look_alike():
    found = styles.styles_apart(list(POLICIES))
    assert len(set(found.values())) == len(found)
    assert found["max_min_fairness"] == styles.AGNOSTIC
    assert found["fifo_perf"] == styles.GAVEL
    assert found["allox"] == styles.STYLES["allox"]
    assert not ENDINGS & {marker for _, marker in found.values()}


@pytest.mark.parametrize("panels", [1, 2])
def test_nothing_is_cut_off_or_hidden(panels, tmp_path: Path, monkeypatch):
    figures: list[Figure] = []
    monkeypatch.setattr(
        plots, "Figure", lambda **given: figures.append(Figure(**given)) or figures[-1]
    )
    line = plots.Line(
        *("max_min_fairness_perf", "Gavel", (1.0, 2.0), (3.0, 4.0), ((2.0, 4.0), (3.0, 5.0))),
        open_ended=(3.0,),
        endings=("saturated",),
        published=((1.0, 2.0), (3.0, 4.1)),
    )
    axes = plots.Axes("a panel " * 12, "x", "y", (line,))
    plots.draw(tmp_path / "one", "A title that is long " * 6, "a note " * 20, [axes] * panels)
    (figure,) = figures
    renderer = figure.canvas.get_renderer()
    page = figure.bbox
    texts = [figure._suptitle, *figure.texts, *(place.title for place in figure.axes)]
    for text in [*texts, *(place._left_title for place in figure.axes)]:
        box = text.get_window_extent(renderer)
        assert box.x1 <= page.x1 + 1, text
        assert box.y1 <= page.y1 + 1, text
    title, note = (text.get_window_extent(renderer) for text in (figure._suptitle, figure.texts[0]))
    for place in figure.axes:
        legend = place.get_legend()
        box = legend.get_window_extent(renderer)
        assert not box.overlaps(place.get_window_extent(renderer))
        assert box.y0 >= page.y0 - 1
        assert not note.overlaps(place._left_title.get_window_extent(renderer))
        said = [text.get_text() for text in legend.get_texts()]
        assert "Gavel (max_min_fairness_perf)" in said
        assert any("band" in text for text in said)
        assert any("paper" in text for text in said)
    assert title.x0 < page.x1


def test_a_legend_has_the_names_of_policies_and_no_others():
    assert styles.in_legend("Gavel", "max_min_fairness_perf") == "Gavel (max_min_fairness_perf)"
    assert styles.in_legend("fifo", "fifo") == "fifo"
    assert styles.in_legend("360 s", "360") == "360 s"


def test_another_window_is_not_the_papers():
    assert Choices().as_published
    assert not Choices(window=(400, 500)).as_published


def test_a_point_alone_shows_the_spread_of_its_seeds(tmp_path: Path, monkeypatch):
    """A band lies between points: of one point it was nothing, beside a legend that promised it."""
    figures: list[Figure] = []
    monkeypatch.setattr(
        plots, "Figure", lambda **given: figures.append(Figure(**given)) or figures[-1]
    )
    line = plots.Line("fifo", "FIFO", (4.0,), (7.0,), spread=((5.0, 9.0),))
    plots.draw(tmp_path / "one", "title", "note", [plots.Axes("", "rate", "y", (line,))])
    drawn = [one.get_segments() for one in figures[0].axes[0].collections[1:]]
    assert [[list(map(tuple, part)) for part in one] for one in drawn] == [
        [[(4.0, 5.0), (4.0, 9.0)]]
    ]


def test_limits_follow_the_data_where_the_paper_is_not_drawn(tmp_path: Path, monkeypatch):
    figures: list[Figure] = []
    monkeypatch.setattr(
        plots, "Figure", lambda **given: figures.append(Figure(**given)) or figures[-1]
    )
    line = plots.Line(
        *("gandiva", "Gandiva", (1.0, 2.5), (20.0, 21.0)),
        open_ended=(4.5, 5.0),
        endings=("timeout", "horizon"),
    )
    paper = plots.Line("fifo", "FIFO", (1.0,), (30.0,), published=((1.0,), (31.0,)))
    name = "max_sum_throughput_normalized_by_cost_perf_SLOs"
    one = plots.Line(name, "least cost within deadlines", (7.0,), (3.0,))
    panels = [
        plots.Axes("", "rate", "y", lines, y_limits=(0, 100)) for lines in ((line,), (line, paper))
    ]
    plots.draw(tmp_path / "one", "title", "note", [*panels, plots.Axes("", "seed", "y", (one,))])
    alone, beside, single = figures[0].axes
    assert alone.get_ylim()[1] < 24
    assert beside.get_ylim()[1] == 100
    legend = [text.get_text() for text in alone.get_legend().get_texts()]
    assert [text for text in legend if text.startswith("no value")] == [
        "no value: horizon (limit of simulated time)",
        "no value: timeout (limit of wall clock)",
    ]
    marks = {line.get_marker() for line in alone.lines if line.get_linestyle() == "None"}
    assert marks == {"_", "x"}, "each ending has a mark of its own"
    assert alone.get_xlim()[1] >= 4.5, "where a run did not finish lies within the axes"
    assert [tick for tick in single.get_xticks() if not tick.is_integer()] == []
    renderer = figures[0].canvas.get_renderer()
    boxes = [place.get_legend().get_window_extent(renderer) for place in figures[0].axes]
    assert not boxes[1].overlaps(boxes[2])


def test_the_axis_fits_the_points_that_were_chosen() -> None:
    some = Choices(at=(4.4, 4.8, 5.2, 5.6))
    left, right = curves._limits([4.4, 4.8, 5.2, 5.6], some)
    assert 4.2 < left < 4.4
    assert right is not None
    assert 5.6 < right < 5.8
    assert curves._limits([4.4], some) == (0.0, None)
    assert curves._limits([0.4, 7.6], Choices()) == (0.0, None)
