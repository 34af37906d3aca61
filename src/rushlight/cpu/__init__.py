"""Answers for code that asks about the CPU as it asks about a GPU."""

from rushlight.core import absent as _absent


def is_available() -> bool:
    """True.

    >>> import rushlight as torch
    >>> torch.cpu.is_available(), torch.cpu.device_count(), torch.cpu.current_device()
    (True, 1, 'cpu')
    """
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """ "cpu"."""
    return "cpu"


def synchronize(device: object = None) -> None:
    """Nothing to wait for."""


__getattr__ = _absent.getter(__name__, files=("amp",))
