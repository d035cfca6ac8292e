"""Coverage-guided damage of every reader: ``python tests/fuzz_readers.py READER [-max_total_time=600]``.

Needs ``pip install atheris`` (Python 3.11 to 3.13). Without a reader it lists them. A finding is a crash that libFuzzer writes
to a file ``crash-*``; make it a test in ``tests/simulator/test_readers_refuse.py`` or ``tests/engines/test_damaged_files.py``.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

for folder in ("simulator", "engines"):
    sys.path.insert(0, str(Path(__file__).parent / folder))

import atheris  # noqa: E402

with atheris.instrument_imports(include=["simulator", "gavel_opt"]):
    from test_damaged_files import WHOLE
    from test_readers_refuse import READERS, SEEDS

    from gavel_opt import InputError
    from gavel_opt.model.files import read_program


def target(name: str, folder: Path):
    """What reads a content as a file of that kind, and the content to begin with."""
    if name in WHOLE:
        return read_program, folder / name, WHOLE[name](folder)
    read, file, _ = READERS[name]
    return read, folder / file, SEEDS[name]


def main() -> None:
    """Fuzz one reader until it is found wrong or the time is over."""
    if len(sys.argv) < 2 or sys.argv[1] not in {*WHOLE, *READERS}:
        sys.exit("readers: " + ", ".join([*WHOLE, *READERS]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        read, path, whole = target(sys.argv.pop(1), folder)
        (folder / "corpus").mkdir()
        (folder / "corpus" / "whole").write_bytes(whole)

        def once(content: bytes) -> None:
            path.write_bytes(content)
            with contextlib.suppress(InputError):
                read(path)

        limits = ["-timeout=5", "-rss_limit_mb=1500", "-max_len=20000", str(folder / "corpus")]
        atheris.Setup([*sys.argv, *limits], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
