"""What the tests need of the process they run in, however it was started."""

import os
import signal
import sysconfig

# The commands under test are those of this interpreter, whether or not its environment is active.
os.environ["PATH"] = os.pathsep.join(
    [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
)
# A shell starts background jobs with interrupts ignored, and children inherit that: the tests that
# interrupt a command would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
