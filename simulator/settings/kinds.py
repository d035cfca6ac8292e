"""What a kind of value is: how one is read, told from the next, and written down.

A kind reads text, as a command line or a file gives it, and values, as Python gives them, in one
function: all are checked alike and answered with the same words.
"""

from __future__ import annotations

import math
import operator
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from gavel_opt import InputError, unknown_name
from simulator.world.untrusted_text import LARGEST

MOST_VALUES = 100_000
"""The longest range that is taken for what its author meant."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What values a setting may have.

    Attributes
    ----------
    read
        Makes a value of text or of what Python gave; takes the flag too, for messages, and raises
        :class:`gavel_opt.InputError`.
    schema
        JSON schema of a value as :meth:`to_json` gives it.
    write
        Text that ``read`` makes the same value of; None where a command line cannot say it.
    to_json, from_json
        A value as JSON values, and back.
    continues
        Whether a word after a comma goes on with the value before it; None: it never does.
    may_be_empty
        Whether an empty text is a value, of a kind whose values are lists.
    switch
        Whether there are two values, and a flag on the command line stands for one of them.
    ranges
        Whether ``0-9`` and ``4:6:0.4`` stand for several values.
    names_file
        Whether text names a file.
    together
        Tells several values apart itself, from words of which some make one value together; the flag then
        takes several words, and ``write`` gives them one a line.
    """

    read: Callable[[Any, str], Any]
    schema: Mapping[str, Any]
    write: Callable[[Any], str | None] = str
    to_json: Callable[[Any], Any] = lambda value: value
    from_json: Callable[[Any], Any] = lambda value: value
    continues: Callable[[str, str], bool] | None = None
    may_be_empty: bool = False
    switch: bool = False
    ranges: bool = False
    names_file: bool = False
    together: Callable[[Any, str], list[Any]] | None = None


def several(given: Any, kind: Kind, flag: str) -> list[Any]:
    """Tell apart the values of a setting that takes several, without reading them.

    Words are separated by commas, spaces or both; ``0-9`` and ``4:6:0.4`` (from, to, step) are
    ranges, the last value included.

    Parameters
    ----------
    given
        Text, another single value, or a list of either.
    kind
        What each value is.
    flag
        For messages.

    Returns
    -------
    list
        Words and values, each to be read by ``kind``, in order, without repetitions.

    Raises
    ------
    InputError
        If there is none, or a range is none.
    """
    if kind.together is not None:
        return kind.together(given, flag)
    if isinstance(given, tuple | range):  # a window is one value
        with suppress(InputError):
            kind.read(given, flag)
            return [given]
    found: list[Any] = []
    seen: set[str] = set()
    listed = isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping | Path)
    for one in given if listed else [given]:
        for word in _words(one, kind, flag) if isinstance(one, str) else [one]:
            spread = _range(word, flag) if kind.ranges and isinstance(word, str) else [word]
            for value in spread:
                plain = getattr(value, "tolist", None)
                value = plain() if callable(plain) else value  # of an array, or a table's column
                if (known := f"{type(value).__name__} {value!r}") not in seen:
                    seen.add(known)
                    found.append(value)
    if not found:
        raise InputError(f"{flag}: expected at least one value")
    return found


def _words(text: str, kind: Kind, flag: str) -> list[str]:
    if not (text.strip() or kind.may_be_empty):
        raise InputError(f"{flag}: expected at least one value, found {text!r}")
    if kind.names_file:  # which may hold anything
        return [text] if os.path.exists(text) else [word for word in text.split(",") if word]
    if kind.may_be_empty and not text.strip():
        return [""]
    words: list[str] = []
    for part in re.split(r"\s*,\s*|\s+", text.strip()):
        if words and kind.continues is not None and kind.continues(words[-1], part):
            words[-1] += f",{part}"
        elif part:
            words.append(part)
    return words


def _range(word: str, flag: str) -> list[str]:
    whole = re.fullmatch(r"(\d+)-(\d+)", word)
    if whole is not None:
        first, last, step = Decimal(whole[1]), Decimal(whole[2]), Decimal(1)
    elif re.fullmatch(r"[\d.]+:[\d.]+:[\d.]+", word):
        try:
            first, last, step = (Decimal(part) for part in word.split(":"))
        except ArithmeticError:
            raise InputError(f"{flag}: cannot read the range {word!r}; as in 4:6:0.4") from None
    elif re.fullmatch(r"[\d.]+:[\d.]+", word):
        ones = f"{word.replace(':', '-')} in steps of 1, or " if word.count(".") == 0 else ""
        raise InputError(f"{flag}: the range {word!r} has no step; {ones}as in {word}:0.4")
    else:
        return [word]
    if last < first or step <= 0:
        raise InputError(f"{flag}: the range {word!r} is empty; as in 0-9 or 4:6:0.4")
    count = int((last - first) / step) + 1
    if count > MOST_VALUES:
        raise InputError(
            f"{flag}: the range {word!r} has {count:,} values; expected {MOST_VALUES:,} at most"
        )
    return [f"{(first + step * place).normalize():f}" for place in range(count)]


def require_one(given: Any, flag: str) -> None:
    """Answer a comma, a space or a range where one value is expected."""
    if isinstance(given, str) and re.search(r"[,\s]|^[\d.]+[-:][\d.:]+$", given.strip()):
        raise InputError(
            f"{flag}: takes one value here, found {given!r}; gavel-sim sweep runs several"
        )


def number(
    what: str,
    test: Callable[[float], bool],
    whole: bool = False,
    most: float = LARGEST,
    **schema: Any,
) -> Kind:
    """Make a kind of numbers.

    Parameters
    ----------
    what
        For messages: ``"a positive number"``.
    test
        Which numbers are meant; false for what is none.
    whole
        Whether they are integers.
    most
        Largest that is read.
    schema
        Bounds, in the words of JSON schema.
    """

    def read(given: Any, flag: str) -> float:
        try:
            if isinstance(given, str):
                value = int(given) if whole else float(given)
            elif isinstance(given, bool):
                raise ValueError
            else:
                value = operator.index(given) if whole else float(given)
        except (ValueError, TypeError):
            require_one(given, flag)
            value = math.nan
        if not test(value):
            raise InputError(f"{flag}: {given!r} is not {what}")
        if not abs(value) <= most:
            raise InputError(f"{flag}: {given!r} is too large; expected {most:g} at most")
        return value

    kind = "integer" if whole else "number"
    write = str if whole else repr
    schema = {"type": kind, "maximum": int(most) if whole else most} | schema
    return Kind(read, schema, write=write, ranges=True)


def one_of(names: Iterable[str], what: str) -> Kind:
    """Make a kind of names from a list; ``what`` they are, for messages: ``tie-break``."""
    names = tuple(names)

    def read(given: Any, flag: str) -> str:
        if given not in names:
            require_one(given, flag)
            raise unknown_name(f"{what} ({flag})", str(given), names)
        found: str = given
        return found

    return Kind(read, {"enum": list(names)})
