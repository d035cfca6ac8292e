"""Coverage-guided damage of every reader: ``python tests/fuzz_readers.py READER [-max_total_time=600]``.

Needs ``pip install atheris`` (Python 3.11 to 3.13). Without a reader it lists them; ``all`` takes one after the other, each
for the time that is given. A finding is a crash that libFuzzer writes to a file ``crash-*``; make it a test in
``tests/simulator/test_readers_refuse.py`` or ``tests/engines/test_damaged_files.py``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

for folder in ("simulator", "engines"):
    sys.path.insert(0, str(Path(__file__).parent / folder))

os.environ["NUMBA_DISABLE_JIT"] = "1"  # what is instrumented does not compile

import atheris  # noqa: E402

# What reads; the rest of both packages takes a minute to instrument.
READ = [
    *(f"simulator.{room}" for room in ("importers", "studies", "viewer", "world")),
    *(
        f"simulator.runs.{name}"
        for name in ("checkpoint", "config", "replay", "run_folder", "values")
    ),
    *("simulator.runs.output.difference", "gavel_opt.model"),
]
with atheris.instrument_imports(include=READ):
    from test_damaged_files import WHOLE
    from test_readers_refuse import FOLDERS, READERS, SEEDS, compared, looked_at, wide_run

    from gavel_opt import InputError
    from gavel_opt.model.files import read_program
    from simulator.runs.checkpoint import load
    from simulator.runs.runner import Checkpointing, execute
    from simulator.settings.options import make_config
    from simulator.studies.batches import retries

Target = tuple[Callable[[Path], object], Path, bytes]
"""What reads a file (or the folder around it), the file, and the content to begin with."""


def program(name: str, folder: Path) -> Target:
    """A file of a linear program."""
    return read_program, folder / name, WHOLE[name](folder)


def reader(name: str, folder: Path) -> Target:
    """A file that a run reads."""
    read, file, _ = READERS[name]
    return read, folder / file, SEEDS[name]


def run_folder(name: str, folder: Path) -> Target:
    """A file of a run's folder, for the viewer and ``compare``."""
    whole, changed = folder / "whole", folder / "changed"
    wide_run(whole)
    shutil.copytree(whole, changed)

    def read(path: Path) -> None:
        looked_at(changed)
        compared(whole, changed)

    file = changed / name.removeprefix("run ")
    return read, file, file.read_bytes()


def checkpoint(_: str, folder: Path) -> Target:
    """A checkpoint."""
    path = folder / "checkpoint.npz"
    config = make_config(policy="gandiva", jobs=4, cluster="2:2:2")
    execute(config, checkpointing=Checkpointing(path, rounds=5))
    return lambda path: load(path, "--resume"), path, path.read_bytes()


def other_folder(name: str, folder: Path) -> Target:
    """A file of the folder of a sweep or a figure."""
    retries.patiently.__defaults__ = ((), False)  # what does not parse is not read again
    read, file = FOLDERS[name](folder)
    return read, file, file.read_bytes()


RUN_FILES = ("summary.json", "jobs.parquet", "rounds.parquet", "placements.parquet")
TARGETS = {
    **dict.fromkeys(WHOLE, program),
    **dict.fromkeys(READERS, reader),
    **{f"run {file}": run_folder for file in (*RUN_FILES, "allocations.parquet")},
    "checkpoint": checkpoint,
    **dict.fromkeys(FOLDERS, other_folder),
}


def main() -> int:
    """Fuzz one reader until it is found wrong or the time is over, or all of them in turn."""
    name, words = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if name == "all":
        ended = {
            one: subprocess.run([sys.executable, __file__, one, *words], check=False).returncode
            for one in TARGETS
        }
        wrong = [one for one, status in ended.items() if status]
        print(f"fuzzed {len(ended)} readers; wrong: {', '.join(wrong) or 'none'}")
        return len(wrong)
    if name not in TARGETS:
        sys.exit("readers: all, " + ", ".join(TARGETS))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        read, path, whole = TARGETS[name](name, folder)
        corpus = folder / "corpus"
        corpus.mkdir()
        (corpus / "whole").write_bytes(whole)

        def once(content: bytes) -> None:
            path.write_bytes(content)
            with contextlib.suppress(InputError):
                read(path)

        limits = ["-timeout=25", "-rss_limit_mb=1500", "-max_len=20000", str(corpus)]
        atheris.Setup([sys.argv[0], *words, *limits], once)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
