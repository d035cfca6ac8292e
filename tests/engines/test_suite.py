"""The conformance suite itself: a right engine passes, and each way of being wrong is noticed."""

import broken
import pytest

from gavel_opt.testing import CASES, check_case, run_conformance


def failures(make_engine):
    return {outcome.case for outcome in run_conformance(make_engine, quiet=True).failures}


@pytest.mark.parametrize("engine", [broken.Wrapped, broken.NoDuals, broken.CannotTell])
def test_right_engines_pass(engine):
    report = run_conformance(engine, quiet=True)
    assert report.passed, report.failures


@pytest.mark.parametrize(
    ("engine", "noticed_by"),
    [
        (broken.WrongPoint, "small_maximum"),
        (broken.WrongObjective, "several_optima"),
        (broken.WrongObjective, "gives_what_it_declares"),
        (broken.RoughDuals, "small_maximum"),
        (broken.Promises, "gives_what_it_declares"),
        (broken.WrongSign, "minimum_with_offset"),
        (broken.NotNumbers, "no_objective"),
        (broken.Infeasible, "constructed"),
        (broken.Forgetful, "kept_model_is_right"),
        (broken.Dice, "same_bits_twice"),
    ],
)
def test_wrong_engines_fail(engine, noticed_by):
    assert noticed_by in failures(engine)


def test_cases_are_skipped_by_capability_and_reported(capsys):
    report = run_conformance(broken.Wrapped)
    skipped = [o for o in report.outcomes if o.result == "skipped"]
    assert skipped
    assert all(o.note.startswith("not declared: ") for o in skipped)
    out = capsys.readouterr().out
    assert "small_maximum" in out
    assert f"{len(CASES)} cases, 0 failed, {len(skipped)} skipped" in out


def test_an_exception_is_a_failure_not_an_end():
    class Raises(broken.Wrapped):
        def solve(self, program, options=None):
            raise RuntimeError("solver fell over")

    report = run_conformance(Raises, quiet=True)
    assert len(report.outcomes) == len(CASES)
    assert any("RuntimeError: solver fell over" in o.note for o in report.failures)


def test_case_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)


def test_check_case_says_why_it_skips():
    case = next(case for case in CASES if "allocation" in case.needs)
    assert check_case(case, broken.Wrapped) == "not declared: allocation"
