"""``gavel-sim``, and ``python -m simulator``, which is the same."""

import sys

from gavel_opt.early_signals import end_at_signals


def main() -> int:
    """Load the command and run it."""
    end_at_signals("gavel-sim")
    from gavel_opt.ending import end_soon
    from simulator.cli import main

    return end_soon(main())


if __name__ == "__main__":
    sys.exit(main())
