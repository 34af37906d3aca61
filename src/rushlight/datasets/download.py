"""Fetching a published file: addresses and a checksum come in, a file that matches it lies there afterwards."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from pathlib import Path

from rushlight.core.atomic_file import replacing
from rushlight.core.errors import message

_TIMEOUT = 30.0  # seconds without a byte
_PIECE = 1 << 16


def fetch(addresses: list[str], target: Path, md5: str) -> None:
    """Fetch `target` from the first of the addresses that gives the right bytes.

    Raises RuntimeError with the reason of each failure; nothing is left behind then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for address in addresses:
        try:
            return _fetch_from(address, target, md5)
        except (OSError, ValueError) as problem:
            failures.append(f"{address}: {getattr(problem, 'reason', None) or problem}")
    raise RuntimeError(
        message(
            f"Error downloading {target.name}",
            *failures,
            fix=f"fetch the file by other means and put it into {target.parent}",
        )
    )


def _fetch_from(address: str, target: Path, md5: str) -> None:
    # The checksum says which file it is; it guards against accidents, not against attacks.
    digest = hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(address, timeout=_TIMEOUT) as response, replacing(target) as file:
        while piece := response.read(_PIECE):
            digest.update(piece)
            file.write(piece)
        if digest.hexdigest() != md5:
            raise ValueError(f"its checksum is {digest.hexdigest()}, expected {md5}")
