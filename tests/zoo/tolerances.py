"""How far numbers may be from PyTorch's."""

OUTPUTS, GRADIENTS, IN_DOUBLE = 1e-4, 1e-3, 1e-8
"""By the largest number of each tensor: gradients in one of both precisions."""
