"""Modules on several devices or processes, of which there is one here: they run the module that they hold."""

from __future__ import annotations

from typing import Any, NoReturn

from rushlight.core import absent as _absent
from rushlight.core.errors import message
from rushlight.nn.module import Module


class DataParallel(Module):
    """Runs its module, as PyTorch's does where there is no GPU; names in state dicts begin with "module.".

    >>> import rushlight as torch
    >>> both = torch.nn.DataParallel(torch.nn.Linear(2, 3))
    >>> both(torch.zeros(1, 2)).shape, list(both.state_dict())
    (torch.Size([1, 3]), ['module.weight', 'module.bias'])
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(Module):
    """To be named and asked about: making one fails as PyTorch's does where no process group is initialised."""

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValueError(
            message(
                "Default process group has not been initialized, please make sure to call init_process_group.",
                "there is one process here, which uses all cores",
                fix="the module as it is",
            )
        )


__getattr__ = _absent.getter(__name__)
