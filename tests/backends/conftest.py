"""Teams of any size, whatever the machine: a third thread on two cores finds races that two do not."""

import pytest

from rushlight.runtime import cpus


@pytest.fixture(autouse=True)
def as_many_threads_as_asked_for(monkeypatch):
    monkeypatch.setattr(cpus, "_allowed", lambda: 8)
    cpus.refresh()
    yield
    monkeypatch.undo()
    cpus.refresh()
