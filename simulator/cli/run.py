"""``gavel-sim run``: one simulation, watched on a terminal, summed up in a few lines."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavel_opt import InputError
from simulator.files.whole_files import claimed
from simulator.process.interrupts import Interrupted, interrupts
from simulator.settings.config import GIVEN
from simulator.settings.options import (
    add_run_arguments,
    config_from,
    natural,
    output_folder,
    place,
    recordings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from simulator.runs.checkpoint import Checkpoint
    from simulator.runs.output.results import RunResult
    from simulator.runs.runner import Checkpointing, Progress
    from simulator.settings.config import RunConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim run``."""
    add_run_arguments(parser)
    out = parser.add_argument_group("results")
    out.add_argument("--output", metavar="DIR", help="run folder to write")
    out.add_argument("--json", action="store_true", help="print the summary as JSON, only that")
    out.add_argument(
        "--record",
        metavar="WHAT",
        nargs="+",
        action="extend",
        help="placements (who ran where), allocations (every share), programs (what was solved), "
        "trace (the jobs, to be run again with --trace); needs --output",
    )
    out.add_argument(
        "--force",
        action="store_true",
        help="write over what is there: the finished run of another, files that are no run's",
    )
    out.add_argument("--profile", action="store_true", help="show where the time went")
    out.add_argument(
        "--plot-queue",
        metavar="FILE",
        help="draw the jobs in the system and their fitted growth: FILE.png, .svg or .pdf",
    )
    out.add_argument(
        "--schema", action="store_true", help="print the JSON schema of every setting, only that"
    )
    keep = parser.add_argument_group("checkpoints")
    keep.add_argument(
        "--checkpoint-every",
        metavar="TIME",
        help="600s of wall clock, or 5000r rounds: write DIR/checkpoint.npz; needs --output",
    )
    keep.add_argument(
        "--checkpoint-at-job",
        metavar="N",
        type=natural,
        help="write DIR/checkpoint-jobN.npz once N jobs have arrived, to fork from",
    )
    keep.add_argument(
        "--resume", metavar="DIR", type=place, help="go on with the run whose checkpoint is there"
    )
    keep.add_argument(
        "--fork-from",
        metavar="FILE",
        type=place,
        help="start from the end of another run's warm-up, under these flags",
    )


def run(arguments: argparse.Namespace) -> int:
    """Simulate, print, write; the exit status."""
    if arguments.schema:
        from simulator.settings.config import RunConfig

        print(json.dumps(RunConfig.schema(), indent=2))
        return 0
    config, resume = _what_to_run(arguments)
    folder = output_folder(arguments.output, "run")
    record = recordings(arguments.record)
    if arguments.resume is not None and resume is not None:
        record |= set(resume.runner.get("recorded", ()))
    if resume is not None:
        from simulator.runs.checkpoint import check_recorded

        check_recorded(resume, record)
    for flag, value in (("--record", record), ("--checkpoint-every", arguments.checkpoint_every)):
        if value not in (None, frozenset()) and folder is None:
            raise InputError(f"{flag}: needs --output DIR to write into")
    if arguments.checkpoint_at_job is not None and folder is None:
        raise InputError("--checkpoint-at-job: needs --output DIR to write into")

    picture = _picture(arguments.plot_queue, arguments.force)
    with contextlib.nullcontext() if folder is None else claimed(folder):
        return _simulate(arguments, config, resume, folder, record, picture)


def _simulate(
    arguments: argparse.Namespace,
    config: RunConfig,
    resume: Checkpoint | None,
    folder: Path | None,
    record: Collection[str],
    picture: Path | None,
) -> int:
    """Carry out the run, unless its result is there; the exit status."""
    if folder is not None and not _goes_on_in(arguments, folder):
        there = _made_ready(arguments, config, folder, record)
        if there is not None and picture is None:
            return _show_again(config, there, folder, arguments.json)
    with contextlib.nullcontext() if folder is None else _without_remains(folder, record):
        result = _carry_out(arguments, config, resume, folder, record)
        interrupts.act()  # there is nothing left that a signal could spoil
        if folder is not None:
            from simulator.studies.batches.finished import sign

            sign(result, arguments.fork_from)
            with interrupts.finishing():
                result.write(folder, force=True)  # what is there was looked at before the run
            interrupts.act(f"the run was over, and its results are in {folder}")
    if picture is not None:
        from simulator.studies.pictures.queue_plot import plot_queue

        plot_queue(result, picture)
    if arguments.json:
        print(result.to_json())
    else:
        from simulator.runs.output.summary_text import describe

        print(describe(result, folder, picture))
    if arguments.profile:
        from simulator.runs.output.summary_text import profile

        print(profile(result), file=sys.stderr if arguments.json else sys.stdout)
    return 0


def _made_ready(
    arguments: argparse.Namespace, config: RunConfig, folder: Path, record: Collection[str]
) -> dict[str, Any] | None:
    """See to it that a run may be written into a folder; the summary of that run if it is there."""
    if arguments.force:
        _forget_unfinished(folder)
        return None
    from simulator.studies.batches.finished import result_there

    _check_unfinished(folder, config)
    there = result_there(folder, config, record)
    if there is not None and arguments.fork_from is not None:
        raise InputError(
            f"--output: {folder} holds a run that did not fork; choose another folder, or "
            "--force to write over it"
        )
    return there


def _carry_out(
    arguments: argparse.Namespace,
    config: RunConfig,
    resume: Checkpoint | None,
    folder: Path | None,
    record: Collection[str],
) -> RunResult:
    """Simulate, shown on a terminal; a run that a signal stops says what there was."""
    from simulator.runs.output.recording import NOTHING_RECORDED
    from simulator.runs.program_files import PROGRAMS, ProgramFiles
    from simulator.runs.runner import Stopped, execute

    checkpointing = _checkpointing(arguments, folder)
    programs = None
    if folder is not None and "programs" in record:
        programs = ProgramFiles(folder / PROGRAMS, go_on=_goes_on_in(arguments, folder))
    try:
        with _watched() as show:
            result = execute(
                config,
                record=record,
                recorder=programs,
                checkpointing=checkpointing,
                resume=resume,
                on_progress=show,
                folder=folder,
            )
    except Stopped as stop:
        from simulator.runs.output.summary_text import interrupted

        print(interrupted(stop.result), file=sys.stderr)
        interrupts.there = ""
        raise
    if programs is not None and not programs.count:
        result.summary["notes"].append(NOTHING_RECORDED)
    return result


@contextmanager
def _without_remains(folder: Path, record: Collection[str]) -> Iterator[None]:
    """See to it that a run folder has no programs but those of its run.

    Those of an earlier run would pass for them, and those of a run that failed for all of them. Where a
    checkpoint goes on from them they stay, and with the program that no engine could solve.
    """
    from simulator.runs.checkpoint import NAME
    from simulator.runs.program_files import PROGRAMS, remove_programs

    try:
        yield
    except (OSError, InputError, Interrupted):
        if not (folder / NAME).exists():
            remove_programs(folder / PROGRAMS)
        raise
    if "programs" not in record:
        remove_programs(folder / PROGRAMS)


def _picture(text: str | None, force: bool) -> Path | None:
    """Check, before the run, that a picture can be drawn there."""
    if text is None:
        return None
    from simulator.cli.drawing import INSTALL, is_installed
    from simulator.files.new_file import new_file
    from simulator.files.own_files import is_signed

    path = Path(text)
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise InputError(f"--plot-queue: {text!r} does not end in .png, .svg or .pdf")
    new_file(text, "--plot-queue", force, is_signed)
    if not is_installed():
        raise InputError(f"--plot-queue: plots need matplotlib: {INSTALL}")
    return path


def _check_unfinished(folder: Path, config: RunConfig) -> None:
    """Refuse a folder in which another run waits to be gone on with."""
    from simulator.runs.checkpoint import NAME, load

    if not (folder / NAME).exists():
        return
    try:
        theirs = load(folder, "--output").config
    except InputError:
        return  # nothing that could be gone on with
    if replace(theirs, timeout=config.timeout) != config:
        raise InputError(
            f"--output: {folder} holds an unfinished run of other settings; go on with it (--resume "
            f"{folder}), choose another folder, or --force to drop it"
        )


def _forget_unfinished(folder: Path) -> None:
    """Remove what another run could be gone on with."""
    from simulator.runs.checkpoint import NAME

    (folder / NAME).unlink(missing_ok=True)


def _goes_on_in(arguments: argparse.Namespace, folder: Path) -> bool:
    """Whether a run is resumed in its own folder."""
    if arguments.resume is None:
        return False
    resumed = Path(arguments.resume)
    return folder.resolve() == (resumed if resumed.is_dir() else resumed.parent).resolve()


def _show_again(config: RunConfig, summary: dict[str, Any], folder: Path, as_json: bool) -> int:
    """Show a result that is there, and say that it was."""
    from simulator.runs.output.results import RunResult
    from simulator.runs.output.summary_text import describe

    result = RunResult(config, summary, {}, {})
    print(result.to_json() if as_json else describe(result, folder))
    print(
        f"gavel-sim: the result of these settings was in {folder} already; --force runs them again",
        file=sys.stderr,
    )
    return 0


def _what_to_run(arguments: argparse.Namespace) -> tuple[RunConfig, Checkpoint | None]:
    """The configuration, and the state to go on from."""
    if arguments.resume is None:
        config = config_from(arguments)
        if arguments.fork_from is None:
            return config, None
        from simulator.runs.checkpoint import check_fork, load

        warm = load(Path(arguments.fork_from), "--fork-from")
        check_fork(warm.config, config)
        warm.runner.update(forked_from=str(arguments.fork_from), warm_saved=None)
        return config, warm
    from simulator.runs.checkpoint import load

    given = {name: value for name in GIVEN if (value := getattr(arguments, name)) is not None}
    for name in given:
        if not GIVEN[name].resumes:
            raise InputError(
                f"{GIVEN[name].flag}: cannot be given with --resume, which goes on as it was"
            )
    if arguments.fork_from is not None:
        raise InputError("--fork-from: cannot be combined with --resume; give one of them")
    if arguments.output is None and Path(arguments.resume).is_dir():
        arguments.output = arguments.resume
    checkpoint = load(Path(arguments.resume), "--resume")
    arguments.fork_from = checkpoint.runner.get("forked_from")
    if arguments.output is not None:
        _checkpoints_as_before(arguments, checkpoint.runner.get("plan"))
    anew = {name: GIVEN[name].read(value, name) for name, value in given.items()}
    config = replace(checkpoint.config, **anew)
    spent = float(checkpoint.runner["spent"])
    if spent >= config.timeout:
        raise InputError(
            f"--resume: the run has had {spent:.3g} s, of a --timeout of {config.timeout:g} s in all; "
            f"give more, such as --timeout {math.ceil(2.0 * spent)}"
        )
    return config, checkpoint


def _checkpoints_as_before(arguments: argparse.Namespace, plan: Any) -> None:
    """Go on writing the checkpoints that the run wrote, where the flags say nothing else."""
    if not isinstance(plan, dict):
        return
    if arguments.checkpoint_every is None:
        for name, unit in (("seconds", "s"), ("rounds", "r")):
            if isinstance(plan.get(name), int | float):
                arguments.checkpoint_every = f"{plan[name]}{unit}"
    if arguments.checkpoint_at_job is None and isinstance(plan.get("at_job"), int):
        arguments.checkpoint_at_job = plan["at_job"]


def _checkpointing(arguments: argparse.Namespace, folder: Path | None) -> Checkpointing | None:
    if arguments.checkpoint_every is None and arguments.checkpoint_at_job is None:
        return None
    from simulator.runs.checkpoint import NAME
    from simulator.runs.runner import Checkpointing, parse_every

    assert folder is not None
    seconds = rounds = None
    if arguments.checkpoint_every is not None:
        seconds, rounds = parse_every(arguments.checkpoint_every)
    return Checkpointing(folder / NAME, seconds, rounds, arguments.checkpoint_at_job)


@contextmanager
def _watched() -> Iterator[Callable[[Progress], None]]:
    """Show how far the run is: a progress bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        from simulator.process.heartbeat import heartbeat

        latest = "starting"

        def note(progress: Progress) -> None:
            nonlocal latest
            latest = _where(progress)

        with heartbeat(lambda: latest):
            yield note
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from gavel_opt.kernels.jit import show_progress as show_compile_progress

    with Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[where]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("simulating", total=1.0, where="")

        def show(progress: Progress) -> None:
            # The window's jobs come last: until they do, all completed jobs show the progress.
            share = progress.completed / max(progress.needed, 1)
            bar.update(task, completed=min(share, 1.0), where=_where(progress))

        def show_compiling(text: str) -> None:
            bar.update(task, description=text or "simulating")

        show_compile_progress(show_compiling)
        try:
            yield show
        finally:
            show_compile_progress(None)


def _where(progress: Progress) -> str:
    return (
        f"{progress.measured_done:,} of {progress.measured:,} jobs measured, "
        f"{progress.active:,} active, day {progress.time / 86400:,.1f}"
    )
