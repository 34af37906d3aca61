"""The differentiable operations of the layer family on tensors; what is legal and how large it is say `rules`."""
