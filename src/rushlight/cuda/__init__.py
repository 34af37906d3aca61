"""Answers for code that asks whether there is a GPU: there is none."""

from rushlight.core import absent as _absent


def is_available() -> bool:
    """False: Rushlight computes on the CPU.

    >>> import rushlight as torch
    >>> torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing to seed."""


manual_seed_all = manual_seed


def synchronize(device: object = None) -> None:
    """Nothing to wait for."""


__getattr__ = _absent.getter(__name__, files=("amp",))
