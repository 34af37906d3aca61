"""What to install for what is missing: one text, which is right from a clone and from anywhere else."""

from __future__ import annotations

EXTRAS = {"ml_dtypes": "bfloat16", "matplotlib": "train", "tqdm": "train"}  # package: the extra that brings it


def how_to_install(package: str) -> str:
    """The command that installs a package which Rushlight can use.

    >>> how_to_install("matplotlib")
    "python -m pip install matplotlib (or in a clone of rushlight: python -m pip install '.[train]')"
    """
    extra = EXTRAS.get(package)
    clone = f" (or in a clone of rushlight: python -m pip install '.[{extra}]')" if extra else ""
    return f"python -m pip install {package}{clone}"
