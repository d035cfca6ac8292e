"""One plain ``sbatch`` array script that carries out a plan: no library, nothing pickled.

Each array task runs the same command as the user typed, with ``--shard I/N``: it makes the plan
again, takes its share and works it off. So a task that Slurm starts again goes on where it was,
and a node that is lost costs the runs that were on it and no more.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gavel_opt import InputError, MissingLibraryError
from simulator.files.whole_files import write_atomically
from simulator.studies.executors.local import ONE_THREAD, PATIENCE_VARIABLE

_EARLIER = 60
"""Seconds by which Slurm may send a signal earlier than asked."""

RUNS_A_TASK = 20
"""Runs of a task where the user does not say how many tasks: they take fractions of a second."""

MOST_TASKS = 64
"""Tasks at the most where the user does not say."""

AHEAD = 120
"""Seconds before the time limit at which a task is told to write its checkpoints down, at the most."""

_ARRAY = re.compile(r"(?:--array|-a)(?:=|\s+|(?=\d))(.*)")

_VALUE = re.compile(r"(--[\w-]+)=(.+)")

_SCRIPT = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={processes}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@{ahead}
#SBATCH --output="{logs}/%A_%a.out"
{options}
# Written by gavel-sim. Each task carries out its share of the plan and can be started again at any time.
export {threads}
export {patience}
cd {here} || exit 2

{command} --shard "$SLURM_ARRAY_TASK_ID/{tasks}" --processes {processes} &
child=$!
again=no
# The time limit is near: write down what there is, and let Slurm start the task anew.
trap 'again=yes; kill -TERM "$child"' USR1
# Preempted or cancelled: write down what there is; Slurm starts a preempted task by itself.
trap 'kill -TERM "$child"' TERM INT
while :; do
    wait "$child"
    status=$?
    kill -0 "$child" 2>/dev/null || break
done
if [ "$again" = yes ] && [ "$status" -ne 0 ]; then
    exec scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
"""


def _require_options(options: Sequence[str], tasks: int) -> None:
    """Refuse options that are none, or under which tasks would be missing."""
    for option in options:
        if not option.startswith("-") or not option.isprintable():
            raise InputError(
                f"--sbatch: {option!r} is no option of sbatch; expected one such as --sbatch=--partition=short"
            )
        array = _ARRAY.fullmatch(option)
        if array is not None and re.fullmatch(rf"0-{tasks - 1}(%\d+)?", array[1].strip()) is None:
            raise InputError(
                f"--sbatch: {option}: each of the {tasks} tasks has a share of the runs; choose their "
                f"number by --tasks, and how many at once by --sbatch=--array=0-{tasks - 1}%N"
            )


def _quoted(option: str) -> str:
    """Return an option as a line of the script has it, whose words sbatch tells apart by blanks and quotes."""
    found = _VALUE.fullmatch(option)
    if found is None or not re.search(r"[\s'\"#\\]", found[2]):
        return option
    if len(found[2]) > 1 and found[2][0] == found[2][-1] and found[2][0] in "'\"":  # by the user
        return option
    value = re.sub(r'(["\\])', r"\\\1", found[2])
    return f'{found[1]}="{value}"'


@dataclass(frozen=True, slots=True)
class ArrayJob:
    """What one array script needs.

    Attributes
    ----------
    command
        The user's command, word by word, without what chooses the executor.
    folder
        Folder of the results, on a file system that all nodes share.
    tasks
        Array tasks.
    processes
        Runs at once in a task.
    options
        Further options of ``sbatch``, such as ``--partition=short``.
    """

    command: Sequence[str]
    folder: Path
    tasks: int
    processes: int = 1
    options: Sequence[str] = ()

    def script(self) -> str:
        """Return the text of the script."""
        logs = self.folder.resolve() / "slurm"
        for path in (logs, Path.cwd()):
            if set("\n%\\") & set(str(path)):
                raise InputError(f"--output: Slurm cannot write into {path}; choose another folder")
        _require_options(self.options, self.tasks)
        ahead = ahead_of_limit(self.options)
        return _SCRIPT.format(
            name="gavel-sim",
            last=self.tasks - 1,
            processes=self.processes,
            ahead=ahead,
            logs=str(logs).replace('"', r"\""),
            options="".join(f"#SBATCH {_quoted(option)}\n" for option in self.options),
            threads=" ".join(f"{name}=1" for name in ONE_THREAD),
            patience=f"{PATIENCE_VARIABLE}={ahead // 2}",
            here=shlex.quote(str(Path.cwd())),
            command=shlex.join(self.command),
            tasks=self.tasks,
        )

    def submit(self) -> str:
        """Write the script into the folder, hand it to Slurm, and return the number of the job.

        Raises
        ------
        MissingLibraryError
            If there is no ``sbatch`` here.
        InputError
            With what ``sbatch`` said, if it refused.
        """
        sbatch = shutil.which("sbatch")
        if sbatch is None:
            raise MissingLibraryError(
                "--executor slurm: there is no sbatch on this machine; --print-script shows the "
                "script, to be submitted where there is one"
            )
        logs = self.folder / "slurm"
        logs.mkdir(parents=True, exist_ok=True)
        path = logs / "array.sh"
        write_atomically(path, self.script().encode())
        done = subprocess.run(
            [sbatch, "--parsable", str(path)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())
            raise InputError(f"--executor slurm: sbatch refused {path}: {said}")
        match = re.match(r"\d+", done.stdout.strip())
        return match[0] if match else done.stdout.strip()


def ahead_of_limit(options: Sequence[str]) -> int:
    """Seconds before the time limit at which a task is told: fewer than usual where the limit is short.

    Slurm may tell a task up to a minute earlier than asked. One that heard at its start would be put back
    again and again and get nowhere.

    Parameters
    ----------
    options
        Of ``sbatch``, of which ``--time`` or ``-t`` names the limit.

    Raises
    ------
    InputError
        If the limit is below two minutes.
    """
    limit = None
    for option in options:
        found = re.fullmatch(
            r"(?:--time[= ]|-t[= ]?)(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", option.strip()
        )
        if found:
            days, *rest = found.groups()
            first, second, third = (int(part or 0) for part in rest)
            if days is not None:
                limit = ((int(days) * 24 + first) * 60 + second) * 60 + third
            elif rest[2] is not None:
                limit = (first * 60 + second) * 60 + third
            else:
                limit = first * 60 + second
    if not limit:
        return AHEAD
    if limit < 2 * _EARLIER:
        raise InputError(
            f"--sbatch: a time limit of {limit} s is too short, since Slurm tells tasks of it up to "
            f"{_EARLIER} s early; give --time=2 or more"
        )
    return min(AHEAD, (limit - _EARLIER) // 2)


def tasks_for(runs: int, wanted: int | None) -> int:
    """Choose how many array tasks carry out a number of runs."""
    return max(1, min(wanted or min(-(-runs // RUNS_A_TASK), MOST_TASKS), runs))


def this_command() -> list[str]:
    """Return how to start ``gavel-sim`` with the interpreter that runs now."""
    return [sys.executable, "-m", "simulator"]
