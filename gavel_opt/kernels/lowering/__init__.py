"""How numba writes kernels down for LLVM: what it would write at length, in few instructions."""
