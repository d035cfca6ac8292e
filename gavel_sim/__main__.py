"""``python -m gavel_sim`` is ``gavel-sim``."""

import sys

from simulator.cli import main

if __name__ == "__main__":
    sys.exit(main())
