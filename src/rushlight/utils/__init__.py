"""What surrounds a network: `utils.data` brings the data in."""

# ruff: noqa: F401  (this file only shows what the others define)

from rushlight.core import absent as _absent
from rushlight.utils import data, dlpack

__getattr__ = _absent.getter(__name__, files=("checkpoint",))
