"""gavel-opt through real processes: output, exit statuses, one-line complaints."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from noise import at_rest, without_progress

from gavel_opt.cli import PROGRAM, _engines_and_files
from gavel_opt.engines.registry import BUILT_IN
from gavel_opt.model.files import write_program
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.testing import KNOWN

MPS = """\
NAME small
OBJSENSE
    MAX
ROWS
 N profit
 L plant1
 L plant2
 L plant3
COLUMNS
 doors profit 3 plant1 1
 doors plant3 3
 windows profit 5 plant2 2
 windows plant3 2
RHS
 RHS profit -100 plant1 4
 RHS plant2 12 plant3 18
ENDATA
"""


def gavel_opt(*words, module=False, **environment):
    command = [sys.executable, "-m", "gavel_opt"] if module else ["gavel-opt"]
    return subprocess.run(
        [*command, *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.mps"
    path.write_text(MPS)
    return path


def complaint(done, status=2):
    """The one line on standard error; nothing on standard output."""
    assert done.returncode == status
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("gavel-opt: ")
    return lines[0]


def test_solve_prints_for_a_person(small):
    done = gavel_opt("solve", small, "--values")
    assert done.returncode == 0
    assert without_progress(done.stderr) == ""
    assert "optimal" in done.stdout
    assert "objective   136" in done.stdout
    assert "doors 2.0" in done.stdout
    assert "windows 6.0" in done.stdout


def test_solve_json(small):
    done = gavel_opt("solve", small, "--json", module=True)
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    assert answer["status"] == "optimal"
    assert answer["objective"] == pytest.approx(136)
    for key in ("primal_residual", "dual_residual", "relative_gap"):
        assert 0 <= answer[key] < 1e-9
    assert answer["time"] > 0


def test_solve_answers_that_are_no_point(tmp_path):
    for known, status in (("infeasible_rows", "infeasible"), ("unbounded", "unbounded")):
        program = next(k for k in KNOWN if k.name == known).make()
        done = gavel_opt("solve", write_program(program, tmp_path / "p.npz"), "--json")
        assert done.returncode == 0
        answer = json.loads(done.stdout)
        assert answer["status"] == status
        assert answer["objective"] is None
        assert answer["relative_gap"] is None


def test_a_time_limit_is_a_failure_of_solve(tmp_path):
    rng = np.random.default_rng(0)
    program = LinearProgram.build(
        rng.random(400), rng.random((300, 400)), -np.inf, rng.random(300), maximize=True
    )
    path = write_program(program, tmp_path / "large.npz")
    done = gavel_opt("solve", path, "--time-limit", "0.000001", "--json")
    assert json.loads(done.stdout)["status"] == "time_limit"
    assert done.returncode == 3
    assert gavel_opt("check", path, "--engines", "highs", "--time-limit", "1e-6").returncode == 3


def test_check_agrees(small, tmp_path):
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    for k in KNOWN[:3]:
        write_program(k.make(), recorded / f"{k.name}.npz")
    done = gavel_opt("check", small, recorded, "--engines", "highs,pulp")
    assert done.returncode == 0
    assert "agree 4 programs" in done.stdout
    for word in ("small.mps", "small_maximum.npz", "highs", "pulp", "136", "optimal"):
        assert word in done.stdout
    spaced = ("--engines", "highs", "pulp")
    for words in (
        (small, recorded, *spaced),
        (small, *spaced, recorded),
        (*spaced, small, recorded),
    ):
        arguments = PROGRAM.parse(["check", *map(str, words)])[1]
        assert _engines_and_files(arguments) == (["highs", "pulp"], [str(small), str(recorded)])
    done = gavel_opt("check", small, recorded, "--engines", "highs", "pulp", "--json")
    answer = json.loads(done.stdout)
    assert answer["agree"] is True
    assert len(answer["results"]) == 8
    for result in answer["results"]:
        assert result["status"] == "optimal"
        assert result["relative_gap"] < 1e-9
        assert result["file"].startswith(str(tmp_path))


def test_check_of_many_files_sums_up(tmp_path):
    for k in KNOWN:
        write_program(k.make(), tmp_path / f"{k.name}.npz")
    done = gavel_opt("check", tmp_path, "--engines", "highs")
    assert done.returncode == 0, done.stdout
    assert f"agree {len(KNOWN)} programs" in done.stdout
    assert "optimal" in done.stdout
    assert "infeasible" in done.stdout
    assert "unbounded" in done.stdout
    done = gavel_opt("check", tmp_path, "--engines", "highs", "--time-limit", "1e-7")
    assert done.returncode == 3
    (line,) = (x for x in done.stdout.splitlines() if x.startswith("highs: time_limit on "))
    assert "small_maximum.npz" in line
    assert "crossed_row.npz" not in line


@pytest.fixture
def liar(tmp_path):
    """A package, as pip would install it, with an engine that calls everything infeasible."""
    site = tmp_path / "site"
    about = site / "liar-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: liar\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[gavel_opt.engines]\nliar = liar:Liar\nbroken = liar:Missing\n"
    )
    (site / "liar.py").write_text(
        textwrap.dedent(
            """
            from gavel_opt import Capability, Options, Solution, Status

            class Liar:
                name = "liar"
                capability = Capability()
                def version(self):
                    return "Liar 1.0"
                def solve(self, program, options=Options()):
                    return Solution(Status.INFEASIBLE)
            """
        )
    )
    return site


def test_check_disagrees(small, liar):
    done = gavel_opt("check", small, "--engines", "highs,liar", PYTHONPATH=str(liar))
    assert done.returncode == 1
    assert "highs: optimal 136; but liar: infeasible" in done.stdout
    done = gavel_opt("check", small, "--engines", "highs,liar", "--json", PYTHONPATH=str(liar))
    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert answer["agree"] is False
    assert answer["disagreements"] == [
        {
            "file": str(small),
            "what": "highs: optimal 136; but liar: infeasible (refuted: a point meets every row and bound)",
        }
    ]


def test_an_engine_from_outside_that_cannot_be_made(small, liar):
    done = gavel_opt("solve", small, "--engine", "broken", PYTHONPATH=str(liar))
    assert "engine 'broken' of package liar cannot be made" in complaint(done)
    # It does not stop the others.
    done = gavel_opt("check", small, PYTHONPATH=str(liar))
    assert "left out: engine 'broken'" in done.stderr
    assert done.returncode == 1


def test_engines_lists_all(liar):
    done = gavel_opt("engines", PYTHONPATH=str(liar))
    assert done.returncode == 0
    for name in (*BUILT_IN, "liar", "HiGHS", "yes"):
        assert name in done.stdout
    listed = {e["name"]: e for e in json.loads(gavel_opt("engines", "--json").stdout)}
    assert set(BUILT_IN) <= set(listed)
    assert listed["highs"]["installed"] is True
    assert "warm_start" in listed["highs"]["capabilities"]


def test_engines_say_which_takes_products():
    """The strategy-proof policy needs one."""
    lines = gavel_opt("engines").stdout.splitlines()
    assert [line.split()[0] for line in lines if "products" in line] == [
        "cvxpy-rebuild",
        "structured",
    ]


HIDE = """
import sys
from importlib import metadata
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("ortools", "cvxpy", "ecos", "pulp"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hide())
real = metadata.version
def version(name):
    if name in ("ortools", "cvxpy", "ecos", "pulp"):
        raise metadata.PackageNotFoundError(name)
    return real(name)
metadata.version = version
from gavel_opt.cli import main
sys.exit(main())
"""


def without_libraries(*words):
    return subprocess.run(
        [sys.executable, "-c", HIDE, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_missing_libraries_are_named(small):
    done = without_libraries("engines")
    assert done.returncode == 0
    for libraries in ("ecos cvxpy", "pulp", "ortools"):
        assert f"pip install {libraries}" in done.stdout
    done = without_libraries("solve", small, "--engine", "ortools")
    assert "engine 'ortools' needs ortools: pip install ortools" in complaint(done)
    done = without_libraries("check", small, "--engines", "highs,ecos")
    assert "pip install ecos" in complaint(done)
    done = without_libraries("check", small)
    assert done.returncode == 0
    assert "left out: engine 'pulp' needs" in done.stderr
    assert "agree 1 program" in done.stdout


def test_engines_loads_no_solver_and_no_arrays():
    code = (
        "import sys; from gavel_opt.cli import main; main(['engines']);"
        "print(sorted(m for m in ('numpy', 'scipy', 'numba', 'highspy', 'cvxpy', 'ortools', 'pulp')"
        " if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("given", "threads"),
    [({}, "1"), ({"OMP_NUM_THREADS": "2"}, None), ({"OPENBLAS_NUM_THREADS": "3"}, "3")],
)
def test_a_command_takes_one_thread_for_blas_unless_told(given, threads):
    code = (
        "import sys; from gavel_opt.beginning import begin; begin('gavel-opt');"
        "import os; print(os.environ.get('OPENBLAS_NUM_THREADS'), 'numpy' in sys.modules)"
    )
    known = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in known}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **given},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{threads} False\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["chek"], "unknown command 'chek'; did you mean check?"),
        (["solve"], "the following arguments are required: FILE"),
        (["check"], "which programs? gavel-opt check FILE ..."),
        (["solve", "FILE", "--engin", "highs"], "unknown flag '--engin'; did you mean --engine?"),
        (
            ["solve", "FILE", "--engine", "higs"],
            "unknown engine (--engine) 'higs'; did you mean highs?",
        ),
        (
            ["check", "FILE", "--engines", "highs,ortols"],
            "unknown engine (--engines) 'ortols'; did you mean",
        ),
        (["check", "FILE", "--engines", ","], "--engines: name at least one engine"),
        (["solve", "FILE", "--time-limit", "0"], "--time-limit: '0' is not a positive number"),
        (["solve", "FILE", "--time-limit", "nan"], "--time-limit: 'nan' is not a positive number"),
        (["check", "FILE", "--time-limit", "soon"], "--time-limit: 'soon' is not a positive"),
        (["solve", "smal.mps"], "smal.mps: no such file"),
        (["check", "FILE", "nowhere"], "nowhere: no such file"),
        (["solve", "FILE", "FILE"], "unexpected argument"),
        (["solve", b"\xff.mps"], r"'\udcff.mps' is not UTF-8 text; give the file another name"),
        (["solve", "FILE", "--engine", "structured"], "takes allocation programs only"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_bad_input_is_one_line(small, words, says):
    words = [str(small) if word == "FILE" else os.fsdecode(word) for word in words]
    assert says in complaint(gavel_opt(*words))


@pytest.mark.parametrize("command", [["engines"], ["solve", "FILE"], ["check", "FILE"]])
def test_a_reader_that_has_gone_is_no_failure(small, command):
    reading, writing = os.pipe()
    os.close(reading)
    words = [str(small) if word == "FILE" else word for word in command]
    done = subprocess.run(
        [sys.executable, "-m", "gavel_opt", *words],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_names_that_no_terminal_shows_are_shown_as_far_as_it_can(tmp_path):
    program = replace(KNOWN[0].make(), name="\x1b[2Ja\ud800é", col_names=("\ud800", "\x1b[2Jb"))
    done = gavel_opt("solve", write_program(program, tmp_path / "a.npz"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("?[2Ja?é 3 rows, 2 columns")
    assert "?[2Jb 6.0" in done.stdout
    plain = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-m", "gavel_opt", "solve", str(tmp_path / "a.npz")]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False, env=plain)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"?[2Ja?\\xe9 3 rows, 2 columns")


@pytest.mark.parametrize(("engine", "size"), [("scs", "1e308"), ("ortools-pdlp", "1e-308")])
def test_what_solvers_print_is_no_part_of_a_result(tmp_path, engine, size):
    """SCS says that it could not determine the status, OR-tools that a bound is too small."""
    path = tmp_path / "odd.mps"
    path.write_text(
        "NAME x\nROWS\n N o\n L r1\n G r2\nCOLUMNS\n x o -SIZE r1 SIZE\n x r2 1\n"
        " y o 1 r1 1\n y r2 SIZE\n"
        "RHS\n R r1 1e308 r2 -1\nBOUNDS\n UP B x 1e-300\n LO B y -1\n UP B y 1\nENDATA\n".replace(
            "SIZE", size
        )
    )
    done = gavel_opt("check", path, "--json", "--engines", engine)
    assert len(json.loads(done.stdout)["results"]) == 1


def test_a_broken_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "broken.mps"
    path.write_text(MPS.replace("plant2 12", "plant2 1Z"))
    for command in ("solve", "check"):
        assert f"{path}, line 16: '1Z' is not a number" in complaint(gavel_opt(command, path))


def test_check_goes_on_after_a_broken_file(small, tmp_path):
    (tmp_path / "broken.mps").write_text(MPS.replace("plant2 12", "plant2 1Z"))
    (tmp_path / "nan.npz").write_bytes(b"nothing")
    done = gavel_opt("check", tmp_path, "--engines", "highs")
    assert done.returncode == 2
    assert "agree 1 program" in done.stdout
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == ["gavel-opt"] * 3
    assert done.stderr.endswith("gavel-opt: 2 of 3 files were not read\n")


def test_solve_shows_a_few_values_and_duals(small):
    done = gavel_opt("solve", small, "--engine", "auto")
    assert "doors 2.0" in done.stdout
    assert "plant3 1.0" in done.stdout
    assert {line.index("those") for line in done.stdout.splitlines() if "those" in line} == {12}


def test_a_proof_is_named(tmp_path):
    program = LinearProgram.build([1], [[1], [1]], [1, -np.inf], [np.inf, 0], -np.inf, np.inf)
    path = write_program(program, tmp_path / "p.npz")
    assert "proof       Farkas ray" in gavel_opt("solve", path).stdout
    answer = json.loads(gavel_opt("solve", path, "--json").stdout)
    assert (answer["proof"], answer["proven"]) == ("Farkas ray", True)


def test_what_is_no_number_is_refused_before_a_solver(tmp_path):
    program = LinearProgram.build([1, np.nan], [[1, 1]], 0, 1, col_names=("x", "y"))
    path = write_program(program, tmp_path / "p.npz")
    says = complaint(gavel_opt("solve", path))
    assert "objective coefficient of column 'y' is nan" in says


def test_help_and_version():
    for words in (["--help"], ["solve", "--help"], ["check", "--help"], ["--version"]):
        done = gavel_opt(*words)
        assert done.returncode == 0
        assert done.stdout
        assert without_progress(done.stderr) == ""
    assert gavel_opt().returncode == 2


def test_interrupted_in_the_middle_of_a_solve(tmp_path):
    rng = np.random.default_rng(1)
    program = LinearProgram.build(
        rng.random(2500), rng.random((2000, 2500)), -np.inf, rng.random(2000) + 1, maximize=True
    )
    path = write_program(program, tmp_path / "large.npz")
    process = subprocess.Popen(
        ["gavel-opt", "check", str(path), "--engines", "highs"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(4.0)  # reading takes a small part of them, solving ten more
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err == "gavel-opt: interrupted\n"
    assert time.monotonic() - started < at_rest(3.0)


@pytest.mark.parametrize("words", [("check",), ("solve", "--engine", "highs")])
def test_a_program_with_nan_is_refused_by_its_file(tmp_path, words):
    path = tmp_path / "nan.npz"
    write_program(LinearProgram.build([float("nan"), 1], [[1, 1]], 0, 1), path)
    done = gavel_opt(*words[:1], path, *words[1:])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"gavel-opt: {path}: objective coefficient of column 0 is nan, not a finite number\n"
    )


def test_same_bits_under_any_hash_seed(small, tmp_path):
    for k in KNOWN[:12]:
        write_program(k.make(), tmp_path / f"{k.name}.npz")
    runs = [
        json.loads(
            gavel_opt("check", tmp_path, "--engines", "highs", "--json", PYTHONHASHSEED=s).stdout
        )
        for s in ("0", "1", "77")
    ]
    for run in runs:
        for result in run["results"]:
            del result["time"]
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="not on this system")
@pytest.mark.parametrize("module", ["gavel_opt", "simulator"])
def test_output_that_cannot_be_written_is_one_line(module):
    command = {"gavel_opt": ["engines"], "simulator": ["policies"]}[module]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", module, *command],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 3
    name = {"gavel_opt": b"gavel-opt", "simulator": b"gavel-sim"}[module]
    assert done.stderr == name + b": No space left on device\n"


@pytest.mark.parametrize("module", ["gavel_opt", "simulator"])
@pytest.mark.parametrize("stream", [0, 1, 2])
def test_streams_that_are_closed_are_no_matter(module, stream):
    command = {"gavel_opt": "engines", "simulator": "run --policy fifo --jobs 2 --cluster 1:1:1"}[
        module
    ]
    closed = {0: "<&-", 1: ">&-", 2: "2>&-"}[stream]
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m {module} {command} {closed}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
