"""``gavel-opt``, and ``python -m gavel_opt``, which is the same."""

import sys

from gavel_opt.beginning import begin


def main() -> int:
    """Load the command and run it."""
    begin("gavel-opt")
    import signal

    from gavel_opt.cli import main
    from gavel_opt.ending import end_soon

    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ends it in one line from here on
    return end_soon(main())


if __name__ == "__main__":
    sys.exit(main())
