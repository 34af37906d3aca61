"""Answers for code that asks for cuDNN, and switches that it sets: there is none, and they change nothing.

Sums have one order whatever the threads, so that results are the same in every run without `deterministic`."""

enabled = benchmark = deterministic = allow_tf32 = False


def is_available() -> bool:
    """False: Rushlight computes on the CPU.

    >>> import rushlight as torch
    >>> torch.backends.cudnn.benchmark = True
    >>> torch.backends.cudnn.is_available()
    False
    """
    return False


def version() -> None:
    """None: there is none."""
