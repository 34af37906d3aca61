"""Shared set-up: hypothesis without a database or deadlines, and live tests that step aside without PyTorch."""

import atexit
import os
import shutil
import signal
import tempfile

# A shell makes what it starts in the background deaf to Ctrl-C, and so the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# One thread a process: pytest-xdist already uses the cores, and small cases gain nothing from more.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

from rushlight.compiler.seal import own_folders
from rushlight.core.private_folder import open_folder


def kernels():
    """A folder for kernels of tests, kept from run to run, outside the user's own, where nobody else can put any."""
    for path in own_folders("cache"):
        try:
            with open_folder(path + "-tests") as where:
                return where.path
        except OSError:
            continue
    path = tempfile.mkdtemp(prefix="rushlight-tests-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


if "RUSHLIGHT_CACHE_DIR" not in os.environ:  # workers of pytest-xdist inherit it
    os.environ["RUSHLIGHT_CACHE_DIR"] = kernels()

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
