"""Losses that are negative logarithms of a likelihood as layers: they hold the arguments, `functional_likelihood`
computes."""

from __future__ import annotations

from rushlight.nn import functional_likelihood as L
from rushlight.nn.loss import Flag, _Loss
from rushlight.tensor.core import Tensor


class PoissonNLLLoss(_Loss):
    """exp(input) − target·input, or without `log_input` input − target·ln(input + eps); `full` adds ln(target!)."""

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: Flag = None,
        eps: float = 1e-8,
        reduce: Flag = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        options = {"eps": self.eps, "reduction": self.reduction}
        return L.poisson_nll_loss(log_input, target, self.log_input, self.full, **options)


class GaussianNLLLoss(_Loss):
    """(ln(var) + (input − target)² / var) / 2, the variance no less than eps; `full` adds ln(2π) / 2.

    >>> import rushlight as torch
    >>> torch.nn.GaussianNLLLoss()(torch.zeros(2), torch.tensor([1.0, 3.0]), torch.ones(2))
    tensor(2.5000)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """The loss."""
        return L.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)
