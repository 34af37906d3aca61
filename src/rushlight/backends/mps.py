"""Answers for code that asks whether there is Apple's GPU: there is none."""


def is_available() -> bool:
    """False: Rushlight computes on the CPU.

    >>> import rushlight as torch
    >>> torch.backends.mps.is_available()
    False
    """
    return False


def is_built() -> bool:
    """False."""
    return False
