"""The conformance suites, for our engines and policies and for anybody's.

In one call, with a table on the terminal::

    from gavel_opt.testing import run_conformance
    assert run_conformance(MyEngine).passed

The same for policies is :func:`run_policy_conformance`. Under pytest, one test a case::

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_my_engine(case):
        skipped = check_case(case, MyEngine)
        if skipped:
            pytest.skip(skipped)
"""

from gavel_opt.testing.blocks import KNOWN_BLOCKS, KnownBlocks
from gavel_opt.testing.conformance import (
    CASES,
    Case,
    Outcome,
    Report,
    check_case,
    run_conformance,
)
from gavel_opt.testing.policies import (
    POLICY_CASES,
    PolicyCase,
    check_policy_case,
    policy_states,
    run_policy_conformance,
)
from gavel_opt.testing.programs import KNOWN, Known

__all__ = [
    "CASES",
    "KNOWN",
    "KNOWN_BLOCKS",
    "POLICY_CASES",
    "Case",
    "Known",
    "KnownBlocks",
    "Outcome",
    "PolicyCase",
    "Report",
    "check_case",
    "check_policy_case",
    "policy_states",
    "run_conformance",
    "run_policy_conformance",
]
