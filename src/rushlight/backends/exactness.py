"""Whether algorithms with other rounding than the plain sum may run.

Winograd's algorithm multiplies a quarter as often and rounds differently: errors of about 1e-6 in the norm instead of
5e-7, and an infinity or NaN of the input spreads over the 4×4 results computed together with it.
"""

from __future__ import annotations

_exact = False


def set_exact(exact: bool) -> None:
    """Allow only algorithms that sum the products of a convolution as they are (True), or Winograd's too (False).

    >>> import rushlight as torch
    >>> torch.set_exact(True); torch.get_exact()
    True
    >>> torch.set_exact(False)
    """
    global _exact
    if not isinstance(exact, bool):
        raise TypeError(f"set_exact(): expected a bool, got {type(exact).__name__}")
    _exact = exact


def get_exact() -> bool:
    """Whether only plain sums are allowed."""
    return _exact
