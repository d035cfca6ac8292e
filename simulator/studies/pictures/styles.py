"""Colour and marker of policies and curves, the same in pictures and in the viewer."""

from __future__ import annotations

from collections.abc import Sequence

from gavel_opt import POLICIES

INK = "#22262b"

Style = tuple[str, str]
"""Colour, and marker by the letter that matplotlib has for it."""

AGNOSTIC: Style = ("#D55E00", "s")
GAVEL: Style = ("#0072B2", "o")
SHARING: Style = ("#000000", "P")

STYLES: dict[str, Style] = {
    "fifo": ("#4D4D4D", "X"),
    "gandiva": ("#E69F00", "D"),
    "allox": ("#009E73", "v"),
    "isolated": ("#8C6D31", "p"),
    "proportional": ("#56B4E9", "<"),
    "not_packed": GAVEL,
    "measured": SHARING,
    "estimated": ("#009E73", "h"),
}
"""Of a policy or curve, the same in all figures; families follow their suffix:
heterogeneity-agnostic vermilion squares, ``_perf`` blue circles, ``_packed`` black pluses.

Colours are those of Okabe and Ito (jfly.uni-koeln.de/color), which people with any of the common
kinds of colour blindness tell apart; the marker says the same again.
"""

OTHERS: tuple[Style, ...] = (
    ("#56B4E9", "<"),
    ("#009E73", "h"),
    ("#8C6D31", "p"),
    ("#4D4D4D", "*"),
    ("#E69F00", ">"),
    ("#CC79A7", "D"),
)
"""Of curves without one of their own, in order."""

ENDINGS: dict[str, tuple[str, str]] = {
    "saturated": ("^", "saturated"),
    "horizon": ("_", "horizon (limit of simulated time)"),
    "timeout": ("x", "timeout (limit of wall clock)"),
    "cancelled": ("|", "cancelled"),
    "without all jobs": ("+", "measured jobs are missing"),
}
"""Marker and words of a point that has no value, by how its runs ended; no curve has such a marker."""


UNDECIDED = ("?", "completed, but may be beyond the knee: the verdict is undecided")
"""Sign at a point of which some run has such a verdict, and words."""


def plain(text: str) -> str:
    """Return words as matplotlib is to have them: it takes ``$...$`` for formulas, and hides labels that begin with ``_``."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def in_legend(label: str, name: str) -> str:
    """Return what a legend says of a curve: its label, and its policy where that is its name."""
    return f"{label} ({name})" if name in POLICIES and name != label else label


def ending_of(state: str) -> str:
    """Return the entry of :data:`ENDINGS` for how a run, or a point, ended."""
    return state if state in ENDINGS else "without all jobs"


def styles(names: Sequence[str]) -> dict[str, Style]:
    """Return each curve's own style, its family's, or the next that is free."""
    free = iter(OTHERS)
    found: dict[str, Style] = {}
    for name in names:
        family = (
            SHARING
            if name.endswith(("_packed", "_packed_SLOs"))
            else GAVEL
            if name.endswith(("_perf", "_perf_SLOs"))
            else AGNOSTIC
            if name in POLICIES
            else None
        )
        found[name] = STYLES.get(name) or family or next(free, (INK, "*"))
    return found


def spare_styles() -> list[Style]:
    """Return what a curve may have when its own style is taken: :data:`OTHERS`, then all combinations."""
    palette = (*OTHERS, *STYLES.values(), AGNOSTIC, GAVEL, SHARING)
    turns = range(len(palette))
    mixed = [(palette[at][0], palette[at - turn][1]) for turn in turns for at in turns]
    return list(dict.fromkeys([*OTHERS, *mixed]))


def lines_apart(curves: Sequence[str]) -> list[Style]:
    """Return a style for each line of one chart, where no two may look alike.

    The first line of a curve, and the first curve of a family, has its style, the others what is left
    of :func:`spare_styles`.

    Parameters
    ----------
    curves
        What each line is of; several may be of one.
    """
    own = styles(curves)
    wanted = [own[curve] for curve in curves]
    spare = spare_styles()
    taken: set[Style] = set()
    for place, style in enumerate(wanted):
        if style in taken:
            others = set(wanted) | taken
            wanted[place] = next((one for one in spare if one not in others), style)
        taken.add(wanted[place])
    return wanted


def styles_apart(names: Sequence[str]) -> dict[str, Style]:
    """Return a style for each of several curves, each with one line."""
    return dict(zip(names, lines_apart(names), strict=True))
