"""One report of many experiments: every figure, every headline, and where ours is another number."""

from __future__ import annotations

import base64
import csv
import html
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.studies.batches.batch import Batch
from simulator.studies.batches.identity import code_version
from simulator.studies.experiments.comparison import Comparison
from simulator.studies.experiments.experiment import Choices, Experiment
from simulator.studies.tables import markdown, write_text

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --pale: #66727f; --line: #d9dee4; --page: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --pale: #9aa6b2; --line: #37424d; --page: #15191e; }
  img { background: #fff; }
}
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--page);
  max-width: 62rem; margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
p.note { color: var(--pale); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child, .claims :nth-child(2) { text-align: left; }
.claims td:nth-child(n + 3) { white-space: nowrap; }
img { max-width: 100%; height: auto; }
summary { cursor: pointer; color: var(--pale); }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One experiment as it came out.

    Attributes
    ----------
    experiment, choices, batch
        What was run, how, and what it gave.
    folder
        Folder of its tables and pictures.
    text
        Its table, in Markdown.
    pictures
        Its pictures; none without what draws.
    """

    experiment: Experiment
    choices: Choices
    batch: Batch
    folder: Path
    text: str
    pictures: Sequence[Path]

    @property
    def comparisons(self) -> list[Comparison]:
        """The paper's headlines beside ours."""
        return self.experiment.compare(self.choices, self.batch)


def write_report(folder: Path, sections: Sequence[Section], quick: bool) -> list[Path]:
    """Write ``report.md`` and ``report.html``, which needs no other file; return them."""
    intro = _intro(quick)
    headlines = _headlines(sections)
    differences = _differences(sections)
    lines = ["# The paper's evaluation, run again", "", intro, "", "## Headlines", "", headlines]
    if differences:
        lines += ["", "## Where we differ, and why", "", differences]
    for section in sections:
        lines += ["", f"## {section.experiment.title}", ""]
        lines += [
            f"![{section.experiment.title}]({path.relative_to(folder)})"
            for path in section.pictures
            if path.suffix == ".png"
        ]
        others = [path for path in section.pictures if path.suffix != ".png"]
        if others:
            links = [f"[{one.suffix[1:].upper()}]({one.relative_to(folder)})" for one in others]
            lines += ["", f"The same as {' and '.join(links)}."]
        lines += ["", section.text, "", _errors(section)]
    text = folder / "report.md"
    write_text(text, "\n".join(lines).rstrip() + "\n")
    page = folder / "report.html"
    write_text(page, _page(intro, headlines, differences, sections))
    return [text, page]


def _intro(quick: bool) -> str:
    said = (
        "Every experiment of the Gavel paper (OSDI 2020), with the published curves beside ours. "
        f"Version of the code that decides results: `{code_version()}`."
    )
    if quick:
        said += (
            " This is a quick look: one seed, few points, early jobs measured. It shows the shapes; "
            "its numbers are of another experiment than the published ones."
        )
    return said


def _headlines(sections: Sequence[Section]) -> str:
    rows = []
    for section in sections:
        for one in section.comparisons:
            unit = one.claim.unit
            ours = "no value" if one.ours is None else _shown(one.ours, unit, ".2f")
            within = ""
            if one.interval is not None:
                within = f"{one.interval[0]:.2f} to {one.interval[1]:.2f}"
            published = _shown(one.claim.published, unit, "g")
            verdict = one.verdict if section.choices.as_published else "other jobs"
            rows.append(
                [section.experiment.figure, one.claim.text, ours, within, published, verdict]
            )
    if not rows:
        return "None of these experiments has a headline."
    header = ["figure", "claim", "ours", "95 % interval", "published", ""]
    note = (
        "\nA number agrees where ours is within a tenth of the published one (within 5 points, of percentages) "
        "or that is within the interval, which is over seeds, of the ratios of runs that share one. There is no "
        "value where a run is missing or did not finish.\n"
    )
    return markdown(header, rows, words=2) + note


def _shown(value: float, unit: str, digits: str) -> str:
    """Write a number of a claim; seconds as milliseconds, in which both ours and theirs can be read."""
    if unit == " s":
        milliseconds = 1e3 * value
        return f"{milliseconds:{',.0f' if milliseconds >= 1000.0 else '.3g'}} ms"
    return f"{value:{digits}}{unit}"


def _differences(sections: Sequence[Section]) -> str:
    reasons: dict[str, list[str]] = {}
    for section in sections:
        for one in section.comparisons:
            if section.choices.as_published and one.agrees is False:
                why = one.claim.differs or "no reason is known"
                reasons.setdefault(why, []).append(f"**{one.claim.text}**")
    lines = [f"- {'; '.join(claims)}: {why}." for why, claims in reasons.items()]
    lines += [
        f"- **{section.experiment.title}**: {sentence}"
        for section in sections
        if section.choices.as_published
        for sentence in getattr(section.experiment, "differs", ())
    ]
    return "\n".join(lines)


def _errors(section: Section) -> str:
    """Return the relative difference from the published curve, by curve: median and worst point."""
    path = section.folder / "points.csv"
    if not path.exists():
        return ""
    by_curve: dict[str, list[tuple[float, str]]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            axis = next((name for name in ("rate", "jobs") if name in row), None)
            ours = next(
                (row[name] for name in row if name.endswith("_hours") and name != "paper_hours"), ""
            )
            paper = row.get("paper_hours", "")
            if axis and ours and paper:
                error = float(ours) / float(paper) - 1.0
                by_curve.setdefault(row.get("curve", row["policy"]), []).append((error, row[axis]))
    if not by_curve:
        return ""
    rows = []
    for curve, errors in by_curve.items():
        worst = max(errors, key=lambda one: abs(one[0]))
        median = statistics.median(abs(error) for error, _ in errors)
        rows.append(
            [curve, str(len(errors)), f"{median:.1%}", f"{worst[0]:+.1%} at {float(worst[1]):g}"]
        )
    header = ["curve", "points", "median difference", "largest"]
    return f"Difference from the published curve:\n\n{markdown(header, rows)}"


def _page(intro: str, headlines: str, differences: str, sections: Sequence[Section]) -> str:
    parts = [f"<h1>The paper's evaluation, run again</h1><p>{_inline(intro)}</p>"]
    parts.append(f'<h2>Headlines</h2><div class="claims">{_blocks(headlines)}</div>')
    if differences:
        parts.append(f"<h2>Where we differ, and why</h2>{_blocks(differences)}")
    for section in sections:
        parts.append(f"<h2>{html.escape(section.experiment.title)}</h2>")
        for path in section.pictures:
            if path.suffix == ".png":
                data = base64.b64encode(path.read_bytes()).decode()
                title = html.escape(section.experiment.title, quote=True)
                parts.append(f'<p><img alt="{title}" src="data:image/png;base64,{data}"></p>')
        parts.append(_blocks(_errors(section)))
        table = _blocks(section.text)
        parts.append(f"<details><summary>All points</summary>{table}</details>")
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>The paper's evaluation, run again</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _blocks(text: str) -> str:
    """Turn the little Markdown that the tables use into HTML."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.split("\n")
        if lines[0].startswith("|"):
            found.append(_table(lines))
        elif lines[0].startswith("- "):
            items = "".join(f"<li>{_inline(line[2:])}</li>" for line in lines)
            found.append(f"<ul>{items}</ul>")
        elif block:
            found.append(f'<p class="note">{_inline(" ".join(lines))}</p>')
    return "\n".join(found)


def _table(lines: Sequence[str]) -> str:
    rows = [
        [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
    ]
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>" for row in rows[2:]
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _inline(text: str) -> str:
    escaped = html.escape(text)
    escaped = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escaped)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", escaped)
