"""``gavel-sim``, and ``python -m simulator``, which is the same."""

import sys

from gavel_opt.beginning import begin


def main() -> int:
    """Load the command and run it."""
    begin("gavel-sim")
    from gavel_opt.ending import end_soon
    from simulator.cli import main

    return end_soon(main())


if __name__ == "__main__":
    sys.exit(main())
