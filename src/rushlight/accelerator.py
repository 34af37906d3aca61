"""Answers for code that asks for the machine's accelerator: there is none."""

from rushlight.core import absent as _absent


def is_available() -> bool:
    """False: Rushlight computes on the CPU.

    >>> import rushlight as torch
    >>> torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
    'cpu'
    """
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None: there is none."""


def synchronize(device: object = None) -> None:
    """Nothing to wait for."""


__getattr__ = _absent.getter(__name__)
