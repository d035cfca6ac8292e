"""Small tables: for the terminal and Markdown alike, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.files.whole_files import write_atomically


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Lay out a Markdown table whose columns line up: the first, of words, to the left, numbers to the right.

    A ``|`` in a cell is written ``\\|``, and a line's end as a blank: neither ends the cell.
    """
    header, rows = _cells(header), [_cells(row) for row in rows]
    widths = [
        max(len(header[column]), 3, *(len(row[column]) for row in rows))
        for column in range(len(header))
    ]
    lines = [_line(header, widths, words)]
    lines.append(
        "| "
        + " | ".join(
            "-" * (w if c < words else w - 1) + ("" if c < words else ":")
            for c, w in enumerate(widths)
        )
        + " |"
    )
    lines += [_line(row, widths, words) for row in rows]
    return "\n".join(lines) + "\n"


def seconds(value: float) -> str:
    """Write seconds with as many digits as matter."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def exact(value: float) -> str:
    """Write a number with as many digits as tell it from every other: ``0.4``, ``0.4000001``."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value)).removesuffix(".0")


def csv_of(rows: Sequence[dict[str, Any]]) -> bytes:
    """Rows as CSV; columns are those of all rows, in the order in which they appear."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows whose keys are the columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, csv_of(rows))


def write_text(path: Path, text: str) -> None:
    """Write text in whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())


def _cells(row: Sequence[str]) -> list[str]:
    return [" ".join(cell.splitlines()).replace("|", r"\|") for cell in row]


def _line(cells: Sequence[str], widths: Sequence[int], words: int) -> str:
    padded = [
        f"{cell:<{width}}" if column < words else f"{cell:>{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join(padded) + " |"
