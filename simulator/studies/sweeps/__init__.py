"""Sweeps: every combination of some settings' values, a folder of runs and its tables."""
