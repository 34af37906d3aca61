"""Scenarios that run on both libraries: what is asserted of Rushlight is asserted of PyTorch too."""

import pytest


@pytest.fixture(params=["rushlight", pytest.param("torch", marks=pytest.mark.live)])
def t(request):
    """The library under test; PyTorch where it is installed."""
    return pytest.importorskip(request.param)
