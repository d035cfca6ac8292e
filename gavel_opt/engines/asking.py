"""Asking an engine: what it raises or hands back in a wrong shape is an outcome, not the end."""

from __future__ import annotations

import copy
import math
import threading
import traceback
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from gavel_opt.engines.protocol import Capability, Engine, Options
from gavel_opt.errors import (
    ANY_FAILURE,
    ON_PURPOSE,
    EngineFault,
    InputError,
    in_words,
    one_line,
)
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Stats, Status

Lent = TypeVar("Lent")
"""A program of any kind."""


def made_here(engine: Engine) -> bool:
    """Whether an engine is of this package, where certificates are computed from the program."""
    return type(engine).__module__.startswith("gavel_opt.")


_TURNS: WeakKeyDictionary[Engine, threading.RLock] = WeakKeyDictionary()
_FIRST = threading.Lock()


def turn_on(engine: Engine) -> AbstractContextManager[object]:
    """A lock of an engine, which keeps a model that two threads at once would tear apart."""
    try:
        with _FIRST:
            return _TURNS.setdefault(engine, threading.RLock())
    except TypeError:  # one from outside that cannot be referred to weakly
        return nullcontext()


def require_engine(engine: object) -> None:
    """Refuse what is no engine.

    Raises
    ------
    InputError
        Saying what is missing.
    """
    if isinstance(engine, type) or not callable(getattr(engine, "solve", None)):
        raise InputError(f"engine: {engine!r} is no engine; a name is, such as 'highs'")
    capability = getattr(engine, "capability", None)
    if not isinstance(capability, Capability) or not isinstance(getattr(engine, "name", None), str):
        raise InputError(
            f"engine: a {type(engine).__name__} without a name or gavel_opt.Capability(...); "
            "docs/write-an-engine.md says what an engine has"
        )


def require_how(options: object, tolerance: object) -> None:
    """Refuse options and a tolerance that are none.

    Raises
    ------
    InputError
        Saying which.
    """
    if not isinstance(options, Options):
        raise InputError(f"options: {options!r} are no gavel_opt.Options")
    if not isinstance(tolerance, int | float | np.number) or not tolerance >= 0.0:
        raise InputError(f"tolerance: {tolerance!r} is not a number of 0 or more")


def lent(engine: Engine, program: Lent) -> Lent:
    """The program for an engine to work on: a copy for one from outside, which may write into it."""
    return program if made_here(engine) else copy.deepcopy(program)


def ask(engine: Engine, program: LinearProgram, options: Options) -> Solution:
    """Solve on an engine; an exception or an answer of the wrong shape is a numerical error.

    The objective is computed from the point, whatever the engine says that it is. An engine from outside works on
    a copy of the program, which it may scale in place, and what it keeps of its answer is a copy, too; no more
    is taken of it than status, point, duals and statistics.

    Raises
    ------
    GavelError
        What the engine raises on purpose: misuse.
    """
    ours = made_here(engine)
    try:
        solution = engine.solve(lent(engine, program), options)
    except ON_PURPOSE:
        raise
    except ANY_FAILURE as raised:
        return broken(f"raised {in_words(raised)}{fault(engine, raised)}")
    if not isinstance(solution, Solution) or not isinstance(solution.status, Status):
        return broken(f"answered with a {type(solution).__name__}")
    told = isinstance(solution.objective, int | float)
    named = float(solution.objective) if told else math.nan
    if not ours:
        solution = Solution(
            solution.status,
            x=solution.x,
            row_dual=solution.row_dual,
            stats=checked_stats(solution.stats),
        )
    shapes = program.c.shape, program.row_lower.shape
    for what, shape in zip(("x", "row_dual"), shapes, strict=True):
        values = getattr(solution, what)
        if values is None:
            continue
        try:
            if np.iscomplexobj(values):
                raise TypeError
            array = (np.asarray if ours else np.array)(values, dtype=np.float64)
        except (TypeError, ValueError):
            return broken(f"{what} is no array of numbers")
        if array.shape != shape:
            return broken(f"{what} has shape {array.shape}, expected {shape}")
        setattr(solution, what, array)
    if solution.status.has_answer and solution.x is None:
        return broken(f"says {solution.status.value} without an answer")
    if solution.x is not None:
        solution.objective, solution.named = program.objective(solution.x), named
    return solution


def checked_stats(stats: object) -> Stats:
    """Statistics of an engine from outside, with what is none left out."""
    checked = Stats()
    for name in ("translate", "solve", "read"):
        seconds = getattr(stats, name, None)
        if isinstance(seconds, int | float) and 0.0 <= seconds < math.inf:
            setattr(checked, name, float(seconds))
    for name in ("iterations", "programs"):
        count = getattr(stats, name, None)
        if isinstance(count, int | np.integer) and count > getattr(checked, name):
            setattr(checked, name, int(count))
    checked.reused = getattr(stats, "reused", None) is True
    detail = getattr(stats, "detail", None)
    checked.detail = one_line(detail, 200) if isinstance(detail, str) else ""
    return checked


def raised_word(engine: Engine | None, raised: BaseException) -> str:
    """What is said of an engine that raised, None for ours: the same of the same kind of exception."""
    return f"raised {type(raised).__name__}{fault(engine, raised)}"


_MISTAKES = (
    *(TypeError, ValueError, AttributeError, NameError, LookupError),
    *(AssertionError, ImportError, NotImplementedError, RecursionError),
)
"""What code raises that is wrong, rather than a solver that finds no answer."""


_NUMBERS = {"numpy", "scipy", "numba"}
"""What raises in the name of who calls it."""


def fault(engine: Engine | None, raised: BaseException) -> str:
    """Warn of a mistake of this package's own code and say where it is; nothing of other failures.

    The next engine's answer is as good, so a run goes on; but what is wrong in ours must not hide behind it, as a
    run that is only slower would.
    """
    if engine is not None and not made_here(engine):
        return ""
    home = type(raised).__module__.partition(".")[0]
    if not (home == "numba" or (home == "builtins" and isinstance(raised, _MISTAKES))):
        return ""
    package = Path(__file__).parents[1]
    frames = traceback.extract_tb(raised.__traceback__)
    while frames and not _NUMBERS.isdisjoint(Path(frames[-1].filename).parts):
        frames.pop()
    place = Path(frames[-1].filename) if frames else Path()
    if not place.is_relative_to(package):
        return ""  # of a library, which is as good a way as any to say that there is no answer
    where = f" in {place.relative_to(package.parent)}:{frames[-1].lineno}"
    name = "the tie-break" if engine is None else f"engine {engine.name!r}"
    warnings.warn(
        f"{name} raised {in_words(raised)}{where}: a mistake in its code or a library that it does not know. "
        "The next engine is asked, so answers are as good, but slower; please report it",
        EngineFault,
        stacklevel=2,
    )
    return where


def broken(what: str) -> Solution:
    """The outcome of a solve that was none."""
    return Solution(Status.NUMERICAL_ERROR, stats=Stats(detail=what))


def version_of(engine: Engine) -> str:
    """Solver and version; what an engine from outside does not tell ends nothing."""
    try:
        version = engine.version()
    except ON_PURPOSE:
        raise
    except ANY_FAILURE as raised:
        return f"{engine.name}, which gives no version ({in_words(raised)})"
    return one_line(version, 200) if isinstance(version, str) else engine.name
