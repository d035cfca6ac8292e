"""A run folder that is asked for again: the result is there, or somebody else's is, or neither."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from gavel_opt.engines.registry import BUILT_IN
from gavel_opt.policies import POLICIES
from simulator.files.own_files import refuse_foreign
from simulator.runs.output.results import TRACE, RunResult
from simulator.settings.config import RunConfig
from simulator.studies.batches.identity import code_version, identity_of, made_otherwise
from simulator.world.untrusted_text import DAMAGED, read_json

_RECORDS = {"placements": "placements.parquet", "allocations": "allocations.parquet"}
_RECORDS |= {"programs": "programs", "trace": TRACE}
"""What a run leaves besides the tables, by its name in ``--record``."""


def result_there(
    folder: Path, config: RunConfig, record: Iterable[str] = ()
) -> dict[str, Any] | None:
    """Return the summary of a finished run of these settings, if it is in a folder.

    Parameters
    ----------
    folder
        Run folder, which may be empty or not be there.
    config
        The run that is to be written there.
    record
        What it is to leave besides the tables.

    Returns
    -------
    dict or None
        None where the run is to be carried out: there is none, or one that its clock ended, or that
        left less, or whose policy or engine may have changed since as it is not ours.

    Raises
    ------
    InputError
        If the folder holds another run, one of other contents of its files, or files of the names of a
        run's that are not.
    """
    path = folder / "summary.json"
    refuse_foreign(folder, "run")
    if not path.exists():
        return None
    try:
        summary = read_json(path)
        theirs, status = summary["config"], summary["status"]
        theirs.get("policy")
    except DAMAGED:
        raise InputError(
            f"--output: {path} is not a run's; choose another folder, or --force to write over it"
        ) from None
    ours = json.loads(json.dumps(config.to_json()))
    for name in ours:
        if name != "timeout" and theirs.get(name) != ours[name]:
            raise InputError(
                f"--output: {folder} holds a run with other settings ({name}: "
                f"{theirs.get(name)!r} there, {ours[name]!r} here); choose another folder, or "
                "--force to write over it"
            )
    if summary.get("forked_from") is not None:
        raise InputError(
            f"--output: {folder} holds a run that forked from {summary['forked_from']}; choose "
            "another folder, or --force to write over it"
        )
    same = summary.get("identity") == identity_of(ours)
    if status != "timeout" and not same and summary.get("code") == code_version():
        raise InputError(
            f"--output: the run in {folder} {made_otherwise(ours, code_version())}; choose another folder, "
            "or --force to write over it"
        )
    known = config.policy in POLICIES and config.engine in ("auto", *BUILT_IN)
    if status == "timeout" or not known or not same:
        return None
    whole = all((folder / _RECORDS[name]).exists() for name in record)
    return summary if whole else None


def sign(result: RunResult, forked_from: Path | None = None) -> None:
    """Write into a summary what :func:`result_there` goes by."""
    result.summary["identity"] = identity_of(json.loads(json.dumps(result.config.to_json())))
    result.summary["code"] = code_version()
    if forked_from is not None:
        result.summary["forked_from"] = str(forked_from)
