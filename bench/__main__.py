"""``python -m bench``: :mod:`bench.commands`, or what has to be installed for it."""

from __future__ import annotations

import sys


def main() -> int:
    """Carry out a command; 2 if something that it needs is not installed."""
    try:
        from bench import commands

        return commands.main()
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        if name in ("bench", "gavel_opt", "simulator"):
            raise
        print(
            f"bench: needs {name.replace('_', '-')}: pip install --editable '.[dev]'; nothing measured, "
            "nothing written",
            file=sys.stderr,
        )
        return 2


if __name__ == "__main__":
    sys.exit(main())
