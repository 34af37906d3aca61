"""Parity with PyTorch 2.13.0: live where it is installed, from small golden files where it is not."""
