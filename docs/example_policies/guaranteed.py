"""A linear program: the most throughput in all, and for every job a part of its even split."""

from gavel_opt import ClusterState, Policy, ProgramBuilder, Programs


class Guaranteed(Policy):
    """Sum of normalised throughputs, each at least ``part`` of what an even split gives."""

    def __init__(self, part: float = 0.5) -> None:
        self.part = part

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield the one program."""
        program = ProgramBuilder(state)
        even = program.throughput_on(program.isolated_share)
        program.maximise_sum(weight=state.weight / even)
        program.at_least(self.part * even)
        return (yield from program.solve(merge))
