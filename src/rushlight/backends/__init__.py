"""Who computes: the NumPy reference, the compiled kernels for the CPU, or shapes alone; `registry` chooses."""
