"""Dictionaries of shares, written anew once nobody else has them.

To copy one of 131,000 pairs, and to free another, takes as long as to find the shares. Who asks for shares mostly keeps
the last ones until there are others, so those before come back: the references to a dictionary say so. What is in
one that came back is looked at before it is handed out again, as its entries stand in memory; where that or the count
of references is not known, each dictionary is a new one.
"""

from __future__ import annotations

import collections
import functools
import itertools
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gavel_opt.gavel.entries import entries_are_known, has_entries

_KEPT = 2
"""So many dictionaries are remembered."""
_ALONE = 2
"""References to a dictionary that one thing alone has, as CPython counts them when asked."""


@dataclass(slots=True)
class _Lent:
    """A dictionary that was handed out.

    Attributes
    ----------
    shares
        The dictionary.
    keys
        Where it has shares.
    changes
        Keys that left and keys that came since, call by call; the latter as a dictionary.
    """

    shares: dict[Any, Any]
    keys: list[Any]
    changes: list[tuple[list[Any], dict[Any, Any]]] = field(default_factory=list)

    def references(self) -> int:
        """References to the dictionary."""
        return sys.getrefcount(self.shares)

    def emptied(self, but_for: set[int], nothing: Any) -> dict[Any, Any]:
        """The dictionary with the keys of now, and shares under none but these (by ``id``)."""
        shares = self.shares
        shares.update((key, nothing) for key in self.keys if id(key) not in but_for)
        for left, came in self.changes:
            drop(shares, left)
            shares.update(dict.fromkeys(came, nothing))
        return shares


class Written:
    """Makes the dictionaries of one caller."""

    def __init__(self) -> None:
        self._lent: list[_Lent] = []

    def note(self, left: list[Any], came: dict[Any, Any]) -> None:
        """Note keys that left, and others that came behind all others."""
        for lent in self._lent:
            lent.changes.append((left, came))

    def write(
        self, like: dict[Any, Any], keys: list[Any], values: Iterable[Any], nothing: Any
    ) -> dict[Any, Any]:
        """A dictionary with the keys of another, in order: values under some of them, nothing elsewhere."""
        shares = self._back(like, set(map(id, keys)), nothing)
        if shares is None:
            shares = dict.fromkeys(like, nothing)
        shares.update(zip(keys, values, strict=True))
        self._lent = [*self._lent[1 - _KEPT :], _Lent(shares, keys)]
        return shares

    def _back(self, like: dict[Any, Any], keys: set[int], nothing: Any) -> dict[Any, Any] | None:
        """A dictionary that came back, and surely has the keys of another, and nothing but under some."""
        back = [
            lent for lent in self._lent if references_are_known() and lent.references() == _ALONE
        ]
        for lent in back:
            self._lent.remove(lent)
            shares = lent.emptied(keys, nothing)
            if has_entries(shares, like, nothing, keys):
                return shares
        return None


@functools.cache
def references_are_known() -> bool:
    """Whether references are counted as this module says, tried with some dictionaries."""
    if not entries_are_known():
        return False
    alone, held = _Lent({}, []), _Lent({}, [])
    holder = held.shares
    found = alone.references() == _ALONE and held.references() == _ALONE + 1
    del holder
    return found and held.references() == _ALONE


def drop(values: dict[Any, Any], keys: Iterable[Any]) -> None:
    """Take keys out of a dictionary, if they are there."""
    collections.deque(map(values.pop, keys, itertools.repeat(None)), maxlen=0)
