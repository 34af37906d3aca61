"""Functions on all parameters of a network at once."""

# ruff: noqa: F401  (this file only shows what the others define)

from rushlight.core import absent as _absent
from rushlight.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_, get_total_norm
from rushlight.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters

__getattr__ = _absent.getter(__name__)
