"""Cross-checks: who agrees with whom."""

import broken
import numpy as np
import pytest

from gavel_opt.checking import check_program, corrected, installed_engines, named_engines
from gavel_opt.engines.protocol import Options
from gavel_opt.engines.registry import make_engine
from gavel_opt.errors import InputError
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Status
from gavel_opt.testing import KNOWN


def known(name):
    return next(k for k in KNOWN if k.name == name).make()


def check(program, *engines):
    return check_program(program, [make_engine("highs"), *engines], Options())


def test_right_engines_agree():
    for k in KNOWN:
        result = check(k.make(), broken.Wrapped(), broken.NoDuals(), broken.CannotTell())
        assert result.agree, result.disagreements
        assert result.decided


def test_infeasible_or_unbounded_agrees_with_both_and_not_with_optimal():
    class Unsure(broken.Wrapped):
        name = "unsure"

        def solve(self, program, options=None):
            solution = super().solve(program)
            solution.status, solution.x = Status.INFEASIBLE_OR_UNBOUNDED, None
            return solution

    assert check(known("infeasible_rows"), Unsure()).agree
    assert check(known("unbounded"), Unsure()).agree
    wrong = check(known("small_maximum"), Unsure())
    assert wrong.disagreements == [
        "highs: optimal 36; but unsure: infeasible_or_unbounded (refuted: a point meets every row"
        " and bound, and none is beyond all bounds)"
    ]


def test_disagreements_say_who_and_what():
    result = check(known("small_maximum"), broken.Infeasible(), broken.Wrapped())
    assert result.disagreements == [
        "highs, wrapped: optimal 36; but infeasible: infeasible (refuted: a point meets every row"
        " and bound)"
    ]
    assert not result.agree


def test_a_claim_alone_is_refuted_as_well():
    result = check_program(known("small_maximum"), [broken.Infeasible()], Options())
    assert result.disagreements == [
        "infeasible says infeasible is refuted: a point meets every row and bound"
    ]
    assert not result.decided
    assert result.findings[0].solution.status is Status.NUMERICAL_ERROR


def test_a_wrong_word_is_replaced_by_what_is_proven():
    for name, right in (("unbounded", Status.UNBOUNDED), ("infeasible_rows", Status.INFEASIBLE)):

        class Wrong(broken.Wrapped):
            name = "wrong"

            def solve(self, program, options=None, right=right):
                solution = super().solve(program)
                if solution.status is right:
                    wrong = {
                        Status.UNBOUNDED: Status.INFEASIBLE,
                        Status.INFEASIBLE: Status.UNBOUNDED,
                    }
                    solution.status = wrong[right]
                return solution

        result = check(known(name), Wrong())
        assert result.agree
        finding = result.findings[1]
        assert finding.solution.status is right
        assert finding.solution.proof
        assert finding.claim is not right
        assert corrected(result.findings) == [
            f"wrong said {finding.claim.value}, and {right.value} is proven ({finding.solution.proof})"
        ]


def test_a_wrong_objective_is_a_disagreement():
    result = check(known("small_maximum"), broken.WrongObjective())
    assert result.disagreements == ["wrong-objective says 37, and its point is worth 36"]


@pytest.mark.parametrize("engine", [broken.WrongPoint, broken.WrongSign, broken.NotNumbers])
def test_a_refuted_claim_is_a_disagreement(engine):
    result = check(known("small_maximum"), engine())
    assert len(result.disagreements) == 1
    assert result.disagreements[0].startswith(f"{engine.name} says optimal, and its certificate")
    assert result.findings[1].solution.status is Status.IMPRECISE


def test_what_is_only_imprecise_is_shown_and_no_disagreement():
    class Loose(broken.Wrapped):
        name = "loose"

        def spoil(self, program, solution):
            solution.x = solution.x * (1 - 1e-5)
            solution.objective = program.objective(solution.x)

    result = check(known("small_maximum"), Loose())
    assert result.agree
    assert result.findings[1].solution.status is Status.IMPRECISE


def test_a_time_limit_is_no_disagreement_and_no_answer():
    assert check(known("small_maximum"), broken.OutOfTime()).agree
    alone = check_program(known("small_maximum"), [broken.OutOfTime()], Options())
    assert alone.agree
    assert not alone.decided


def test_objectives_are_compared_relative_to_their_size():
    class Off(broken.Wrapped):
        name = "off"
        by = 0.0

        def spoil(self, program, solution):
            solution.objective *= 1 + self.by

    near, far = Off(), Off()
    near.by, far.by = 5e-7, 5e-6
    large = LinearProgram.build([1e6], [[1]], 3, np.inf)
    small = LinearProgram.build([1e-6], [[1]], 3, np.inf)
    for program in (large, small):
        assert check(program, near).agree
        assert not check(program, far).agree


def test_engines_that_take_blocks_only_are_refused_by_name():
    with pytest.raises(InputError, match="takes allocation programs only"):
        named_engines(["structured"])
    assert [e.name for e in named_engines(["highs", "highs"])] == ["highs"]


def test_infeasible_by_less_than_solvers_overlook_has_an_answer_everywhere():
    """Files with rounded figures are like that; only at tight tolerances they are infeasible."""
    rounded = LinearProgram.build(
        [1, 2], [[1, 1], [1, 1]], [1 + 2e-9, -np.inf], [np.inf, 1], maximize=False
    )
    result = check_program(rounded, installed_engines()[0], Options())
    assert result.agree, result.disagreements
    for finding in result.findings:
        assert finding.solution.status is Status.OPTIMAL, finding.engine
    wider = LinearProgram.build([1, 2], [[1, 1], [1, 1]], [1 + 1e-4, -np.inf], [np.inf, 1])
    for finding in check_program(wider, installed_engines()[0], Options()).findings:
        if finding.engine == "scs" and finding.claim is Status.ITERATION_LIMIT:
            continue  # a first-order method may not see that there is no point
        assert finding.solution.status is Status.INFEASIBLE, finding.engine


def test_what_an_engine_names_is_judged_on_the_scale_of_the_program():
    """A program with small coefficients is solved on another scale, where the engine adds 1."""
    small = LinearProgram.build(
        [3e-2, 5e-2], [[1e-12, 0.0], [0.0, 1e-12]], -np.inf, [4e-12, 6e-12],
        maximize=True, offset=7.0,
    )  # fmt: skip
    assert check(small).agree
    (finding,) = check_program(small, [broken.WrongObjective()], Options()).findings
    assert finding.solution.objective == pytest.approx(7.42, rel=1e-12)
    assert check(small, broken.WrongObjective()).disagreements == [
        f"wrong-objective says {finding.solution.named:.12g}, and its point is worth 7.42"
    ]
