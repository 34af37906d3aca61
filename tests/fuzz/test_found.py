"""What exploring has found (`python -m tests.fuzz.explore`), and what users have: right ever after."""

import json

import pytest

pytest.importorskip("llvmlite")

from tests import instruction_sets
from tests.fuzz.explore import FOUND
from tests.fuzz.layers import Layer

CASES = {name: Layer.of(row) for name, row in json.loads(FOUND.read_text()).items()}


@pytest.mark.parametrize("isa", instruction_sets.every())
@pytest.mark.parametrize("name", CASES)
def test_found(name, isa, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", isa)
    assert CASES[name].fault() is None
