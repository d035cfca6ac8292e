"""A run in Perfetto's native format, for https://ui.perfetto.dev and ``trace_processor``.

One process a worker type with one track a GPU, on which every stay of a job is a slice; one process
``metrics`` with a counter for each column of the rounds; one process ``scheduler`` with instants for
allocations, fallbacks and the verdict. A simulated second is a second of the trace.

Needs the ``perfetto`` package (the extra ``perfetto``), which knows the format.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gavel_opt import MissingLibraryError
from simulator.files.own_files import SIGN
from simulator.runs.columns import Columns
from simulator.viewer.run_folder import RunFolder
from simulator.viewer.run_parts import cluster, segments_of

try:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TracePacket, TrackDescriptor
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TrackEvent as Event
    from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder
except ImportError as missing:  # pragma: no cover - depends on what is installed
    raise MissingLibraryError(
        "a Perfetto trace needs perfetto; install it with: pip install 'gavel-opt[perfetto]'"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Mapping

METRICS, SCHEDULER, FIRST_TYPE = 1, 2, 3
"""Process numbers."""

_GPU, _COUNTER = 1_000_000, 10_000
"""Where the numbers of tracks begin."""

_SEQUENCE = 1


def perfetto_trace(run: RunFolder) -> bytes:
    """Write a run with placements as a Perfetto trace.

    Raises
    ------
    KeyError
        If placements were not recorded.
    """
    sink = io.BytesIO()
    writer = _Writer(StreamingTraceProtoBuilder(sink))
    kinds = cluster(run)
    writer.process(METRICS, "metrics")
    writer.process(SCHEDULER, "scheduler")
    for place, kind in enumerate(kinds):
        writer.process(FIRST_TYPE + place, f"{kind['name']} ({kind['workers']} GPUs)")
    worker = 0
    for place, kind in enumerate(kinds):
        for number in range(kind["workers"]):
            server = number // kind["per_server"]
            name = f"GPU {worker}"
            if kind["per_server"] > 1:
                name += f", server {server}"
            writer.track(_GPU + worker, name, parent=FIRST_TYPE + place, rank=worker)
            worker += 1
    _slices(writer, run)
    _counters(writer, run)
    _instants(writer, run)
    return sink.getvalue()


class _Writer:
    """Packets of one sequence."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def process(self, number: int, name: str) -> None:
        """Declare a process, whose track has its number."""
        packet = self._packet()
        packet.track_descriptor.uuid = number
        packet.track_descriptor.process.pid = number
        packet.track_descriptor.process.process_name = name
        packet.track_descriptor.process.cmdline.append(SIGN)
        packet.track_descriptor.child_ordering = TrackDescriptor.EXPLICIT
        self.builder.write_packet(packet)

    def track(
        self, number: int, name: str, parent: int, rank: int, unit: str | None = None
    ) -> None:
        """Declare a track of a process; a counter if it has a unit."""
        packet = self._packet()
        packet.track_descriptor.uuid = number
        packet.track_descriptor.parent_uuid = parent
        packet.track_descriptor.name = name
        packet.track_descriptor.sibling_order_rank = rank
        if unit is not None:
            packet.track_descriptor.counter.unit_name = unit
        self.builder.write_packet(packet)

    def event(
        self,
        kind: Any,
        track: int,
        seconds: float,
        name: str = "",
        notes: Mapping[str, str | int | float] | None = None,
        value: float | None = None,
    ) -> None:
        """Write one event."""
        packet = self._packet()
        packet.timestamp = nanoseconds(seconds)
        event = packet.track_event
        event.type = kind
        event.track_uuid = track
        if name:
            event.name = name
        if value is not None:
            event.double_counter_value = value
        for key, said in (notes or {}).items():
            note = event.debug_annotations.add()
            note.name = key
            if isinstance(said, str):
                note.string_value = said
            elif isinstance(said, float):
                note.double_value = said
            else:
                note.int_value = said
        self.builder.write_packet(packet)

    def _packet(self) -> Any:
        packet = TracePacket()
        packet.trusted_packet_sequence_id = _SEQUENCE
        return packet


def nanoseconds(seconds: float) -> int:
    """A point in simulated time as the trace has it."""
    return round(seconds * 1e9)


def _slices(writer: _Writer, run: RunFolder) -> None:
    """Every stay of a job on a GPU."""
    jobs, rounds = run.tables["jobs"], run.tables["rounds"]
    found = segments_of(run)
    time = rounds["time"]
    finish = jobs["finish"].astype(np.float64)
    end = np.append(time[1:], max(float(run.summary.get("makespan", 0.0)), float(time[-1])))
    shares = _Shares(run.tables.get("allocations"), run)
    types, scale = jobs["type"], jobs["scale_factor"]
    for worker, job, partner, first, last in zip(
        *(column.tolist() for column in (found.worker, found.job, found.partner)),
        found.first.tolist(),
        found.last.tolist(),
        strict=True,
    ):
        start, stop = float(time[first]), float(end[last])
        done = np.nanmax([finish[job], finish[partner]]) if partner >= 0 else finish[job]
        if partner < 0 or np.isfinite(finish[[job, partner]]).all():
            stop = min(stop, float(done)) if done == done else stop
        name = f"job {job}" if partner < 0 else f"jobs {job} and {partner}"
        notes: dict[str, str | int | float] = {
            "job": job,
            "type": str(types[job]),
            "scale factor": int(scale[job]),
            "first round": first,
            "last round": last,
        }
        if partner >= 0:
            notes["partner"] = partner
            notes["type of the partner"] = str(types[partner])
        share = shares.at(job, partner, worker, first)
        if share is not None:
            notes["share"] = share
        writer.event(Event.TYPE_SLICE_BEGIN, _GPU + worker, start, f"{name}: {types[job]}", notes)
        writer.event(Event.TYPE_SLICE_END, _GPU + worker, max(stop, start))


class _Shares:
    """Shares in force in a round, if allocations were recorded."""

    def __init__(self, allocations: Columns | None, run: RunFolder) -> None:
        self._found: dict[tuple[int, int, str], tuple[list[int], list[float]]] = {}
        self._rounds: np.ndarray = np.zeros(0, dtype=np.int64)
        kinds = cluster(run)
        self._names = np.repeat([k["name"] for k in kinds], [k["workers"] for k in kinds]).tolist()
        if allocations is None:
            return
        self._rounds = np.unique(allocations["round"])
        for number, job, partner, kind, share in zip(
            *(allocations[n].tolist() for n in ("round", "job", "partner", "worker_type", "share")),
            strict=True,
        ):
            entry = self._found.setdefault((job, partner, kind), ([], []))
            entry[0].append(number)
            entry[1].append(share)

    def at(self, job: int, partner: int, worker: int, number: int) -> float | None:
        """Share of an entry on a worker's type in a round; None if nothing was recorded."""
        place = int(np.searchsorted(self._rounds, number, side="right")) - 1
        if place < 0:
            return None
        made = int(self._rounds[place])
        rounds, shares = self._found.get((job, partner, self._names[worker]), ([], []))
        here = int(np.searchsorted(rounds, made))
        return shares[here] if here < len(rounds) and rounds[here] == made else 0.0


_UNITS = {"utilization": "share", "mean_jct": "s", "completions_per_hour": "jobs/h"}


def _counters(writer: _Writer, run: RunFolder) -> None:
    """A counter for each column of the rounds, written where it changes."""
    rounds = run.tables["rounds"]
    time = rounds["time"]
    names = [name for name in rounds if name not in ("round", "time")]
    for rank, name in enumerate(names):
        values = rounds[name].astype(np.float64)
        unit = next((unit for start, unit in _UNITS.items() if name.startswith(start)), "jobs")
        writer.track(_COUNTER + rank, name.replace("_", " "), METRICS, rank, unit)
        changes = np.ones(values.size, dtype=bool)
        changes[1:] = values[1:] != values[:-1]
        for place in np.flatnonzero(changes & np.isfinite(values)).tolist():
            writer.event(
                Event.TYPE_COUNTER, _COUNTER + rank, float(time[place]), value=float(values[place])
            )


def _instants(writer: _Writer, run: RunFolder) -> None:
    """Allocations, fallbacks and the verdict."""
    for rank, (track, name) in enumerate(_SCHEDULER_TRACKS.items()):
        writer.track(track, name, SCHEDULER, rank)
    for time, name, notes in _allocations(run.tables.get("allocations")):
        writer.event(Event.TYPE_INSTANT, 101, time, name, notes)
    for time, name, notes in _fallbacks(run.tables.get("solves")):
        writer.event(Event.TYPE_INSTANT, 102, time, name, notes)
    end = float(run.summary.get("makespan", 0.0))
    verdict = run.summary.get("saturation") or {}
    if verdict.get("verdict") not in (None, "off", "not applicable"):
        hours = verdict.get("simulated_hours")
        writer.event(
            Event.TYPE_INSTANT,
            103,
            end if hours is None else 3600.0 * float(hours),
            f"{verdict['rule']}: {verdict['verdict']}",
            {"reason": str(verdict.get("reason", ""))} | (verdict.get("figures") or {}),
        )


_SCHEDULER_TRACKS = {101: "allocations", 102: "fallbacks", 103: "saturation"}


def _fallbacks(table: Columns | None) -> Iterator[tuple[float, str, dict[str, Any]]]:
    """Time, name and notes of each recomputation in which answers were refused."""
    if table is None or "refused" not in table:
        return
    for place in np.flatnonzero(table["refused"].astype(np.str_) != "").tolist():
        notes = {
            "allocation": int(table["allocation"][place]),
            "round": int(table["round"][place]),
            "found on another engine": int(table["fallbacks"][place]),
        }
        yield float(table["time"][place]), f"refused: {table['refused'][place]}", notes


def _allocations(table: Columns | None) -> Iterator[tuple[float, str, dict[str, Any]]]:
    """Time, name and notes of each recomputation."""
    if table is None:
        return
    _, first, counts = np.unique(table["allocation"], return_index=True, return_counts=True)
    for place, entries in zip(first.tolist(), counts.tolist(), strict=True):
        notes = {"round": int(table["round"][place]), "shares above 0": entries}
        yield float(table["time"][place]), f"allocation {table['allocation'][place]}", notes
