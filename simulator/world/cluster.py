"""The cluster: workers by type, numbered type by type in alphabetical order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gavel_opt import InputError
from simulator.world.names import meant, nearest
from simulator.world.throughputs import PRESETS
from simulator.world.untrusted_text import whole_number

SHORT_ORDER = ("v100", "p100", "k80")
"""Worker types of the short form ``36:36:36``, and the order in which the reference visits them."""

MOST_WORKERS = 1_000_000
"""Of one type."""


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Workers of a run.

    Attributes
    ----------
    worker_types
        Types with at least one worker, alphabetical, J of them.
    workers
        Workers of each type, shape ``(J,)``: as many as fill whole servers.
    gpus_per_server
        Workers of one server of each type, shape ``(J,)``. Placement takes workers in order of
        their numbers, and those run through the servers one by one.
    visit_order
        Types in the order in which a round fills them, before any shuffling, shape ``(J,)``.
    """

    worker_types: tuple[str, ...]
    workers: np.ndarray
    gpus_per_server: np.ndarray
    visit_order: np.ndarray

    @property
    def first_worker(self) -> np.ndarray:
        """Number of the first worker of each type, and one past the last worker."""
        return np.concatenate([[0], np.cumsum(self.workers)]).astype(np.int64)

    @property
    def total(self) -> int:
        """Workers in all."""
        return int(self.workers.sum())

    def fastest_first(self, speeds: NDArray[np.float64]) -> Cluster:
        """The same cluster, visited in order of speed: jobs that have no share of a type get what is left of it.

        So the first types run whoever is there, and the last ones stay idle while there are fewer jobs than workers.
        Of V100, P100 and K80 alone the order is the reference's, which is this one by its own table.

        Parameters
        ----------
        speeds
            Of the jobs of a table on each type, shape ``(K, J)``; 0 or NaN where one does not run.
        """
        if all(meant(name, SHORT_ORDER) for name in self.worker_types):
            return self
        known = np.nan_to_num(speeds)
        fastest = known.max(axis=1, keepdims=True)
        parts = np.divide(known, fastest, out=np.zeros_like(known), where=fastest > 0)
        order = self.visit_order[np.argsort(-parts.mean(axis=0)[self.visit_order], kind="stable")]
        return replace(self, visit_order=order)

    def left_over(self, counts: Mapping[str, int]) -> list[str]:
        """What to say of workers that were asked for and fill no server."""
        sizes = zip(self.worker_types, self.workers, self.gpus_per_server, strict=True)
        return [
            f"{counts[name] - workers} of {counts[name]} {name} fill no server of {size} and are left out"
            for name, workers, size in sizes
            if workers < counts.get(name, 0)
        ]


def parse_counts(text: str, flag: str) -> dict[str, int]:
    """Parse ``v100=36,p100=36`` or ``36:36:36`` (V100:P100:K80).

    Raises
    ------
    InputError
        Naming the flag and what was expected.
    """
    expected = f"{flag}: expected v100=4,p100=8,k80=8 or 4:8:8 (V100:P100:K80)"
    counts: dict[str, int] = {}
    if equals := _with_equals(text):
        raise InputError(f"{expected}, found {text!r}; with equals signs: {equals}")
    if "=" in text:
        items = [item.partition("=")[::2] for item in text.split(",")]
    else:
        numbers = text.split(":")
        if len(numbers) != len(SHORT_ORDER):
            apart = re.split(r"[,\s]+", text.strip())
            colons = f"; with colons: {':'.join(apart)}" if len(apart) == len(SHORT_ORDER) else ""
            raise InputError(f"{expected}, found {text!r}{colons}")
        items = list(zip(SHORT_ORDER, numbers, strict=True))
    for name, number in ((n.strip(), c.strip()) for n, c in items):
        if not name or not number:
            raise InputError(f"{expected}, found {text!r}")
        count = whole_number(number, 0, MOST_WORKERS)
        if count is None:
            raise InputError(
                f"{flag}: {name}={number}: expected a whole number of at least 0"
                f"{f' and at most {MOST_WORKERS:,}' if number.isdecimal() else ''}"
            )
        if name in counts:
            raise InputError(f"{flag}: worker type {name!r} twice in {text!r}")
        counts[name] = count
    return counts


_COUNT = re.compile(r"([a-z][\w.-]*?)[:*x](\d+)|(\d+)[:*x]([a-z][\w.-]*)", re.IGNORECASE)
"""A worker type and a number, in another way than ours: ``v100:4``, ``4xV100``."""


def _with_equals(text: str) -> str:
    """What was meant by ``v100:4,p100:2`` and the like, as we write it; empty for anything else."""
    found = [_COUNT.fullmatch(part) for part in re.split(r"[,;\s]+", text.strip())]
    parts = [f"{one[1] or one[4]}={one[2] or one[3]}" for one in found if one is not None]
    return ",".join(parts) if len(parts) == len(found) else ""


def make_cluster(
    counts: Mapping[str, int], gpus_per_server: Mapping[str, int], known: Iterable[str]
) -> Cluster:
    """Lay out a cluster.

    Parameters
    ----------
    counts
        Worker type to workers; types with none are left out.
    gpus_per_server
        Worker type to workers a server; missing types have 1. Workers that do not fill a server
        are left out, as the reference does.
    known
        Worker types with throughputs; names keep their case, and may be given in another where
        that leaves no doubt.

    Raises
    ------
    InputError
        For unknown types, negative counts and a cluster without workers.
    """
    known = sorted(known)
    counts = _named(counts, known, "--cluster", 0)
    gpus_per_server = _named(gpus_per_server, known, "--gpus-per-server", 1)
    types, workers, per_server = [], [], []
    for name in sorted(counts):
        size = gpus_per_server.get(name, 1)
        whole = counts[name] // size * size
        if whole:
            types.append(name)
            workers.append(whole)
            per_server.append(size)
    if not types:
        of_servers = max(gpus_per_server.values(), default=1) > 1
        least = "whole server" if of_servers else "worker"
        raise InputError(f"--cluster: expected at least one {least}, found none")
    first = [one for one in (meant(short, types) for short in SHORT_ORDER) if one]
    visits = first + [name for name in types if name not in first]
    return Cluster(
        tuple(types),
        np.array(workers, dtype=np.int64),
        np.array(per_server, dtype=np.int64),
        np.array([types.index(name) for name in visits], dtype=np.int64),
    )


def _named(given: Mapping[str, int], known: list[str], flag: str, least: int) -> dict[str, int]:
    """Numbers by the names that the table of throughputs has for the worker types."""
    found: dict[str, int] = {}
    for word, number in given.items():
        name = meant(word, known)
        if name is None:
            newer = f"@{word.strip().lower()}" in PRESETS
            raise InputError(
                f"{flag}: unknown worker type {word!r}{'' if newer else nearest(word, known)} (types "
                "are those of the table of throughputs; --throughputs "
                f"{'@newer has it)' if newer else 'FILE gives another)'}"
            )
        if name in found:
            before = next(other for other in given if meant(other, known) == name)
            raise InputError(
                f"{flag}: worker type {name!r} is given twice, as {before!r} and as {word!r}"
            )
        if number < least:
            raise InputError(f"{flag}: expected {least} or more for {word}, found {number}")
        if number > MOST_WORKERS:
            raise InputError(f"{flag}: expected {MOST_WORKERS:,} or less for {word}")
        found[name] = number
    return found
