"""What the tests need of the process they run in, however it was started."""

import gc
import importlib.util
import math
import os
import re
import signal
import sysconfig
from collections.abc import Generator, Iterator

import pytest

from gavel_opt.kernels.jit import Kernel

# The commands under test are those of this interpreter, whether or not its environment is active.
os.environ["PATH"] = os.pathsep.join(
    [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
)
# A shell starts background jobs with interrupts ignored, nohup what it starts with hang-ups ignored, and
# children inherit that: the tests that interrupt a command would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="session")
def _kernels_of_ours_can_be_compiled() -> Iterator[None]:
    """A kernel that cannot be is interpreted ever after, with the same answers and a note that no test reads."""
    yield
    kernels = [one for one in gc.get_objects() if isinstance(one, Kernel)]
    refused = {one.name for one in kernels if one._spent == -math.inf and _is_ours(one)}
    assert not refused, f"cannot be compiled, and stay interpreted: {sorted(refused)}"


_ASKS_FOR_ECOS = re.compile(r"(needs|install|named|found for) '?ecos|stall ecos")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Skip what fails for want of ECOS where it is not: it has no wheels for Python 3.13 and later."""
    try:
        return (yield)
    except Exception as wrong:
        if importlib.util.find_spec("ecos") is None and _ASKS_FOR_ECOS.search(str(wrong)):
            pytest.skip(f"needs ecos: {type(wrong).__name__}")
        raise


def _is_ours(kernel: Kernel) -> bool:
    return kernel.interpreted.__module__.startswith(("gavel_opt.", "simulator."))
