"""``python -m gavel_opt`` is ``gavel-opt``."""

import sys

from gavel_opt.cli import main

if __name__ == "__main__":
    sys.exit(main())
