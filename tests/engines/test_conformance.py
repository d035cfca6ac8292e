"""The conformance suite on every engine of ours whose library is installed."""

from dataclasses import fields

import pytest
from installed import make

from gavel_opt.engines.protocol import Capability
from gavel_opt.engines.registry import BUILT_IN
from gavel_opt.testing import CASES, check_case

FLAGS = [field.name for field in fields(Capability) if field.type == "bool"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("name", BUILT_IN)
def test_engine(name, case):
    make(name)
    skipped = check_case(case, name)
    if skipped:
        pytest.skip(skipped)


@pytest.mark.parametrize("name", BUILT_IN)
def test_registry_knows_the_capabilities_without_loading(name):
    can = make(name).capability
    assert set(BUILT_IN[name].can) == {flag for flag in FLAGS if getattr(can, flag)}
