"""Shared set-up: hypothesis without a database or deadlines, and live tests that step aside without PyTorch."""

import os
import signal
import tempfile

# A shell makes what it starts in the background deaf to Ctrl-C, and so the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# One thread a process: pytest-xdist already uses the cores, and small cases gain nothing from more.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Kernels of tests are kept from run to run, outside the user's own cache.
os.environ.setdefault("RUSHLIGHT_CACHE_DIR", os.path.join(tempfile.gettempdir(), "rushlight-tests"))

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "rushlight",
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("rushlight")


@pytest.fixture(scope="session")
def torch():
    """PyTorch on one thread; the test skips where it is not installed."""
    module = pytest.importorskip("torch")
    module.set_num_threads(1)
    return module
