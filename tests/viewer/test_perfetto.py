"""The Perfetto trace, read back with Perfetto's own package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.cli import main
from simulator.viewer.run_folder import read_run
from simulator.viewer.segments import read_segments

pytest.importorskip("perfetto", reason="perfetto is not installed")


def test_a_run_is_read_back(runs: Path, tmp_path: Path) -> None:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

    file = tmp_path / "run.pftrace"
    assert main(["export", str(runs / "gavel"), "--perfetto", str(file)]) == 0
    trace = Trace.FromString(file.read_bytes())
    run = read_run(runs / "gavel")
    segments = read_segments(run.tables["placements"])
    tracks = {
        p.track_descriptor.uuid: p.track_descriptor
        for p in trace.packet
        if p.HasField("track_descriptor")
    }
    named = {t.process.process_name for t in tracks.values() if t.HasField("process")}
    assert named == {"metrics", "scheduler", "k80 (8 GPUs)", "p100 (8 GPUs)", "v100 (8 GPUs)"}
    events = [p for p in trace.packet if p.HasField("track_event")]
    kinds = [p.track_event.type for p in events]
    assert kinds.count(TrackEvent.TYPE_SLICE_BEGIN) == segments.worker.size
    assert kinds.count(TrackEvent.TYPE_SLICE_END) == segments.worker.size
    # On a GPU, slices begin and end in turn, and never overlap.
    of_track: dict[int, list[tuple[int, int]]] = {}
    for packet in events:
        if packet.track_event.type in (TrackEvent.TYPE_SLICE_BEGIN, TrackEvent.TYPE_SLICE_END):
            of_track.setdefault(packet.track_event.track_uuid, []).append(
                (packet.timestamp, packet.track_event.type)
            )
    gpus = {uuid for uuid, t in tracks.items() if t.name.startswith("GPU ")}
    assert set(of_track) <= gpus
    assert len(gpus) == 24
    for track in of_track.values():
        assert [t for t, _ in track] == sorted(t for t, _ in track)
        assert [kind for _, kind in track[::2]] == [TrackEvent.TYPE_SLICE_BEGIN] * (len(track) // 2)
    first = next(p for p in events if p.track_event.type == TrackEvent.TYPE_SLICE_BEGIN)
    notes = {
        note.name: note.int_value or note.double_value or note.string_value
        for note in first.track_event.debug_annotations
    }
    job = int(segments.job[0])
    assert notes.get("job", 0) == job
    assert notes["type"] == run.tables["jobs"]["type"][job]
    assert notes["scale factor"] == run.tables["jobs"]["scale_factor"][job]
    active = next(uuid for uuid, t in tracks.items() if t.name == "active")
    counted = {
        p.timestamp: p.track_event.double_counter_value
        for p in events
        if p.track_event.track_uuid == active
    }
    rounds = run.tables["rounds"]
    changes = np.flatnonzero(np.diff(rounds["active"], prepend=-1))
    assert list(counted.values()) == rounds["active"][changes].tolist()
    assert list(counted) == [round(t * 1e9) for t in rounds["time"][changes].tolist()]


def test_allocations_and_fallbacks_stand_at_their_time(runs: Path) -> None:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

    from simulator.viewer.perfetto_trace import perfetto_trace
    from simulator.viewer.resimulation import completed

    run = completed(read_run(runs / "gavel"))
    solves = run.tables["solves"]
    refused = solves["refused"].astype(object)
    refused[3] = "ecos: imprecise"
    solves["refused"], solves["fallbacks"] = refused, solves["fallbacks"].copy()
    solves["fallbacks"][3] = 2
    trace = Trace.FromString(perfetto_trace(run))
    instants = [p for p in trace.packet if p.track_event.type == TrackEvent.TYPE_INSTANT]
    recomputed = [p for p in instants if p.track_event.name.startswith("allocation ")]
    assert [p.timestamp for p in recomputed] == [round(t * 1e9) for t in solves["time"].tolist()]
    (fallback,) = (p for p in instants if p.track_event.name.startswith("refused"))
    assert fallback.timestamp == round(float(solves["time"][3]) * 1e9)
    assert fallback.track_event.name == "refused: ecos: imprecise"
    notes = {note.name: note.int_value for note in fallback.track_event.debug_annotations}
    assert notes["round"] == solves["round"][3]
    assert notes["found on another engine"] == 2


@pytest.mark.parametrize("words", [[], ["--perfetto", "/no/such/folder/x"]])
def test_where_to_write_must_be_said(runs: Path, words: list[str]) -> None:
    assert main(["export", str(runs / "gavel"), *words]) == 2
