"""The commands under test are those of the interpreter that runs the tests, active or not."""

import os
import sysconfig

os.environ["PATH"] = os.pathsep.join(
    [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
)
