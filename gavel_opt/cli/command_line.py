"""What ``gavel-opt`` and ``gavel-sim`` share: subcommands, one way to complain, exit statuses.

Exit status: 0 done; 1 done, and the answer is no; 2 bad input; 3 a solver or the run failed; 130
interrupted.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TextIO

from gavel_opt.errors import GavelError, InputError, MissingLibraryError, one_line, unknown_name


class Command(Protocol):
    """A subcommand; a module may be one."""

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Declare its flags."""
        ...

    def run(self, arguments: argparse.Namespace, /) -> int:
        """Carry it out and return the exit status; ``arguments.words`` is what was typed."""
        ...


class Parser(argparse.ArgumentParser):
    """An argument parser whose every complaint is one line and an :class:`InputError`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        # No flag begins with a digit: -1:2:3 is a value, which its flag refuses by saying what it takes.
        self._negative_number_matcher = re.compile(r"-[.\d]")

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage; ``argument --x: ...`` becomes ``--x: ...``."""
        raise InputError(f"{message.removeprefix('argument ')}; see {self.prog} --help")

    def parse_exactly(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse, and answer an unknown flag with the nearest known ones, a value too many with its flag."""
        parsed, rest = self.parse_known_args(words)
        for word in rest:
            if word.startswith("-"):
                ours = {"--help", "--version"}  # nobody means these
                flags = [
                    flag
                    for flag, action in self._option_string_actions.items()
                    if flag.startswith("--")
                    and flag not in ours
                    and action.help != argparse.SUPPRESS
                ]
                raise unknown_name("flag", word.split("=")[0], flags)
            before = self._flag_before(word, list(words))
            said = f" after {before}, which takes one value here" if before else ""
            raise InputError(f"unexpected argument {word!r}{said}; see {self.prog} --help")
        return parsed

    def _flag_before(self, word: str, words: list[str]) -> str | None:
        """The flag that has its value already and stands before a word that is left over."""
        flags = [one for one in words[: words.index(word)] if one.startswith("--")]
        action = self._option_string_actions.get(flags[-1].split("=")[0]) if flags else None
        return flags[-1].split("=")[0] if action is not None and action.nargs is None else None


@dataclass(frozen=True, slots=True)
class Program:
    """A console script with subcommands.

    Attributes
    ----------
    name
        What the user types.
    purpose
        One sentence for the help.
    example
        One command line for the help.
    summaries
        Subcommand to what it does.
    load
        Gives the subcommand of a name; called only for the one asked for, so that a wrong flag is
        answered before anything heavy is imported.
    """

    name: str
    purpose: str
    example: str
    summaries: Mapping[str, str]
    load: Callable[[str], Command]

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run one subcommand and return its exit status."""
        words = list(sys.argv[1:] if arguments is None else arguments)
        try:
            status = self._dispatch(words)
            sys.stdout.flush()  # a reader that has gone is noticed here, not when Python ends
            return status
        except (InputError, MissingLibraryError) as wrong:
            return self._complain(wrong, 2)
        except GavelError as failed:
            return self._complain(failed, 3)
        except KeyboardInterrupt as stop:
            return self._complain(str(stop) or "interrupted", 130)
        except BrokenPipeError:
            _mute()
            return 0
        except MemoryError as wrong:
            return self._complain(f"not enough memory{f': {wrong}' if str(wrong) else ''}", 3)
        except OSError as wrong:  # a full disk, a folder that went away: nobody's mistake in here
            _mute()  # what could not be written is not tried again when Python ends
            which = f"{wrong.filename}: " if wrong.filename else ""
            return self._complain(f"{which}{wrong.strerror or wrong}", 3)

    def _dispatch(self, words: list[str]) -> int:
        for word in words:
            if not _is_text(word):  # it would stand in tables and messages
                raise InputError(f"{word!r} is not UTF-8 text; give the file another name")
        if not words or words[0] in ("-h", "--help", "help"):
            print(self._help(), file=sys.stdout if words else sys.stderr)
            return 0 if words else 2
        if words[0] == "--version":
            print(self._version())
            return 0
        command, parsed = self.parse(words)
        return command.run(parsed)

    def parse(self, words: Sequence[str]) -> tuple[Command, argparse.Namespace]:
        """Return the subcommand of a command line and what it says, without carrying it out.

        Raises
        ------
        InputError
            For an unknown command or flag.
        """
        if words[0].startswith("-"):
            raise InputError(
                f"{words[0]}: a command comes before its flags, such as {self.name} "
                f"{next(iter(self.summaries))}; see {self.name} --help"
            )
        if words[0] not in self.summaries:
            raise unknown_name("command", words[0], self.summaries)
        for before, word in itertools.pairwise(words):
            if not word.strip() and not before.startswith(
                "-"
            ):  # which a path takes for this folder
                raise InputError(
                    f"{word!r} behind {before!r} names nothing; is a variable of the shell not set?"
                )
        summary = self.summaries[words[0]]
        parser = Parser(
            prog=f"{self.name} {words[0]}",
            description=f"{summary[0].upper()}{summary[1:]}.",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command = self.load(words[0])
        command.add_arguments(parser)
        parser.add_argument("--version", action="version", version=self._version())
        parsed = parser.parse_exactly(words[1:])
        parsed.words = list(words)
        return command, parsed

    def _version(self) -> str:
        from importlib.metadata import version

        return f"{self.name} {version('gavel-opt')}"

    def _help(self) -> str:
        width = max(map(len, self.summaries))
        rows = "\n".join(f"  {name:<{width}}  {what}" for name, what in self.summaries.items())
        return (
            f"{self.purpose}\n\nusage: {self.name} COMMAND [flags]\n\n{rows}\n\n"
            f"{self.name} COMMAND --help shows the flags of a command. For example:\n"
            f"  {self.example}"
        )

    def _complain(self, message: object, status: int) -> int:
        try:
            print(f"{self.name}: {one_line(message)}", file=sys.stderr, flush=True)
        except OSError:  # nobody reads it: the exit status still says what it was
            _mute(sys.stderr)
        return status


def _mute(stream: TextIO | None = None) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())


def _is_text(word: str) -> bool:
    """Whether it is text, and not bytes of a file's name that are none."""
    try:
        return bool(word.encode()) or not word
    except UnicodeEncodeError:
        return False
