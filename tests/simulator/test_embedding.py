"""What a workbench or a notebook needs: the schema of every setting, and tables as frames."""

from __future__ import annotations

import json

import pytest

import simulator
from gavel_opt import InputError, MissingLibraryError
from simulator.cli import main
from simulator.runs.config import SETTINGS, RunConfig
from simulator.runs.options import make_config


@pytest.fixture(scope="module")
def result():
    return simulator.run(policy="isolated", cluster="4:4:4", jobs=6)


def test_the_schema_says_every_setting(capsys):
    assert main(["run", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == RunConfig.schema()
    assert set(schema["properties"]) == set(SETTINGS)
    assert schema["required"] == ["policy", "cluster"]
    for one in schema["properties"].values():
        assert one["description"]
        assert "type" in one or "enum" in one


def test_configurations_fit_their_schema():
    check = pytest.importorskip("jsonschema").validate
    given = {"cluster": "4:4:4", "policy": "fifo"}
    for more in (
        {"jobs": 3, "policy_settings": {"packing_threshold": 1.2}},
        {"rate": 2.0, "window": (3, 9), "timeout": 60},
    ):
        config = json.loads(json.dumps(make_config(**given, **more).to_json()))
        check(config, RunConfig.schema())


def test_tables_as_frames(result):
    table = result.to_arrow()
    assert table.num_rows == 6
    assert table.schema.field("jct").metadata[b"unit"]
    assert result.to_arrow("rounds").num_rows == result.summary["rounds"]
    with pytest.raises(InputError, match="placements were not recorded"):
        result.to_arrow("placements")
    with pytest.raises(InputError, match="unknown table 'job'; did you mean jobs"):
        result.to_arrow("job")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_of_other_libraries(result, library, monkeypatch):
    pytest.importorskip(library)
    assert len(getattr(result, f"to_{library}")()) == 6


def test_a_library_that_is_missing_is_named(result, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(MissingLibraryError, match="needs polars: pip install polars"):
        result.to_polars()
