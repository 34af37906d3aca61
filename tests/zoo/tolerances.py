"""How far numbers may be from PyTorch's."""

OUTPUTS, GRADIENTS, IN_DOUBLE = 1e-4, 1e-3, 1e-8
"""By the largest number of each tensor: gradients in one of both precisions."""
DOUBLE = 150_000_000
"""Up to how many parameters gradients are compared in float64, where those of float32 are too far apart."""
