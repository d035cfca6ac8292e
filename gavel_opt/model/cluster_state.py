"""What a policy may see of the cluster: struct of arrays, one entry a job."""

from __future__ import annotations

from dataclasses import dataclass

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.pair_columns import NO_PAIRS, PairColumns


@dataclass(frozen=True, slots=True, eq=False)
class ThroughputTable:
    """Measured steps per second, by job key and worker type.

    A job key stands for (job type, scale factor); two jobs with one key run equally fast.

    Attributes
    ----------
    alone
        Shape ``(keys, J)``; 0 where a job cannot run.
    paired
        ``paired[a, b, 0, j]``: speed of a job of key ``a`` beside one of key ``b`` on type ``j``;
        ``paired[a, b, 1, j]``: speed of the other. Shape ``(keys, keys, 2, J)``, or None where no
        co-located throughputs are known. Keys of different scale factors hold zeros. ``paired[b, a]`` says
        the same the other way round, and has to: which of the two is read is left open.
    reference
        Worker type whose column the plain policies use (the V100), as an index.
    """

    alone: Floats
    paired: Floats | None = None
    reference: int = 0


@dataclass(slots=True, eq=False)
class ClusterState:
    """The cluster at one recomputation; jobs in order of job number.

    Attributes
    ----------
    worker_types
        Names in alphabetical order, J of them.
    workers
        Workers of each type, shape ``(J,)``.
    throughputs
        The table that ``key`` points into.
    job
        Job numbers, ascending, shape ``(n,)``; the other arrays are parallel to it.
    key
        Row in the throughput table.
    scale_factor
        Workers that the job runs on at once.
    weight
        Priority weight.
    steps_left
        Steps still to run.
    age
        Seconds since arrival.
    deadline
        Seconds from now to the job's deadline; infinite without one; None if no job has one.
    entity
        Entity (organisation) that the job belongs to, or None.
    prices
        Dollars per hour of each worker type, shape ``(J,)``, or None.
    """

    worker_types: tuple[str, ...]
    workers: Ints
    throughputs: ThroughputTable
    job: Ints
    key: Ints
    scale_factor: Ints
    weight: Floats
    steps_left: Floats
    age: Floats
    deadline: Floats | None = None
    entity: Ints | None = None
    prices: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StandingState:
    """A cluster whose jobs come and go in columns: what a cluster state is at one moment, in place.

    Attributes
    ----------
    jobs
        Jobs in order of job number.
    throughputs, workers
        As in :class:`ClusterState`; they stay as they are.
    pairs
        Where pairs are left, with room for half as many as there is for jobs, if any can be.
    """

    jobs: JobColumns
    throughputs: ThroughputTable
    workers: Ints
    pairs: PairColumns = NO_PAIRS
