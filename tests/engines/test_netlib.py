"""Netlib's linear programs on every engine, against known optima.

The files are not ours to ship: ``GAVEL_OPT_NETLIB`` names a directory that holds them as MPS
(compressed or not). Without it these tests are skipped.
"""

import os
from pathlib import Path

import pytest

from gavel_opt.checking import check_program, installed_engines
from gavel_opt.engines.protocol import Options
from gavel_opt.engines.registry import make_engine
from gavel_opt.model.files import read_program
from gavel_opt.model.solution import Status
from gavel_opt.solving import solve

OPTIMA = {
    "afiro": -464.75314286,
    "adlittle": 225494.96316,
    "blend": -30.812149846,
    "boeing2": -315.01872802,
    "brandy": 1518.5098965,
    "capri": 2690.0129138,
    "degen2": -1435.1780000,
    "e226": -11.638929066,  # with the constant in the right-hand side of its objective
    "etamacro": -755.71523337,
    "finnis": 172791.06560,
    "forplan": -664.21896127,
    "grow7": -47787811.815,
    "israel": -896644.82186,
    "kb2": -1749.9001299,
    "lotfi": -25.264706062,
    "recipe": -266.61600000,
    "sc50a": -64.575077059,
    "scagr7": -2331389.8243,
    "share1b": -76589.318579,
    "stocfor1": -41131.976219,
    "vtp.base": 129831.46246,
}
LARGE = {
    "25fv47": 5501.8458883,
    "80bau3b": 987224.19241,
    "bnl2": 1811.2365404,
    "degen3": -987.29400000,
    "dfl001": 11266396.047,
    "fit2d": -68464.293294,
    "fit2p": 68464.293232,
    "greenbea": -72555248.130,
    "maros-r7": 1497185.1665,
    "perold": -9380.7552782,
    "pilot4": -2581.1392589,
    "pilot87": 301.71034733,
    "ship12l": 1470187.9193,
    "wood1p": 1.4429024116,
    "woodw": 1.3044763331,
}


def find(name):
    folder = os.environ.get("GAVEL_OPT_NETLIB")
    if not folder:
        pytest.skip("GAVEL_OPT_NETLIB names no directory")
    for path in sorted(Path(folder).glob(f"{name}.mps*")):
        return path
    pytest.skip(f"no {name}.mps in {folder}")


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMA)
def test_all_engines_agree(name):
    path = find(name)
    engines, _ = installed_engines()
    result = check_program(read_program(path), engines, Options(time_limit=30.0), str(path))
    assert result.agree, result.disagreements
    proven = [f for f in result.findings if f.solution.status is Status.OPTIMAL]
    assert {"highs", "ortools", "pulp"} & {e.name for e in engines} <= {f.engine for f in proven}
    for finding in proven:
        assert finding.solution.objective == pytest.approx(OPTIMA[name], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["highs", "ortools"])
@pytest.mark.parametrize("name", LARGE)
def test_large_ones_on_simplex_codes(name, engine):
    solution = solve(read_program(find(name)), make_engine(engine), Options(time_limit=60.0))
    assert solution.status is Status.OPTIMAL
    assert solution.objective == pytest.approx(LARGE[name], rel=1e-6)
