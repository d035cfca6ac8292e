"""Many runs: executors, sweeps, the paper's experiments, knees, pictures."""
