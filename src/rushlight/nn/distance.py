"""Distances as layers: they hold the arguments, `functional_distance` computes."""

from __future__ import annotations

from rushlight.nn import functional_distance as D
from rushlight.nn.module import Module
from rushlight.tensor.core import Tensor


class PairwiseDistance(Module):
    """‖x1 − x2 + eps‖ₚ along the last axis.

    >>> import rushlight as torch
    >>> torch.nn.PairwiseDistance(p=1)(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2))
    tensor([7.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distance."""
        return D.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """x1·x2 / (max(‖x1‖, eps)·max(‖x2‖, eps)) along an axis."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The cosine."""
        return D.cosine_similarity(x1, x2, self.dim, self.eps)
