"""``python -m gavel_sim`` is ``gavel-sim``."""

import sys

from simulator.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
