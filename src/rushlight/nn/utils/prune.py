"""Pruning: entries of a parameter set to zero by a mask, which stays beside it.

In: a module, the name of a parameter, and how much of it goes. Out: the module with the parameter `<name>_orig` and the
buffer `<name>_mask`, from which a hook before each call makes `<name>`. `remove` makes it a parameter again. Numbers
are drawn, and ties broken, as far as they can be as in PyTorch.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from rushlight.nn.module import Module
from rushlight.nn.utils.convert_parameters import parameters_to_vector
from rushlight.random import rand, rand_like
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import ones_like, zeros_like
from rushlight.tensor.layout import contiguous_format
from rushlight.tensor.ordering import topk

Amount = int | float


class BasePruningMethod(ABC):
    """A way to prune: the hook that masks the parameter before each call. Subclasses give `compute_mask`.

    `PRUNING_TYPE` says what the mask is computed of where something is pruned already: of the entries that are left
    ("unstructured"), of the slices along `dim` that are ("structured"), or of everything ("global").
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of a tensor, given the one that there is already."""

    def apply_mask(self, module: Module) -> Tensor:
        """The original times the mask."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        mask, original = getattr(module, f"{self._tensor_name}_mask"), getattr(module, f"{self._tensor_name}_orig")
        return mask.to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune a parameter of a module by a method made with these arguments; what there is already counts.

        Where something fails, the module is left as it was.
        """
        found = [key for key, hook in module._forward_pre_hooks.items() if _is_of(hook, name)]
        if len(found) > 1:
            raise AssertionError(f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}.")
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        original = getattr(module, name)
        if importance_scores is not None and importance_scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter                 {name} of {module}"
            )
        scores = original if importance_scores is None else importance_scores
        if found:
            existing = module._forward_pre_hooks[found[0]]
            joined = PruningContainer()
            joined._tensor_name = name
            for part in [*(existing if isinstance(existing, PruningContainer) else [existing]), method]:
                joined.add_pruning_method(part)
            method = joined
            before = getattr(module, f"{name}_mask").detach().clone(memory_format=contiguous_format)
        else:
            before = ones_like(original.detach())
        mask = method.compute_mask(scores.detach(), before)
        if found:
            del module._forward_pre_hooks[found[0]]
        else:
            del module._parameters[name]
            module.register_parameter(f"{name}_orig", original)
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A tensor with the mask applied; no module is needed."""
        if importance_scores is not None and importance_scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(t if importance_scores is None else importance_scores, default_mask=mask)

    def remove(self, module: Module) -> None:
        """Make the parameter what it is now, without mask."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned            before pruning can be removed")
        name, weight = self._tensor_name, self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters[f"{name}_orig"]
        original.data = weight.data
        del module._parameters[f"{name}_orig"], module._buffers[f"{name}_mask"]
        setattr(module, name, original)


def _is_of(hook: Any, name: str) -> bool:
    return isinstance(hook, BasePruningMethod) and hook._tensor_name == name


class PruningContainer(BasePruningMethod):
    """Several methods, one after the other, on one parameter."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add one; TypeError for what is none, ValueError where it is for another parameter."""
        if method is not None and not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on "
                f"the parameter named '{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask that there is, with what the last method takes away of the rest."""
        method = self._pruning_methods[-1]
        if method.PRUNING_TYPE not in ("unstructured", "structured", "global"):
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask = default_mask.to(t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            left: Any = mask == 1
        elif method.PRUNING_TYPE == "structured":
            if not hasattr(method, "dim"):
                raise AttributeError(
                    'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
                )
            axis = method.dim % t.dim()
            others = [other for other in range(t.dim()) if other != axis]
            left = tuple([slice(None)] * axis + [mask.sum(others) != 0])
        else:
            left = tuple([slice(None)] * t.dim())
        mask = mask.clone()
        mask[left] = method.compute_mask(t[left], default_mask=mask[left]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing: gives a parameter its mask."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask that there is."""
        return default_mask

    @classmethod
    def apply(cls, module: Module, name: str) -> BasePruningMethod:  # type: ignore[override]
        """Prune nothing of a parameter."""
        return super().apply(module, name)


class _OfAmount(BasePruningMethod):
    """Methods that are told how much goes: a fraction, or a number of entries or slices."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: Amount) -> None:
        _check_amount(amount)
        self.amount = amount

    def _count(self, size: int) -> int:
        """How many of `size` go."""
        count = round(self.amount * size) if not isinstance(self.amount, numbers.Integral) else int(self.amount)
        if count > size:
            raise ValueError(f"amount={self.amount} should be smaller than the number of parameters to prune={size}")
        return count


def _check_amount(amount: Amount) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if (isinstance(amount, numbers.Integral) and amount < 0) or (
        not isinstance(amount, numbers.Integral) and not 0.0 <= float(amount) <= 1.0
    ):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


class RandomUnstructured(_OfAmount):
    """Prunes entries by chance."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without entries that are drawn."""
        count, mask = self._count(t.numel()), default_mask.clone(memory_format=contiguous_format)
        if count:
            mask.view(-1)[topk(rand_like(t.detach()).view(-1), k=count)[1]] = 0
        return mask


class L1Unstructured(_OfAmount):
    """Prunes the entries that are nearest to 0."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without the least entries."""
        count, mask = self._count(t.numel()), default_mask.clone(memory_format=contiguous_format)
        if count:
            mask.view(-1)[topk(t.abs().reshape(-1), k=count, largest=False)[1]] = 0
        return mask

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: Amount, importance_scores: Tensor | None = None
    ) -> BasePruningMethod:
        """Prune the least entries of a parameter, or those of the least scores."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class _Structured(_OfAmount):
    """Methods that prune whole slices along an axis."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Amount, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _slices(self, t: Tensor) -> int:
        """How many slices go."""
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. "
                f"Found tensor of shape {t.shape} with {t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        return self._count(t.shape[self.dim])

    def _masked(self, t: Tensor, kept: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the slices that are kept, times the one that there is."""
        mask = zeros_like(t.detach())
        mask[tuple([slice(None)] * (self.dim % t.dim()) + [kept])] = 1
        return mask.to(default_mask.dtype) * default_mask


class RandomStructured(_Structured):
    """Prunes slices along an axis by chance."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without slices that are drawn."""
        count = self._slices(t)
        if not count:
            return default_mask
        drawn = rand(t.shape[self.dim])
        return self._masked(t, drawn > drawn.sort()[0][count - 1], default_mask)


class LnStructured(_Structured):
    """Prunes the slices along an axis that have the least norms of order n."""

    def __init__(self, amount: Amount, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without the slices of the least norms."""
        count = self._slices(t)
        if not count:
            return default_mask
        axis = self.dim % t.dim()
        norms = t.detach().norm(self.n, [other for other in range(t.dim()) if other != axis])
        return self._masked(t, topk(norms, k=t.shape[self.dim] - count, largest=True)[1], default_mask)

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: Amount, n: Any, dim: int, importance_scores: Tensor | None = None
    ) -> BasePruningMethod:
        """Prune the slices of the least norms of a parameter, or of its scores."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes what a mask says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Both masks."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(f"mask {tuple(self.mask.shape)} for a tensor {tuple(default_mask.shape)}")
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: Module, name: str) -> Module:
    """Give a parameter a mask of ones; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: Amount) -> Module:
    """Prune entries of a parameter by chance: a fraction of them, or a number; returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: Amount, importance_scores: Tensor | None = None) -> Module:
    """Prune the entries of a parameter that are nearest to 0, or have the least scores; returns the module.

    >>> import rushlight as torch
    >>> layer = torch.nn.utils.prune.l1_unstructured(torch.nn.Linear(2, 3), "weight", amount=0.5)
    >>> int((layer.weight == 0).sum()), sorted(layer.state_dict())
    (3, ['bias', 'weight_mask', 'weight_orig'])
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: Amount, dim: int) -> Module:
    """Prune slices of a parameter along an axis by chance; returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: Amount, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prune the slices of a parameter along an axis that have the least norms of order n; returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune the entries of a parameter where a mask is 0; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune the entries of several parameters, (module, name) each, as if they were one.

    Raises TypeError for what is no list of pairs, no dictionary of scores, or a method of slices.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    parameters = list(parameters)
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    tensors = [getattr(module, name) for module, name in parameters]
    of_all = parameters_to_vector(
        [scores.get((module, name), tensor) for (module, name), tensor in zip(parameters, tensors)]
    )
    before = [getattr(module, f"{name}_mask", ones_like(t.detach())) for (module, name), t in zip(parameters, tensors)]
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for '
            f"the `pruning_method`. Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    container.add_pruning_method(method)
    mask = container.compute_mask(of_all.detach(), parameters_to_vector(before))
    start = 0
    for (module, name), tensor in zip(parameters, tensors):
        custom_from_mask(module, name, mask=mask[start : start + tensor.numel()].view(tensor.shape))
        start += tensor.numel()


def remove(module: Module, name: str) -> Module:
    """Make a pruned parameter a plain one, with its zeros; ValueError where it is not pruned."""
    for key, hook in module._forward_pre_hooks.items():
        if _is_of(hook, name):
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    """Whether a module, or one below it, has a pruned parameter."""
    return any(
        isinstance(hook, BasePruningMethod) for part in module.modules() for hook in part._forward_pre_hooks.values()
    )
