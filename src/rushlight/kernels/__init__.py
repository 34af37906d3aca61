"""The kernels: functions that emit, in the kernel language, the loops that a plan asks for."""
