"""What kernels are emitted as has changed only where `golden.json` says so."""

import json

import pytest

from . import golden


@pytest.mark.parametrize("isa", golden.MACHINES)
def test_the_text_of_every_kernel(isa):
    """If the change is meant: `python -m tests.kernels.golden`, and the commit says what it is for."""
    assert golden.hashes(isa) == json.loads(golden.FILE.read_text())[isa]
