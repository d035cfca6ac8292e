"""Throughputs in TOML, CSV and JSON: what is derived, what is written, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import simulator
from gavel_opt import InputError
from simulator.cli import main
from simulator.world.throughputs import PRESETS, load_throughputs, load_unconsolidated

EXAMPLE = Path(__file__).parents[2] / "docs/example_throughputs/gpus.toml"


def speed(table, name, worker_type, scale=1):
    return table.alone[table.row(name, scale), table.worker_types.index(worker_type)]


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return load_throughputs(path)


def same(a, b):
    return (
        a.worker_types == b.worker_types
        and a.keys == b.keys
        and np.array_equal(a.alone, b.alone, equal_nan=True)
        and np.array_equal(a.paired, b.paired)
    )


def test_a_file_of_ones_own():
    table, base = load_throughputs(EXAMPLE), load_throughputs()
    assert table.worker_types == ("a100", "k80", "p100", "v100")
    for name, factor in (("ResNet-50 (batch size 64)", 2.1), ("A3C", 1.6)):
        assert speed(table, name, "a100") == speed(base, name, "v100") * factor
    assert speed(table, "BERT (batch size 16)", "a100") == 4.1 * 1.9
    alike = "Transformer (batch size 32)"
    assert speed(table, "ViT (batch size 32)", "k80", 4) == 0.6 * speed(base, alike, "k80", 4)
    assert not table.paired[..., 0].any()
    old = [base.row(*key) for key in base.keys]
    new = [table.row(*key) for key in base.keys]
    assert np.array_equal(table.paired[new][:, new][..., 1:], base.paired[old][:, old])


def test_the_page_shows_the_example():
    page = EXAMPLE.parents[1] / "bring-your-gpus.md"
    assert f"```toml\n{EXAMPLE.read_text()}```" in page.read_text()


def test_colocation_by_ratio(tmp_path):
    text = EXAMPLE.read_text().replace('colocation = "none"', 'colocation = "ratio"')
    table = written(tmp_path, text)
    a, b = table.row("ResNet-50 (batch size 16)", 1), table.row("LM (batch size 5)", 1)
    wanted = table.paired[a, b, :, 3] * [2.1, 1.6]
    assert wanted.all()
    assert np.array_equal(table.paired[a, b, :, 0], wanted)
    assert np.array_equal(table.paired[b, a, ::-1, 0], wanted)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(preset):
    table, base = load_throughputs(Path(preset)), load_throughputs()
    assert {"a100", "h100", "b200", "t4", "a10", "l4", "k80", "p100", "v100"} == {
        *table.worker_types
    }
    name = "ResNet-50 (batch size 128)"
    assert speed(table, name, "b200") == speed(base, name, "v100") * 2.06 * 1.8 * 2.0


def test_a_run_on_newer_worker_types():
    words = {"policy": "max_min_fairness_perf", "jobs": 10, "seed": 0}
    mine = simulator.run(**words, throughputs="@newer", cluster={"a100": 4, "v100": 4})
    old = simulator.run(**words, cluster={"v100": 8})
    assert mine.average_jct < old.average_jct
    summary = mine.summary
    assert (summary["cost"], summary["cost_without_gaps"]) == (None, None)
    assert summary["types_without_price"] == "a100"
    assert summary["cost_of_priced_types"] == pytest.approx(mine.jobs["cost"].sum())
    assert old.summary["types_without_price"] is old.summary["cost_of_priced_types"] is None
    assert old.summary["cost"] > 0
    assert old.summary["notes"] == mine.summary["notes"] == []
    with pytest.raises(InputError, match="goes by prices, and worker type 'a100' has none"):
        simulator.run(
            policy="max_sum_throughput_normalized_by_cost_perf",
            throughputs="@newer",
            cluster={"a100": 4},
            jobs=5,
        )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            ["v100 = 2.0", "k80 = 1.0\nv100 = 3.0"],
            "mine.toml:5: .* of 'ViT' with scale factor 1 on",
        ),
        (
            ["v100 = 2.0", 'beside = "A3C"\nv100 = [1.0, 2.0]', 'beside = "A3C"\nv100 = [1, 2]'],
            "mine.toml:10: .* of 'A3C' beside 'ViT' .* on 'v100', after line 5; leave one out",
        ),
    ],
)
def test_a_speed_that_two_rows_give_is_refused(tmp_path, rows, said):
    path = tmp_path / "mine.toml"
    rows = [f'[[throughputs]]\njob_type = "ViT"\nscale_factor = 1\n{row}' for row in rows]
    path.write_text("\n".join(rows))
    with pytest.raises(InputError, match=said):
        load_throughputs(path)
    path.write_text(rows[0].replace("= 1", "= 2") + "\n" + rows[0])
    load_throughputs(path)


@pytest.mark.parametrize("suffix", ["json", "csv", "toml"])
def test_converted_is_the_same_to_the_bit(suffix, tmp_path, capsys):
    first, again = tmp_path / f"a.{suffix}", tmp_path / "b.json"
    assert main(["throughputs", "convert", str(EXAMPLE), "--output", str(first)]) == 0
    assert same(load_throughputs(first), load_throughputs(EXAMPLE))
    assert main(["throughputs", "convert", str(first), "--output", str(again)]) == 0
    assert same(load_throughputs(again), load_throughputs(EXAMPLE))


def test_check_says_what_is_derived_and_from_where(capsys):
    assert main(["throughputs", "check", "@newer"]) == 0
    said = capsys.readouterr().out
    assert "a100: 1.56 times v100" in said
    assert said.count("derived, not measured here: ") == 6


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('relative_to = "v100"', 'relative_to = "v10"', "did you mean v100"),
        ("factor = 1.6", "factor = 0", "worker_types.a100: factor: expected a number above 0"),
        ("factor = 1.6", "", "worker_types.a100: expected factor = ..., how many times as fast"),
        ("k80 = 0.6", "k80 = -1", "throughputs, row 1: k80: expected steps per second"),
        ("[worker_types.a100]", "[worker_types.v100]", "there is one of this name already"),
        ("[worker_types.a100]", "[workers.a100]", "did you mean worker_types"),
        ("Transformer (batch size 32)", "Transformer", "unknown job type 'Transformer'"),
        ('base = "gavel"', 'base = "other"', "base: expected"),
        ('"none"  ', '"some"  ', "colocation: expected"),
        ("base =", "base", "not TOML"),
        ("BERT = 1.9 }", 'BERT = "x" }', "factors.BERT: expected a number"),
        (
            "ResNet-50 = 2.1",
            "ResNt-50 = 2.1",
            "unknown family or job type 'ResNt-50'; did you mean",
        ),
    ],
)
def test_bad_entries_are_one_line(old, new, said, tmp_path):
    text = EXAMPLE.read_text()
    assert old in text
    with pytest.raises(InputError, match=r"mine\.toml") as refused:
        written(tmp_path, text.replace(old, new, 1))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


TYPE = '[worker_types."{}"]\nrelative_to = "p100"\nfactor = 2\nsource = "ours"'


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("V100", "'v100' and 'V100' differ in case alone"),
        ("a100_unconsolidated", "are those of workers spread over servers"),  # JSON lost it
        ("a,b", "no comma"),
        ("a=b", "no comma, no ="),
        (" a", "no blanks around it"),
        ("a\\n", "no blanks around it"),
        ("@a", "begins with no @"),
        ("-a", "begins with no -"),
        (" ", "has no name"),
    ],
)
def test_names_that_have_no_place_are_refused(name, said, tmp_path):
    with pytest.raises(InputError, match=said):
        written(tmp_path, TYPE.format(name))


def test_a_speed_on_a_type_in_other_case_is_refused(tmp_path):
    """It became a worker type of its own, and the base's figure stayed."""
    row = '[[throughputs]]\njob_type = "A3C"\nV100 = 4.1'
    with pytest.raises(InputError, match="'v100' and 'V100' differ in case alone"):
        written(tmp_path, row)


def test_a_source_is_asked_for(tmp_path):
    text = EXAMPLE.read_text().replace('source = "our measurements of May"', "")
    with pytest.raises(InputError, match="where the factors come from"):
        written(tmp_path, text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "@a1000"], "unknown preset '@a1000'; did you mean"),
        (["convert", "@newer"], "expected --output"),
        (["convert", "@newer", "--output", "a.txt"], "ends in .csv, .json, .toml"),
    ],
)
def test_wrong_words_are_one_line(words, said, capsys):
    assert main(["throughputs", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_workers_spread_over_servers():
    """One worker is never spread; more are, with Gavel's figures, at a median 0.42 times the V100 speed."""
    spread, together = load_unconsolidated(), load_throughputs()
    rows = [together.row(*key) for key in spread.keys]
    one = np.array([scale == 1 for _, scale in spread.keys])
    assert len(spread.keys) == 83
    assert np.array_equal(spread.alone[one], together.alone[rows][one])
    with np.errstate(divide="ignore", invalid="ignore"):
        slower = (spread.alone / together.alone[rows])[~one]
    v100 = spread.worker_types.index("v100")
    assert np.median(slower[:, v100]) == pytest.approx(0.4246290)
    assert np.isnan(spread.alone[:, 0]).sum() == 6


def test_columns_of_spread_workers_are_read_on_demand(tmp_path, capsys):
    text = """{"v100": {"('A', 2)": {"null": 3.0}}, "v100_unconsolidated": {"('A', 2)": {"null": 2.0}}}"""
    (tmp_path / "gavel.json").write_text(text)
    assert load_throughputs(tmp_path / "gavel.json").alone.tolist() == [[3.0]]
    words = ["throughputs", "convert", str(tmp_path / "gavel.json"), "--unconsolidated"]
    assert main([*words, "--output", str(tmp_path / "spread.csv")]) == 0
    table = load_throughputs(tmp_path / "spread.csv")
    assert (table.worker_types, table.alone.tolist()) == (("v100",), [[2.0]])
    with pytest.raises(InputError, match="only Gavel's JSON"):
        load_unconsolidated(tmp_path / "spread.csv")


def test_a_number_of_thousands_of_digits_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f"[worker_types.a100]\nfactor = {'9' * 5000}\n")
    with pytest.raises(InputError, match=r"mine\.toml: .*5000 digits"):
        load_throughputs(path)


def test_check_says_what_the_base_derives_and_which_pairs_there_are_not(tmp_path, capsys):
    entry = '[worker_types.{}]\nrelative_to = "{}"\nfactor = 2\nsource = "x"\n'
    text = 'base = "@newer"\ncolocation = "ratio"\n'
    text += entry.format("a100-80gb-sxm4", "a100") + entry.format("v200", "v100")
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert main(["throughputs", "check", str(path)]) == 0
    said = capsys.readouterr().out
    assert "a100: 1.56 times v100" in said
    assert said.count("  no pairs, as there are none on ") == 1
    assert "  no pairs, as there are none on a100\n" in said
    table = [line for line in said.splitlines() if " run alone" in line]
    assert len({line.index(" run alone") for line in table}) == 1
