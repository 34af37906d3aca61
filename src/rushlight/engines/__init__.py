"""Who computes a convolution: the NumPy reference or the compiled engine, chosen by `dispatch`."""
