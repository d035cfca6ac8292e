"""The 26 job types of the paper's workloads, in the order that the job stream draws from."""

from __future__ import annotations

_FAMILIES: tuple[tuple[str, tuple[int, ...], bool], ...] = (
    ("ResNet-18", (16, 32, 64, 128, 256), True),
    ("ResNet-50", (16, 32, 64, 128), True),
    ("Transformer", (16, 32, 64, 128, 256), True),
    ("LM", (5, 10, 20, 40, 80), True),
    ("Recommendation", (512, 1024, 2048, 4096, 8192), False),
)

JOB_TYPES: tuple[str, ...] = (
    *(f"{family} (batch size {size})" for family, sizes, _ in _FAMILIES for size in sizes),
    "A3C",
    "CycleGAN",
)
"""Names as they stand in throughput tables and traces."""

DISTRIBUTED: tuple[bool, ...] = (
    *(distributed for _, sizes, distributed in _FAMILIES for _ in sizes),
    False,
    False,
)
"""Whether a job of the type can run on several workers."""

WORKLOADS: dict[str, tuple[int, ...]] = {
    "artifact": tuple(range(len(JOB_TYPES))),
    "paper": (*range(14), 24, *range(14, 24), 25),
}
"""In which order the job stream draws from the types, by name of the workload.

``artifact`` is the table of the artifact as published. Until August 2020 (commits before 19a0dd2) A3C
stood behind the Transformers, at place 14, so the same seed drew other jobs: some of the paper's
curves were made then.
"""

SCALE_FACTORS: tuple[int, ...] = (1, 2, 4, 8)
"""Workers a drawn job may ask for."""
