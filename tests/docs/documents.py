"""The documents as tests see them: their commands, their Python, and the tables made from code.

``python tests/docs/documents.py`` writes the tables anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from simulator.runs.columns import ABOUT
from simulator.settings.config import GIVEN

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "docs").glob("*.md")], key=lambda page: page.name.lower()
)
PROGRAMS = ("gavel-sim", "gavel-opt", "python", "python3", ".venv/bin")


def commands(page: Path) -> list[str]:
    """Commands of a page in order: lines of blocks, fenced or indented, that begin with a program."""
    found: list[str] = []
    language: str | None = None
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            language = None if language is not None else line.removeprefix("```") or "text"
        elif language in ("sh", "text", "console") or line.startswith("    "):
            words = line.strip().removeprefix("$ ")
            if words.split(" ")[0].startswith(PROGRAMS):
                found.append(words)
    return found


def python_blocks(page: Path) -> list[str]:
    """Fenced blocks of Python."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def inline_commands(page: Path) -> list[str]:
    """Commands within sentences that say a flag."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    quoted = re.findall(r"`((?:gavel-sim|gavel-opt) [^`]*)`", text)
    return [" ".join(words.split()) for words in quoted if " --" in words]


def columns_table(name: str) -> str:
    """Markdown table of the columns of one of a run's tables."""
    rows = [f"| `{column}` | {unit} | {what} |" for column, (unit, what) in ABOUT[name].items()]
    return "\n".join(["| column | unit | what |", "| --- | --- | --- |", *rows]) + "\n"


def settings_table() -> str:
    """Markdown table of all settings of a run."""
    lines = ["| flag, file | Python | what |", "| --- | --- | --- |"]
    for name, setting in GIVEN.items():
        text = setting.help.replace("%%", "%").replace("|", "\\|")
        value = f" {setting.metavar}" if setting.metavar else ""
        lines.append(f"| `{setting.flag}{value}` | `{name}` | {text} |")
    return "\n".join(lines) + "\n"


def between(text: str, name: str, table: str) -> str:
    """Replace what stands between the markers of a table."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end {name} -->"
    head, _, rest = text.partition(begin)
    return f"{head}{begin}{table}{end}{rest.partition(end)[2]}"


def write_tables() -> None:
    """Write the tables of columns and settings into their pages."""
    formats, reference = ROOT / "docs/file-formats.md", ROOT / "docs/reference.md"
    text = formats.read_text()
    for name in ABOUT:
        text = between(text, name, columns_table(name))
    formats.write_text(text)
    reference.write_text(between(reference.read_text(), "settings", settings_table()))


if __name__ == "__main__":
    write_tables()
