"""Normalisation layers: the learned scale and shift, and the running statistics; `functional_norm` computes."""

from __future__ import annotations

from typing import Any

from rushlight.core import dtypes
from rushlight.nn import functional_norm as N
from rushlight.nn import init
from rushlight.nn.lazy import LazyModuleMixin
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter, is_lazy
from rushlight.ops.normalization import After
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import empty, ones, tensor, zeros


class _ScaledNorm(Module):
    """What all norms share: a learned scale and shift, each of which may be None."""

    weight: Tensor | None
    bias: Tensor | None

    def _register_scale(self, shape: int | tuple[int, ...], affine: bool, bias: bool, **options: Any) -> None:
        self.register_parameter("weight", Parameter(empty(shape, **options)) if affine else None)
        self.register_parameter("bias", Parameter(empty(shape, **options)) if affine and bias else None)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _RunningNorm(_ScaledNorm):
    """Batch and instance norm: scale, shift, and the running mean and variance as buffers."""

    _version = 2
    _dims: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        options = {"device": device, "dtype": dtype}
        self._register_scale(num_features, affine, bias, **options)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **options) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **options) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=dtypes.int64) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batches seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, and fresh statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_dims(self, input: Tensor) -> None:
        if input.dim() not in self._dims:
            wanted = " or ".join(f"{n}D" for n in self._dims)
            raise ValueError(f"expected {wanted} input (got {input.dim()}D input)")

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, *rest: Any) -> None:
        key = prefix + "num_batches_tracked"
        if self.num_batches_tracked is not None and (local_metadata.get("version") or 1) < 2:
            # Written before this buffer existed.
            state_dict.setdefault(key, self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_RunningNorm):
    def forward(self, input: Tensor) -> Tensor:
        """Normalise with this batch's statistics in training, with the running ones in evaluation."""
        return self.normalized(input)

    def normalized(self, input: Tensor, after: After | None = None) -> Tensor:
        """The same, with an activation behind it in the same pass over memory."""
        self._check_dims(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats:
            N.count_batch(self.num_batches_tracked)
            if self.momentum is None:  # the plain mean over all batches
                momentum = 1.0 / float(self.num_batches_tracked)
        mean, variance = self.running_mean, self.running_var
        by_batch = self.training or (mean is None and variance is None)
        if self.training and not self.track_running_stats:
            mean = variance = None
        return N.normalized_batch(input, mean, variance, self.weight, self.bias, by_batch, momentum, self.eps, after)


_BATCH_DOC = """Normalises each channel over the batch{positions}: (x − mean) / √(var + eps), scaled and shifted.

In training the mean and variance are the batch's, and the running ones move towards them by `momentum` (None:
they are the plain mean of all batches); in evaluation they are the running ones. From Ioffe & Szegedy,
"Batch normalization" (2015).

Shapes: {shapes}. Raises ValueError for another number of axes, and in training with one value a channel.

>>> import rushlight as torch
>>> torch.nn.{name}(3)(torch.rand({example})).shape
torch.Size([{example}])
"""


class BatchNorm1d(_BatchNorm):
    _dims = (2, 3)
    __doc__ = _BATCH_DOC.format(
        positions=" (and positions)",
        shapes="(batch, channels) or (batch, channels, L)",
        name="BatchNorm1d",
        example="8, 3, 5",
    )


class BatchNorm2d(_BatchNorm):
    _dims = (4,)
    __doc__ = _BATCH_DOC.format(
        positions=" and positions", shapes="(batch, channels, H, W)", name="BatchNorm2d", example="8, 3, 5, 5"
    )


class BatchNorm3d(_BatchNorm):
    _dims = (5,)
    __doc__ = _BATCH_DOC.format(
        positions=" and positions", shapes="(batch, channels, D, H, W)", name="BatchNorm3d", example="2, 3, 4, 4, 4"
    )


class _LazyBatchNorm(LazyModuleMixin):
    """num_features from the first input: what the lazy batch norms share."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine = affine
        self.track_running_stats = track_running_stats
        options = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**options)
            self.bias = UninitializedParameter(**options) if bias else None
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**options)
            self.running_var = UninitializedBuffer(**options)
            self.num_batches_tracked = tensor(0, dtype=dtypes.int64)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, fresh statistics; nothing happens before their shape is known."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Give everything the shape that fits this input."""
        if not self.has_uninitialized_params():
            return
        self._check_dims(input)
        self.num_features = input.shape[1]
        for entry in (self.weight, self.bias, self.running_mean, self.running_var):
            if is_lazy(entry):
                entry.materialize((self.num_features,))
        self.reset_parameters()

    def sizes_from_parameters(self) -> None:
        """Read the number of channels off what has been loaded."""
        known = self.weight if self.weight is not None else self.running_mean
        if known is not None:
            self.num_features = known.shape[0]


_LAZY_DOC = """A {name} whose num_features is that of its first input; then it is a `{name}`."""


class LazyBatchNorm1d(_LazyBatchNorm, BatchNorm1d):
    __doc__ = _LAZY_DOC.format(name="BatchNorm1d")
    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyBatchNorm, BatchNorm2d):
    __doc__ = _LAZY_DOC.format(name="BatchNorm2d")
    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyBatchNorm, BatchNorm3d):
    __doc__ = _LAZY_DOC.format(name="BatchNorm3d")
    cls_to_become = BatchNorm3d


class SyncBatchNorm(_BatchNorm):
    """Batch norm over all processes of a group; there is one process here, so it is the batch norm of any rank.

    Shapes: (N, C, …) → the same. Raises ValueError for fewer than two axes, for no channels.

    >>> import rushlight as torch
    >>> torch.nn.SyncBatchNorm(3)(torch.rand(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_dims(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if input.shape[1] == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with a SyncBatchNorm, of the same parameters, in place of each batch norm."""
        result = module
        if isinstance(module, _BatchNorm):
            numbers = module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats
            result = cls(*numbers, process_group, bias=module.bias is not None)
            result.weight, result.bias = module.weight, module.bias
            result.running_mean, result.running_var = module.running_mean, module.running_var
            result.num_batches_tracked = module.num_batches_tracked
            result.training = module.training
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result


class _InstanceNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel of each sample over its positions."""
        self._check_dims(input)
        unbatched = input.dim() == self._dims[0]
        result = N.instance_norm(
            input.unsqueeze(0) if unbatched else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum,
            self.eps,
        )
        return result.squeeze(0) if unbatched else result


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sample of (batch, channels, L) or (channels, L) over its positions."""

    _dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalises each channel of each sample of (batch, channels, H, W) or (channels, H, W) over its positions."""

    _dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalises each channel of each sample of (batch, channels, D, H, W) or (channels, D, H, W)."""

    _dims = (4, 5)


class LazyInstanceNorm1d(_LazyBatchNorm, InstanceNorm1d):
    __doc__ = _LAZY_DOC.format(name="InstanceNorm1d")
    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyBatchNorm, InstanceNorm2d):
    __doc__ = _LAZY_DOC.format(name="InstanceNorm2d")
    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyBatchNorm, InstanceNorm3d):
    __doc__ = _LAZY_DOC.format(name="InstanceNorm3d")
    cls_to_become = InstanceNorm3d


class LayerNorm(_ScaledNorm):
    """Normalises over the last axes, those of `normalized_shape`, with a scale and a shift for each number there.

    From Ba, Kiros & Hinton, "Layer normalization" (2016).

    >>> import rushlight as torch
    >>> bool(torch.nn.LayerNorm(4)(torch.tensor([[1.0, 2.0, 3.0, 4.0]])).sum().abs() < 1e-6)
    True
    """

    def __init__(
        self,
        normalized_shape: int | list[int] | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._register_scale(shape, elementwise_affine, bias, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """The input normalised."""
        return N.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides by the root of the mean square over the last axes, those of `normalized_shape`, and scales each number.

    Without `eps` that of the input's type is added to the mean square. From Zhang & Sennrich, "Root mean square layer
    normalization" (2019).

    >>> import rushlight as torch
    >>> torch.nn.RMSNorm(2)(torch.tensor([[3.0, 3.0]]))
    tensor([[1., 1.]], grad_fn=<FusedRmsNormBackward0>)
    """

    def __init__(
        self,
        normalized_shape: int | list[int] | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter(
            "weight", Parameter(empty(shape, device=device, dtype=dtype)) if elementwise_affine else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """The input normalised."""
        return N.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_ScaledNorm):
    """Normalises each of `num_groups` groups of channels of each sample, with a scale and a shift a channel.

    From Wu & He, "Group normalization" (2018). ValueError where the groups do not come out even.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._register_scale(num_channels, affine, bias, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """The input normalised."""
        return N.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
