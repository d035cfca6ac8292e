"""Kernels are interpreted first, compiled once, and mean the same either way."""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from gavel_opt.kernels import code_cache, jit
from gavel_opt.kernels.groups import clipped_shares
from gavel_opt.kernels.input_checks import all_finite
from gavel_opt.solver.interior_point.method import solve_program

HERE = Path(__file__)

TRY = """
import sys, time
import numpy as np
from gavel_opt.kernels import jit
from gavel_opt.kernels.input_checks import all_finite

none = np.empty(0)
given = np.ones((2, 3)), np.empty((0, 3)), none, none, none, none, none
jit._patience.seconds = float(sys.argv[1])
all_finite._look_at = 0.0
jit.show_progress(lambda text: None)
answers = [all_finite(*given) for _ in range(int(sys.argv[2]))]
print(*set(answers), all_finite.func != all_finite._interpreted, *sorted({"numba"} & {*sys.modules}))
"""


def in_process(cache: Path, *words: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TRY, *map(str, words)],
        env={**os.environ, "GAVEL_OPT_CACHE": str(cache), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.strip(), err


def test_both_ways_give_the_same() -> None:
    given = np.random.default_rng(0).normal(size=(7, 3)), np.arange(40) % 7
    jit.make_ready(clipped_shares, given)
    one, two = clipped_shares.interpreted(*given), clipped_shares(*given)
    assert clipped_shares.func != clipped_shares._interpreted
    assert one.dtype == two.dtype
    assert one.tolist() == two.tolist()


def test_a_short_run_makes_no_file(tmp_path: Path) -> None:
    assert said(in_process(tmp_path / "cache", 2.5, 1)) == ("True False", "")
    assert not (tmp_path / "cache").exists()


def test_compiled_once_and_found_by_the_next(tmp_path: Path) -> None:
    assert said(in_process(tmp_path, 0.0, 1))[0] == "True True numba"
    (folder,) = tmp_path.glob("kernels-*")
    kept = sorted(folder.glob("code/*"))
    assert [file.name.split("-")[0] for file in kept] == [
        "gavel_opt.kernels.input_checks.all_finite"
    ]
    before = kept[0].stat().st_mtime_ns
    assert said(in_process(tmp_path, 2.5, 1))[0] == "True True"
    assert kept[0].stat().st_mtime_ns == before


LATER = (
    TRY.partition("answers =")[0]
    + """
from concurrent.futures import Future
from gavel_opt.kernels.compiling import machine_code

later, lowered = Future(), []
def elsewhere(name, one):
    lowered.append(one)
    return later

with jit.compiling_at_once(elsewhere) as spent:
    for moment in range(3):
        print(all_finite(*given), all_finite.func != all_finite._interpreted, len(lowered), *spent)
        if moment == 1:
            later.set_result(machine_code(lowered[0]))
"""
)


def test_llvm_may_be_at_work_elsewhere_meanwhile(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", LATER, "0", "0"],
        env={**os.environ, "GAVEL_OPT_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    name = "gavel_opt.kernels.input_checks.all_finite"
    meanwhile, afterwards = f"True False 1 {name}", f"True True 1 {name}"
    assert process.stdout.splitlines() == [meanwhile, meanwhile, afterwards]
    assert len([*tmp_path.glob("kernels-*/code/*")]) == 1
    assert said(in_process(tmp_path, 2.5, 1))[0] == "True True"


def test_without_the_compiler_nothing_is_compiled(tmp_path: Path) -> None:
    done = said(in_process(tmp_path / "cache", 0.0, 2, NUMBA_DISABLE_JIT="1"))
    assert done == ("True False", "")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("named", ["/proc/nowhere/cache", "/dev/null/cache"])
def test_a_folder_that_cannot_be_written_is_a_note(named: str, tmp_path: Path) -> None:
    out, err = said(in_process(Path(named), 0.0, 1, TMPDIR=str(tmp_path)))
    assert out == "True True numba"
    assert err.count("\n") == 1
    assert err.startswith(f"note: compiled code cannot be kept in {named}")
    # What was compiled is found by the next process, among temporary files.
    assert said(in_process(Path(named), 2.5, 1, TMPDIR=str(tmp_path)))[0] == "True True"


def test_a_temporary_folder_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    planted = tmp_path / f"gavel-opt-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    assert (
        said(in_process(Path("/dev/null/cache"), 0.0, 1, TMPDIR=str(tmp_path)))[0]
        == "True True numba"
    )
    assert list(planted.iterdir()) == []
    assert list(tmp_path.iterdir()) == [planted]


def test_fifty_processes_start_at_once_on_an_empty_folder(tmp_path: Path) -> None:
    processes = [in_process(tmp_path / "cache", 0.0, 30) for _ in range(50)]
    answers = [said(process) for process in processes]
    assert {out.split()[0] for out, _ in answers} == {"True"}
    assert {err for _, err in answers} == {""}
    (folder,) = (tmp_path / "cache").iterdir()  # nothing half made is left
    assert len(list(folder.glob("code/*"))) == 1
    assert said(in_process(tmp_path / "cache", 2.5, 1))[0] == "True True"


def test_only_one_process_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_cache, "folder", lambda file: tmp_path)
    (tmp_path / "locks").mkdir()
    with code_cache.lock(HERE, "kernel", wait=False) as first:
        with code_cache.lock(HERE, "kernel", wait=False) as second:
            assert (first, second) == (True, False)
        with code_cache.lock(HERE, "other", wait=False) as third:
            assert third


def test_the_folder_is_named_by_sources_versions_and_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, file = code_cache._key.__wrapped__, code_cache.SOURCES / "gavel_opt/kernels/groups.py"
    keys = {key(file)}
    with monkeypatch.context() as changed:
        changed.setattr(code_cache, "_processor", lambda: "another")
        keys.add(key(file))
    with monkeypatch.context() as changed:
        changed.setattr(code_cache, "version", lambda name: "0")
        keys.add(key(file))
    with monkeypatch.context() as changed:
        changed.setattr(code_cache, "_source", lambda name: b"")
        keys.add(key(file))
    assert len(keys) == 4


def test_a_change_compiles_again_what_it_touches_and_nothing_else() -> None:
    def needed(name: str) -> set[str]:
        files = code_cache._needed_by(code_cache.SOURCES / name)
        return {file.relative_to(code_cache.SOURCES).as_posix() for file in files}

    loop = needed("simulator/mechanism/loop.py")
    assert {"simulator/mechanism/priority.py", "gavel_opt/kernels/jit.py"} <= loop
    assert not any(name.startswith("gavel_opt/solver/") for name in loop)
    optimum = needed("gavel_opt/solver/max_min.py")
    assert "gavel_opt/solver/prices/price_search.py" in optimum
    assert not any(name.startswith("simulator/") for name in optimum)


def test_compiling_is_no_run_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit.time, "perf_counter", iter([100.0, 130.0, 131.0]).__next__)
    monkeypatch.setattr(jit, "_spent", [5.0, 0.0])
    with jit._timed():
        pass
    assert jit.compile_seconds() == 35.0
    assert jit.clock() == 96.0


def test_a_kernel_is_a_function_to_all_who_look() -> None:
    assert pickle.loads(pickle.dumps(clipped_shares)) is clipped_shares
    assert clipped_shares.__name__ == "clipped_shares"
    assert clipped_shares.py_func.__doc__ == clipped_shares.__doc__


def test_threads_may_share_a_kernel() -> None:
    @jit.compiled
    def twice(x: np.ndarray) -> float:
        return float(2.0 * x[0])

    found: list[float] = []
    threads = [
        threading.Thread(target=lambda: found.append(twice(np.array([1.5])))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3.0] * 4


def test_all_constants_of_kernels_are_in_the_name_of_the_folder() -> None:
    """Compiled code has them built in, so the files that they stand in must count."""
    files = [
        file
        for package in code_cache._PACKAGES
        for file in (code_cache.SOURCES / package).rglob("*.py")
        if b"\n@compiled" in file.read_bytes()
    ]
    assert code_cache.SOURCES / "gavel_opt/kernels/isolation.py" in files
    for file in files:
        needed = code_cache._needed_by(file)
        for one in needed:
            for node in ast.parse(one.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ImportFrom) and any(
                    alias.name.lstrip("_").isupper() for alias in node.names
                ):
                    home = code_cache.SOURCES / f"{(node.module or '').replace('.', '/')}.py"
                    assert not home.exists() or home in needed, (file, one, home)


def test_what_is_long_to_compile_is_interpreted_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = cast(jit.Kernel, all_finite), cast(jit.Kernel, solve_program)
    assert len(few.calls) < 10 < 50 < len(many.calls)
    monkeypatch.setattr(jit._patience, "seconds", jit.PATIENCE, raising=False)
    monkeypatch.setattr(jit._patience, "others", False, raising=False)
    assert few._patience == many._patience == jit.PATIENCE
    monkeypatch.setattr(jit._patience, "others", True)
    assert few._patience == jit.LATER_PATIENCE * len(few.calls) < 0.2
    assert 1.0 < many._patience <= jit.PATIENCE
    with jit.compiling_at_once():
        assert few._patience == many._patience == 0.0
