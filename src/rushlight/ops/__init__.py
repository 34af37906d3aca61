"""What the layers compute: geometry as integers, and the differentiable operations on tensors."""
