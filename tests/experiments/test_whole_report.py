"""The report of many experiments: every headline with its figure, and a reason wherever ours differs."""

from __future__ import annotations

from pathlib import Path

from simulator.studies.batches.batch import Batch
from simulator.studies.experiments.comparison import Claim, Comparison
from simulator.studies.experiments.experiment import Choices
from simulator.studies.report import Section, _table, write_report
from simulator.studies.tables import markdown


class _Experiment:
    figure, title, differs = "7", "Figure 7", ()

    def compare(self, choices: Choices, batch: Batch) -> list[Comparison]:
        reason = "another machine"
        return [
            Comparison(Claim("twice as fast", "a", "b", 1.0, 2.0), 2.1, (1.9, 2.3)),
            Comparison(Claim("some ratio", "a", "b", 1.0, 2.0), 3.0, (2.5, 3.5)),
            Comparison(Claim("first", "a", "", 1.0, 0.01, " s", reason), 2.6e-5, None),
            Comparison(Claim("second", "a", "", 1.0, 4.809, " s", reason), 0.004, None),
            Comparison(Claim("left out", "a", "b", 1.0, 2.0), None, None),
        ]


def _report(folder: Path, choices: Choices) -> tuple[list[list[str]], str]:
    section = Section(_Experiment(), choices, Batch(), folder, "text", ())  # type: ignore[arg-type]
    text, page = write_report(folder, [section], quick=False)
    assert page.read_text().count("<tr>") == 6
    whole = text.read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in whole.splitlines()
        if line.startswith("| 7")
    ]
    assert "| ------ | ------------- |" in whole  # words to the left, numbers to the right
    return rows, whole


def test_every_headline_has_its_figure_and_a_verdict(tmp_path: Path) -> None:
    rows, _ = _report(tmp_path, Choices())
    assert rows == [
        ["7", "twice as fast", "2.10x", "1.90 to 2.30", "2x", "agrees"],
        ["7", "some ratio", "3.00x", "2.50 to 3.50", "2x", "differs"],
        ["7", "first", "0.026 ms", "", "10 ms", "385 times less"],
        ["7", "second", "4 ms", "", "4,809 ms", "1,202 times less"],
        ["7", "left out", "no value", "", "2x", ""],
    ]


def test_what_differs_has_a_reason_said_once_or_says_that_none_is_known(tmp_path: Path) -> None:
    _, whole = _report(tmp_path, Choices())
    assert "- **some ratio**: no reason is known.\n" in whole
    assert "- **first**; **second**: another machine.\n" in whole


def test_other_jobs_are_not_compared(tmp_path: Path) -> None:
    rows, whole = _report(tmp_path, Choices(window=(400, 500)))
    assert {row[-1] for row in rows} == {"other jobs"}
    assert "Where we differ" not in whole


def test_bars_in_names_do_not_end_cells() -> None:
    text = markdown(["x", "a|b"], [["1\n2", "3"]])
    assert text == "| x   | a\\|b |\n| --- | ---: |\n| 1 2 |    3 |\n"
    assert _table(text.splitlines()).count("<th>") == 2
    assert "<th>a|b</th>" in _table(text.splitlines())
