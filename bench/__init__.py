"""Benchmarks: engines, policies and the simulator against the baseline, measured in one session."""
