"""Tables of throughputs as text: our CSV, Gavel's JSON, TOML."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gavel_opt import InputError
from simulator.world.throughputs import Measurements


def to_csv(table: Measurements) -> str:
    """Write our CSV, which :func:`~simulator.world.throughputs.load_throughputs` reads to the bit."""
    _check_both_sides(table)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    types = table.worker_types
    rows.writerow(
        ["scale_factor", "job", "beside", *(c for t in types for c in (t, f"{t}_beside"))]
    )
    for i, (job, scale) in enumerate(table.keys):
        speeds = (("" if math.isnan(v) else repr(float(v)), "") for v in table.alone[i])
        rows.writerow([scale, job, "", *(one for both in speeds for one in both)])
    for i, j in _pairs(table):
        job, scale = table.keys[i]
        figures = table.paired[i, j].T.ravel()  # by type, this job's and the other's
        rows.writerow([scale, job, table.keys[j][0], *(repr(float(v)) for v in figures)])
    return text.getvalue()


def to_json(table: Measurements) -> str:
    """Write Gavel's JSON: worker type, job key, ``null`` or the other job's key."""
    names = [str(key) for key in table.keys]
    content: dict[str, dict[str, dict[str, Any]]] = {}
    for column, worker_type in enumerate(table.worker_types):
        jobs: dict[str, dict[str, Any]] = {}
        for i, name in enumerate(names):
            speed = float(table.alone[i, column])
            if math.isnan(speed):
                continue
            jobs[name] = {"null": speed}
            for j in np.flatnonzero(table.paired[i, :, :, column].any(axis=1)):
                if not math.isnan(table.alone[j, column]):
                    jobs[name][names[j]] = table.paired[i, j, :, column].tolist()
        content[worker_type] = jobs
    return json.dumps(content, indent=1) + "\n"


def to_toml(table: Measurements) -> str:
    """Write TOML with every figure as measured, no base."""
    _check_both_sides(table)
    lines = ['base = "none"']
    for i, (job, scale) in enumerate(table.keys):
        speeds = zip(table.worker_types, table.alone[i], strict=True)
        found = [f"{json.dumps(t)} = {float(v)!r}" for t, v in speeds if not math.isnan(v)]
        lines += ["", "[[throughputs]]", f"job_type = {json.dumps(job)}", f"scale_factor = {scale}"]
        lines += found
    for i, j in _pairs(table):
        job, scale = table.keys[i]
        lines += ["", "[[throughputs]]", f"job_type = {json.dumps(job)}", f"scale_factor = {scale}"]
        lines += [f"beside = {json.dumps(table.keys[j][0])}"]
        both = zip(table.worker_types, table.paired[i, j].T.tolist(), strict=True)
        lines += [f"{json.dumps(t)} = {speeds!r}" for t, speeds in both if any(speeds)]
    return "\n".join(lines) + "\n"


WRITERS: dict[str, Callable[[Measurements], str]] = {
    ".csv": to_csv,
    ".json": to_json,
    ".toml": to_toml,
}
"""Suffix to writer."""


def _pairs(table: Measurements) -> Iterator[tuple[int, int]]:
    """Pairs that can run somewhere, each once."""
    for i, j in np.argwhere(table.paired.any(axis=(2, 3))):
        if i <= j:
            yield int(i), int(j)


def _check_both_sides(table: Measurements) -> None:
    other = table.paired.transpose(1, 0, 2, 3)[:, :, ::-1, :]
    for i, j in np.argwhere((table.paired != other).any(axis=(2, 3)))[:1]:
        raise InputError(
            f"{table.source}: {table.keys[i]} beside {table.keys[j]} has other figures than from "
            "the other side; only Gavel's JSON can hold both"
        )
