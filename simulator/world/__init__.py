"""What exists: the cluster, its throughputs and prices, the jobs that arrive."""
