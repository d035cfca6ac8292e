"""What is said of names that nobody knows."""

from __future__ import annotations

from gavel_opt.errors import unknown_name


def test_few_names_are_all_said() -> None:
    said = str(unknown_name("colour", "x", ["red", "green"]))
    assert said == "unknown colour 'x'; choose one of: green, red"


def test_of_many_some_are_said_and_those_that_are_near() -> None:
    names = [f"row {number:03d}" for number in range(200)]
    said = str(unknown_name("row", "nothing", names))
    assert "choose one of 200, such as: row 000, row 025" in said
    assert len(said) < 200
    assert "did you mean row 117 or" in str(unknown_name("row", "row 117x", names))
