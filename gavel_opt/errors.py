"""What can go wrong by misuse: one small tree, every message one line that says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GavelError(Exception):
    """Base of everything this project raises on purpose; its text is one line for the user."""

    def __init__(self, message: object = "") -> None:
        text = str(message)  # what it quotes may have lines: an array, a column of a table
        super().__init__(one_line(text) if "\n" in text else message)


class InputError(GavelError):
    """Bad input: a name, a value or a file. The command line ends with exit status 2."""


class MissingLibraryError(GavelError):
    """An engine was asked for whose library is not installed; the text names it."""


class SolveFailed(GavelError):
    """No engine of the fallback chain gave a certified answer. Exit status 3.

    Attributes
    ----------
    program
        The :class:`~gavel_opt.model.linear_program.LinearProgram` that was not solved, if there is one;
        :func:`~gavel_opt.write_program` keeps it for ``gavel-opt check``.
    """

    def __init__(self, message: str, program: object = None) -> None:
        super().__init__(message)
        self.program = program


class PolicyFailed(GavelError):
    """A policy from outside raised; the text says what, and where in its file. Exit status 3."""


class EngineFault(UserWarning):
    """Code of this package made a mistake where an engine was asked; the answer comes from the next engine."""


ON_PURPOSE: tuple[type[BaseException], ...] = (GavelError, KeyboardInterrupt)
"""What passes where code from outside is called: what this project raises itself, and Ctrl-C."""

ANY_FAILURE = BaseException
"""What else such code may end in: neither ``sys.exit`` nor a library's panic ends the process."""


def one_line(message: object, longest: int = 2000) -> str:
    """A message as one line of bounded length, without control characters, whatever it quotes."""
    line = " ".join(str(message).split())
    if not line.isprintable():
        line = "".join(sign if sign.isprintable() else "?" for sign in line)
    return line if len(line) <= longest else f"{line[: longest - 4]} ..."


def counted(count: int, thing: str) -> str:
    """Say how many of a thing there are: ``1 run``, ``2,000 runs``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def in_words(raised: BaseException, longest: int = 200) -> str:
    """What code from outside raised, in one short line; its own text may raise as well."""
    try:
        text = one_line(raised, longest)
    except ANY_FAILURE:
        text = ""
    kind = type(raised).__name__
    return f"{kind}: {text}" if text else kind


_MANY, _SOME = 60, 8
"""Names beyond which only some are said, and how many about."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> InputError:
    """Build the error for a name that is not in a list, with the nearest valid names.

    Parameters
    ----------
    what
        What the name should have been, with its flag: ``"policy (--policy)"``.
    name
        What the user wrote.
    known
        All valid names.
    """
    names = sorted(
        known, key=lambda one: (not one.isdigit(), int(one) if one.isdigit() else 0, one)
    )
    near = difflib.get_close_matches(name, names, n=3) or [
        one for one in names if one.lower() == name.lower()
    ]
    choices = f"one of: {', '.join(names)}"
    if len(names) > _MANY:
        choices = f"one of {len(names)}, such as: {', '.join(names[:: len(names) // _SOME])}"
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose {choices}"
    return InputError(f"unknown {what} {name!r}; {hint}")
