"""Probability distributions: numbers drawn from them as PyTorch draws them, their densities, and how they differ.

In: parameters, as tensors or numbers. Out: tensors, through which gradients flow to the parameters.
"""

from rushlight.core import absent as _absent
from rushlight.distributions.bernoulli import Bernoulli
from rushlight.distributions.categorical import Categorical
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.divergence import kl_divergence, register_kl
from rushlight.distributions.normal import Normal
from rushlight.distributions.uniform import Uniform

__all__ = ["Bernoulli", "Categorical", "Distribution", "Normal", "Uniform", "kl_divergence", "register_kl"]

__getattr__ = _absent.getter(__name__)
