"""Whether a cluster keeps up with the jobs that arrive: rules, and the measurement of a long queue."""
