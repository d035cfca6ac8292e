"""The ``gavel-opt`` command: engines, solve, check.

Exit status: 0 done; 1 done, and the answer is no (engines disagree); 2 bad input; 3 no engine came to
an answer; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavel_opt.cli.command_line import Command, Program
from gavel_opt.errors import InputError, counted, one_line, unknown_name

if TYPE_CHECKING:
    from rich.console import Console

    from gavel_opt.checking import Check, Finding

_LONG = 12
"""Files up to which every answer has its own line in a table."""

_FILES = ".mps, .lp or recorded .npz (may end in .gz, .bz2, .xz)"


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return value


def _engines_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="a JSON list on standard output")


def _solve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=f"a program: {_FILES}")
    parser.add_argument(
        "--engine", metavar="NAME", default="auto", help="default: auto, here highs"
    )
    parser.add_argument(
        "--time-limit", metavar="SECONDS", type=_seconds, default=math.inf, help="default: none"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object on standard output")
    parser.add_argument(
        "--values", action="store_true", help="list all values and duals that are not zero"
    )


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",  # one that stands after --engines goes there at first
        help=f"programs: {_FILES}; a directory stands for all programs in it",
    )
    parser.add_argument(
        "--engines",
        metavar="A",
        nargs="+",
        action="extend",
        help="with commas or spaces between them (default: all that are installed)",
    )
    parser.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=_seconds,
        default=60.0,
        help="for each engine and program (default: 60)",
    )
    parser.add_argument("--json", action="store_true", help="a JSON object on standard output")


def _run_engines(arguments: argparse.Namespace) -> int:
    from gavel_opt.cli.engine_table import describe_engines, engine_table

    if arguments.json:
        print(json.dumps(describe_engines(), indent=2))
    else:
        _console().print(engine_table())
    return 0


def _run_solve(arguments: argparse.Namespace) -> int:
    from gavel_opt.engines.registry import is_known, known_engines, of_one_program

    name = of_one_program(arguments.engine)
    if not is_known(name):
        raise unknown_name("engine (--engine)", name, ["auto", *known_engines()])
    from gavel_opt.checking import describe_certificate, named_engines, solve_timed
    from gavel_opt.engines.asking import version_of
    from gavel_opt.engines.protocol import Options
    from gavel_opt.model.files import read_with_notes

    program, notes = read_with_notes(arguments.file)
    (engine,) = named_engines([name])
    for note in notes:
        print(f"gavel-opt: {note}", file=sys.stderr)
    with _in_file(arguments.file):
        finding = solve_timed(program, engine, Options(time_limit=arguments.time_limit))
    solution = finding.solution
    values = _named(solution.x, program.col_names, "x")
    duals = _named(solution.row_dual, program.row_names, "row ")
    if arguments.json:
        result = {"file": str(arguments.file), **finding.as_json()}
        print(json.dumps(result | ({"values": values} if arguments.values else {}), indent=2))
        return 0 if solution.status in _answers() else 3
    console = _console()
    rows, columns = program.shape
    title = one_line(program.name or arguments.file)
    console.print(f"{title} {counted(rows, 'row')}, {counted(columns, 'column')}", markup=False)
    console.print(f"status      {_coloured(finding)} ({solution.status.advice})")
    if solution.status.has_answer:
        console.print(f"objective   [bold]{solution.objective:.15g}[/]")
        console.print(f"certificate {describe_certificate(solution.certificate)}")
    else:
        console.print(f"proof       {_proof(finding)}", markup=False)
    if not solution.status.has_answer and solution.stats.detail:
        console.print(f"detail      {solution.stats.detail}", markup=False)
    console.print(f"engine      {version_of(engine)}, {finding.seconds:.3f} s", markup=False)
    if solution.status.has_answer:
        most = None if arguments.values else _FEW
        _print_figures("values", values, most, "--values lists them all")
        _print_figures("duals", duals, most, "--values lists them all")
    return 0 if solution.status in _answers() else 3


_FEW = 8
"""Values and duals that are shown without being asked for."""


def _named(figures: Any, names: Sequence[str], otherwise: str) -> dict[str, float]:
    """Figures that are not zero, by name."""
    if figures is None:
        return {}
    known = names or [f"{otherwise}{k}" for k in range(figures.size)]
    return {name: value for name, value in zip(known, figures.tolist(), strict=False) if value}


def _print_figures(what: str, figures: dict[str, float], most: int | None, hint: str) -> None:
    shown = list(figures.items())[:most]
    if len(shown) < len(figures):
        print(f"{what:<11} the first {len(shown)} of {len(figures)} that are not zero; {hint}")
    elif shown:
        print(f"{what:<11} those that are not zero")
    for name, value in shown:
        print(f"{one_line(name)} {value!r}")


def _proof(finding: Finding) -> str:
    solution = finding.solution
    wrong = solution.claim is not None and solution.claim is not solution.status
    said = f"; the engine said {finding.claim.value}" if wrong else ""
    return (solution.proof or "none: this is the engine's word") + said


def _engines_and_files(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Names of engines, and the programs: those after ``--engines``, too."""
    from gavel_opt.engines.registry import is_known

    given = ["all"] if arguments.engines is None else arguments.engines
    files = [
        word
        for word in given
        if not is_known(word) and (Path(word).suffix or os.sep in word or Path(word).exists())
    ]
    names = [name.strip() for word in given if word not in files for name in word.split(",")]
    return [name for name in names if name], [*arguments.files, *files]


def _run_check(arguments: argparse.Namespace) -> int:
    from gavel_opt.checking import check_program, installed_engines, named_engines
    from gavel_opt.engines.protocol import Options
    from gavel_opt.engines.registry import is_known, known_engines
    from gavel_opt.model.files import find_programs, read_with_notes

    # What is cheap to check comes first: solvers take seconds to load.
    names, words = _engines_and_files(arguments)
    if not names:
        raise InputError("--engines: name at least one engine")
    for name in names:
        if not is_known(name) and names != ["all"]:
            raise unknown_name("engine (--engines)", name, [*known_engines(), "all"])
    if not words:
        raise InputError("which programs? gavel-opt check FILE ...")
    files = find_programs(words)
    if names == ["all"]:
        engines, missing = installed_engines()
        for line in missing:
            print(f"gavel-opt: left out: {line}", file=sys.stderr)
    else:
        engines = named_engines(names)
    options = Options(time_limit=arguments.time_limit)
    checks: list[Check] = []
    broken = 0
    with _progress(len(files)) as step:
        for file in files:
            step(file.name)
            try:
                program, notes = read_with_notes(file)
                with _in_file(file):
                    checks.append(check_program(program, engines, options, str(file)))
            except InputError as wrong:
                broken += 1
                notes = [str(wrong)]
            for note in notes:
                print(f"gavel-opt: {one_line(note)}", file=sys.stderr)
    agree = all(check.agree for check in checks)
    if arguments.json:
        print(json.dumps(_checks_as_json(checks, agree), indent=2))
    elif checks:
        _print_checks(_console(), checks, agree)
    if broken and len(files) > 1:
        print(f"gavel-opt: {broken} of {len(files)} files were not read", file=sys.stderr)
    if broken:
        return 2
    if not agree:
        return 1
    return 0 if all(check.decided for check in checks) else 3


@contextmanager
def _in_file(file: object) -> Iterator[None]:
    """Name the file in a complaint about its program."""
    try:
        yield
    except InputError as wrong:
        raise InputError(f"{file}: {wrong}") from None


def _checks_as_json(checks: Sequence[Check], agree: bool) -> dict[str, Any]:
    return {
        "agree": agree,
        "results": [
            {"file": check.file, **finding.as_json()}
            for check in checks
            for finding in check.findings
        ],
        "disagreements": [
            {"file": check.file, "what": line} for check in checks for line in check.disagreements
        ],
    }


def _print_checks(console: Console, checks: Sequence[Check], agree: bool) -> None:
    from rich.markup import escape

    from gavel_opt.checking import corrected

    if len(checks) <= _LONG:
        console.print(_answer_table(checks))
    else:
        console.print(_engine_summary(checks))
        for line in _without_answer(checks):
            console.print(line, markup=False, soft_wrap=True)
    for check in checks:
        for line in check.disagreements:
            console.print(f"[bold red]disagreement[/] {escape(check.file)}: {escape(line)}")
        for line in corrected(check.findings):
            console.print(f"[yellow]corrected[/] {escape(check.file)}: {escape(line)}")
        if not check.decided:
            console.print(f"[yellow]undecided[/] {escape(check.file)}: no engine came to an answer")
    count = f"{len(checks)} program" + ("s" if len(checks) != 1 else "")
    if agree:
        console.print(f"[bold green]agree[/] {count}")
    else:
        wrong = sum(not check.agree for check in checks)
        console.print(f"[bold red]disagree[/] on {wrong} of {count}")


def _answer_table(checks: Sequence[Check]) -> Any:
    table = _table("program", "engine", "status")
    for column in ("objective", "primal", "dual", "gap", "seconds"):
        table.add_column(column, justify="right", no_wrap=True)
    from rich.markup import escape

    for check in checks:
        name = escape(os.path.basename(check.file))
        for place, finding in enumerate(check.findings):
            certificate = finding.solution.certificate
            proven = finding.solution.status.has_answer
            table.add_row(
                name if place == 0 else "",
                finding.engine,
                _coloured(finding),
                f"{finding.solution.objective:.10g}" if proven else "",
                _small(certificate.primal_residual),
                _small(certificate.dual_residual),
                _small(certificate.relative_gap),
                f"{finding.seconds:.3f}",
                end_section=place == len(check.findings) - 1,
            )
    return table


def _engine_summary(checks: Sequence[Check]) -> Any:
    table = _table("engine", "statuses")
    for column in ("worst primal", "worst dual", "worst gap", "seconds"):
        table.add_column(column, justify="right", no_wrap=True)
    for place, first in enumerate(checks[0].findings):
        findings = [check.findings[place] for check in checks]
        counts: dict[str, int] = {}
        for finding in findings:
            word = _coloured(finding)
            counts[word] = counts.get(word, 0) + 1
        proofs = [f.solution.certificate for f in findings if f.solution.status.has_answer]
        table.add_row(
            first.engine,
            ", ".join(f"{n} {word}" for word, n in counts.items()),
            _small(max((p.primal_residual for p in proofs), default=math.nan)),
            _small(max((p.dual_residual for p in proofs), default=math.nan)),
            _small(max((p.relative_gap for p in proofs), default=math.nan)),
            f"{sum(f.seconds for f in findings):.3f}",
        )
    return table


def _without_answer(checks: Sequence[Check]) -> list[str]:
    """Which engine came to no answer where, one line for each engine and status."""
    where: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        for finding in check.findings:
            if finding.solution.status not in _answers():
                key = finding.engine, finding.solution.status.value
                where.setdefault(key, []).append(os.path.basename(check.file))
    return [
        f"{engine}: {status} on {', '.join(files)}" for (engine, status), files in where.items()
    ]


def _table(*names: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def _small(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1e}"


def _coloured(finding: Finding) -> str:
    solution = finding.solution
    word: str = solution.status.value
    verdict = word in ("infeasible", "unbounded", "infeasible_or_unbounded")
    claimed = " (claimed)" if verdict and not solution.proof else ""
    colour = {"optimal": "green", "imprecise": "red", "numerical_error": "red"}.get(word, "yellow")
    return f"[{colour}]{word}{claimed}[/]"


def _answers() -> tuple[Any, ...]:
    from gavel_opt.model.solution import Status

    return (
        Status.OPTIMAL,
        Status.INFEASIBLE,
        Status.UNBOUNDED,
        Status.INFEASIBLE_OR_UNBOUNDED,
    )


def _console() -> Console:
    from rich.console import Console

    class OfACommand(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # as print does; rich would end the process with status 1

    # Without a terminal a table must not be folded to 80 columns.
    return OfACommand(width=None if sys.stdout.isatty() else 160, highlight=False)


class _progress:
    """A line on a terminal that says which program is being solved; nothing elsewhere."""

    def __init__(self, files: int) -> None:
        self.files = files
        self.done = 0
        self.shown = files > 1 and sys.stderr.isatty()

    def __enter__(self) -> Callable[[str], None]:
        return self.step

    def step(self, name: str) -> None:
        self.done += 1
        if self.shown:
            print(f"\r\x1b[K{self.done}/{self.files} {name}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _interruptible(
    run: Callable[[argparse.Namespace], int],
) -> Callable[[argparse.Namespace], int]:
    """Let Ctrl-C end a command at once, also in the middle of a solver's run.

    Python sees an interrupt only between its own steps in the main thread, so the work is done in
    another one.
    """

    def start(arguments: argparse.Namespace) -> int:
        outcome: list[int | BaseException] = []

        def work() -> None:
            try:
                outcome.append(run(arguments))
            except BaseException as raised:
                outcome.append(raised)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(0.1)
        except KeyboardInterrupt:
            print("gavel-opt: interrupted", file=sys.stderr, flush=True)
            os._exit(130)  # the solver's thread would hold up an orderly end
        result = outcome[0]
        if isinstance(result, BaseException):
            raise result
        return result

    return start


@dataclass(frozen=True, slots=True)
class _Command:
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


_COMMANDS: dict[str, Command] = {
    "engines": _Command(_engines_arguments, _run_engines),
    "solve": _Command(_solve_arguments, _interruptible(_run_solve)),
    "check": _Command(_check_arguments, _interruptible(_run_check)),
}

PROGRAM = Program(
    "gavel-opt",
    "Solve and cross-check linear programs on any engine.",
    "gavel-opt check model.mps --engines highs ortools",
    {
        "engines": "the engines: solver, version, installed or not, capabilities",
        "solve": "solve a program with one engine, and prove the answer",
        "check": "solve programs on several engines, prove every answer, compare",
    },
    _COMMANDS.__getitem__,
)

main = PROGRAM.main
