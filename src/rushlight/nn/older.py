"""What layers gained over the years: attributes that a layer saved by an earlier version (or by PyTorch) lacks.

In: a module, and the state that it was saved with. Out: the state that today's class needs.
"""

from __future__ import annotations

from typing import Any

# By the name of the class, or of a class that it is derived from: the attribute's name, and its value as it was before.
_GAINED: dict[str, dict[str, Any]] = {
    "_ConvNd": {"padding_mode": "zeros"},
    "_BatchNorm": {"affine": True, "track_running_stats": True},
    "_InstanceNorm": {"affine": False, "track_running_stats": False},
    "MaxPool1d": {"dilation": 1, "return_indices": False, "ceil_mode": False},
    "MaxPool2d": {"dilation": 1, "return_indices": False, "ceil_mode": False},
    "MaxPool3d": {"dilation": 1, "return_indices": False, "ceil_mode": False},
    "AvgPool1d": {"ceil_mode": False, "count_include_pad": True, "divisor_override": None},
    "AvgPool2d": {"ceil_mode": False, "count_include_pad": True, "divisor_override": None},
    "AvgPool3d": {"ceil_mode": False, "count_include_pad": True, "divisor_override": None},
    "GELU": {"approximate": "none"},
    "ReLU": {"inplace": False},
    "Hardtanh": {"inplace": False},
    "LeakyReLU": {"inplace": False},
    "ELU": {"inplace": False},
    "SELU": {"inplace": False},
    "SiLU": {"inplace": False},
    "Mish": {"inplace": False},
    "Hardswish": {"inplace": False},
    "Hardsigmoid": {"inplace": False},
    "_DropoutNd": {"inplace": False},
    "Softplus": {"beta": 1, "threshold": 20},
    "Softmax": {"dim": None},
    "LogSoftmax": {"dim": None},
    "Softmin": {"dim": None},
    "Flatten": {"start_dim": 1, "end_dim": -1},
    "LayerNorm": {"elementwise_affine": True},
    "CrossEntropyLoss": {"label_smoothing": 0.0, "ignore_index": -100},
    "NLLLoss": {"ignore_index": -100},
    "KLDivLoss": {"log_target": False},
    "SmoothL1Loss": {"beta": 1.0},
    "_Loss": {"reduction": "mean"},
}


def completed(module: Any, state: dict[str, Any]) -> dict[str, Any]:
    """The state with what the module's class gained since."""
    gained: dict[str, Any] = {}
    for base in reversed(type(module).__mro__):
        gained.update(_GAINED.get(base.__name__, {}))
    return {**gained, **state}
