"""A JSON list of any length, one item in memory at a time."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gavel_opt import InputError
from simulator.world.untrusted_text import MEGABYTE, of_text, once, shown

_CHUNK = 1 << 16
_DECODER = json.JSONDecoder(object_pairs_hook=once)


def list_items(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the items of a file that holds one list of objects, with ``FILE:LINE`` where each begins.

    Raises
    ------
    InputError
        If it cannot be read, is no such list, or has an item of more than a megabyte.
    """
    try:
        with path.open("rb") as file:
            yield from _items(_Window(path, file))
    except OSError as wrong:
        raise InputError(f"import: cannot read {path}: {wrong.strerror or wrong}") from None


def _items(window: _Window) -> Iterator[tuple[str, Any]]:
    if not window.take("["):
        raise window.wrong(f"expected a list of jobs, found {shown(window.text[:20])}")
    empty = window.take("]")
    while not empty:
        yield window.where(), window.item()
        if window.take("]"):
            break
        if not window.take(","):
            raise window.wrong("not JSON: expected a comma or the end of the list")
    if not window.at_end():
        raise window.wrong(f"{shown(window.text[:20])} stands behind the list; expected nothing")


class _Window:
    """The part of a file that has been read and not yet taken."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.text, self.line, self.ended = "", 1, False
        self._path, self._file = path, file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()

    def where(self) -> str:
        """File and line of what comes next."""
        self._skip()
        return f"{self._path}:{self.line}"

    def wrong(self, what: str, line: int = 0) -> InputError:
        """Make a complaint about what comes next, or about a line after it."""
        return InputError(f"{self._path}:{self.line + line}: {what}")

    def take(self, character: str) -> bool:
        """Take a character if it comes next, blanks aside."""
        self._skip()
        found = self.text.startswith(character)
        if found:
            self.text = self.text[1:]
        return found

    def at_end(self) -> bool:
        """Whether nothing but blanks comes next."""
        self._skip()
        return not self.text

    def item(self) -> Any:
        """Take an object."""
        self._skip()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text)
                of_text(value, "\\ud" in self.text[:end].lower())
            except json.JSONDecodeError as wrong:
                if self.ended or len(self.text) > MEGABYTE:
                    raise self.wrong(f"not JSON: {wrong.msg}", wrong.lineno - 1) from None
                self._more()
            except RecursionError:
                raise self.wrong("nested too deeply") from None
            except ValueError as wrong:  # a number of thousands of digits, half a character
                raise self.wrong(str(wrong)) from None
            else:
                self._pass(end)
                return value

    def _skip(self) -> None:
        while True:
            self._pass(len(self.text) - len(self.text.lstrip()))
            if self.text or self.ended:
                return
            self._more()

    def _pass(self, end: int) -> None:
        self.line += self.text.count("\n", 0, end)
        self.text = self.text[end:]

    def _more(self) -> None:
        chunk = self._file.read(_CHUNK)
        self.ended = not chunk
        try:
            self.text += self._decode.decode(chunk, final=self.ended)
        except UnicodeDecodeError:
            raise self.wrong("not UTF-8 text") from None
