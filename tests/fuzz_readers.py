"""Coverage-guided damage of readers: ``python tests/fuzz_readers.py FOLDER all|READER... [-max_total_time=600]``.

Needs ``pip install atheris`` (Python 3.11 to 3.13). Without a reader it lists them. They are taken one after the other,
each for the time that is given. The folder keeps what each reader was brought to read so far, which the next campaign
goes on from, and ``NAME.log`` of each. A finding is a file ``NAME-crash-*``, ``-timeout-*`` or ``-oom-*``; make it a test
in ``tests/simulator/test_readers_refuse.py`` or ``tests/engines/test_damaged_files.py``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

for folder in ("simulator", "engines"):
    sys.path.insert(0, str(Path(__file__).parent / folder))

os.environ["NUMBA_DISABLE_JIT"] = "1"  # what is instrumented does not compile

import atheris  # noqa: E402  # after what is said of the compiler
import numpy as np  # noqa: E402  # the same

# What reads; the rest of both packages takes a minute to instrument.
READ = [
    *(
        f"simulator.{room}"
        for room in ("files", "importers", "settings", "studies", "viewer", "world")
    ),
    *(f"simulator.runs.{name}" for name in ("checkpoint", "replay")),
    *(f"simulator.runs.output.{name}" for name in ("difference", "read_back")),
    "gavel_opt.model",
]
with atheris.instrument_imports(include=READ):
    from test_damaged_files import WHOLE
    from test_readers_refuse import FOLDERS, READERS, SEEDS, compared, looked_at, wide_run

    from gavel_opt import InputError
    from gavel_opt.model.files import read_program
    from simulator.files.seal import sealed
    from simulator.runs import checkpoint as checkpoints
    from simulator.runs.runner import Checkpointing, execute
    from simulator.settings.options import make_config
    from simulator.studies.batches import retries

Target = tuple[Callable[[Path], object], Path, bytes | list[bytes]]
"""What reads a file (or the folder around it), the file, and the content, or contents, to begin with."""


def program(name: str, folder: Path) -> Target:
    """A file of a linear program."""
    return read_program, folder / name, WHOLE[name](folder)


def forged_program(name: str, folder: Path) -> Target:
    """An archive of a program with one member's content replaced, so that checksums hold and damage gets past them."""
    path = folder / "forged.npz"
    path.write_bytes(WHOLE["p.npz"](folder))
    with zipfile.ZipFile(path) as archive:
        whole = {member: archive.read(member) for member in archive.namelist()}

    def read(path: Path) -> None:
        content = path.read_bytes()
        if not content:
            return
        members = dict(whole)
        members[list(whole)[content[0] % len(whole)]] = content[1:]
        with zipfile.ZipFile(path, "w") as archive:
            for member, inner in members.items():
                archive.writestr(member, inner)
        read_program(path)

    return read, path, [bytes([place]) + inner for place, inner in enumerate(whole.values())]


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


def checkpoint(name: str, folder: Path) -> Target:
    """A checkpoint, or the tree of one whose checksum is made anew, gone on from."""
    path = folder / "checkpoint.npz"
    config = make_config(policy="gandiva", jobs=4, cluster="2:2:2")
    execute(config, checkpointing=Checkpointing(path, rounds=5))
    if name == "checkpoint":
        return lambda path: checkpoints.load(path, "--resume"), path, path.read_bytes()
    with np.load(path) as archive:
        arrays = dict(archive)
    tree = arrays.pop("tree")

    def go_on(path: Path) -> None:
        forged, archive = np.frombuffer(path.read_bytes(), dtype=np.uint8), io.BytesIO()
        np.savez(archive, tree=forged, **arrays)
        path.write_bytes(sealed(archive))
        execute(config, resume=checkpoints.load(path, "--resume"), cancel=Late())

    return go_on, path, tree.tobytes()


class Late:
    """Whether a second has passed."""

    def __init__(self) -> None:
        self.late = time.monotonic() + 1

    def is_set(self) -> bool:
        """Whether it has."""
        return time.monotonic() > self.late


def other_folder(name: str, folder: Path) -> Target:
    """A file of the folder of a sweep or a figure."""
    retries.patiently.__defaults__ = ((), False)  # what does not parse is not read again
    read, file = FOLDERS[name](folder)
    return read, file, file.read_bytes()


RUN_FILES = ("summary.json", "jobs.parquet", "rounds.parquet", "placements.parquet")
TARGETS = {
    **dict.fromkeys(WHOLE, program),
    "forged p.npz": forged_program,
    **dict.fromkeys(READERS, reader),
    **{f"run {file}": run_folder for file in (*RUN_FILES, "allocations.parquet")},
    "checkpoint": checkpoint,
    "forged checkpoint": checkpoint,
    **dict.fromkeys(FOLDERS, other_folder),
}


def put_otherwise(tree: Any, chance: Random) -> Any:
    """A tree of JSON with one part replaced, left out or put in twice."""
    if isinstance(tree, dict | list) and tree and chance.random() < 0.9:
        place = chance.choice(list(tree)) if isinstance(tree, dict) else chance.randrange(len(tree))
        match chance.randrange(8):
            case 0:
                del tree[place]
            case 1 if isinstance(tree, list):
                tree.insert(chance.randrange(len(tree) + 1), tree[place])
            case 1:
                tree[chance.choice((str(place) + "x", "", "\x1b", "0"))] = tree[place]
            case _:
                tree[place] = put_otherwise(tree[place], chance)
        return tree
    if type(tree) in (int, float) and chance.random() < 0.5:
        return chance.choice((-tree, tree + 1, tree * 2, tree / 3, tree - 1, int(tree)))
    odd = (
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        0.5,
        1e300,
        -1e-300,
        1 << 31,
        1 << 63,
        10**30,
        float("nan"),
    )
    return chance.choice(
        (*odd, float("inf"), "", "x", "1", "\ud800", [], {}, [[]], [tree], {"x": tree})
    )


def changed(content: bytes, most: int, seed: int) -> bytes:
    """Content with a change: of bytes, or, of what is JSON, of its values."""
    chance = Random(seed)
    if chance.random() < 0.7:
        with contextlib.suppress(ValueError, RecursionError, OverflowError):
            tree = json.loads(content)
            for _ in range(chance.randint(1, 3)):
                tree = put_otherwise(tree, chance)
            return json.dumps(tree).encode()[:most]
    return atheris.Mutate(content, most)


def fuzz(name: str, kept: Path, words: list[str]) -> None:
    """Fuzz one reader until it is found wrong or the time is over; does not return."""
    label = name.replace(" ", "_")
    with (kept / f"{label}.log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    with tempfile.TemporaryDirectory() as scratch:
        read, path, whole = TARGETS[name](name, Path(scratch))
        corpus = kept / label
        corpus.mkdir(exist_ok=True)
        for place, content in enumerate([whole] if isinstance(whole, bytes) else whole):
            (corpus / f"whole-{place}").write_bytes(content)

        def once(content: bytes) -> None:
            path.write_bytes(content)
            with contextlib.suppress(InputError):
                read(path)

        limits = ["-timeout=5", "-rss_limit_mb=500", "-max_len=20000", "-print_final_stats=1"]
        places = [f"-artifact_prefix={kept}/{label}-", str(corpus)]
        atheris.Setup([sys.argv[0], *limits, *words, *places], once, custom_mutator=changed)
        atheris.Fuzz()


def main() -> int:
    """Fuzz the readers that were named, in turn, each in a process of its own."""
    if len(sys.argv) < 3:
        sys.exit("readers: all, " + ", ".join(TARGETS))
    kept = Path(sys.argv[1]).resolve()
    kept.mkdir(parents=True, exist_ok=True)
    words = [word for word in sys.argv[2:] if word.startswith("-")]
    names = [word for word in sys.argv[2:] if not word.startswith("-")]
    wrong = []
    for name in TARGETS if names == ["all"] else names:
        process = os.fork()
        if not process:
            fuzz(name, kept, words)
        if os.waitpid(process, 0)[1]:
            wrong.append(name)
    print(f"wrong: {', '.join(wrong) or 'none'}")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
