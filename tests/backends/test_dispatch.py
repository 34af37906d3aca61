"""Choosing an engine: by name, by the environment, and what happens where one is missing."""

import contextvars
import subprocess
import sys
import threading
import warnings

import pytest

import rushlight
from rushlight.backends import reference, registry


@pytest.fixture(autouse=True)
def same_engine_afterwards():
    before = rushlight.get_engine()
    yield
    rushlight.set_engine(before)


def test_by_name():
    rushlight.set_engine("reference")
    assert rushlight.get_engine() == "reference"
    assert registry.current() is reference


def test_unknown_name():
    with pytest.raises(ValueError, match="unknown engine 'cuda'"):
        rushlight.set_engine("cuda")


def test_missing_compiler_warns_once_and_falls_back(monkeypatch):
    monkeypatch.setattr(registry, "_compiled", lambda: (None, "llvmlite is not installed"))
    monkeypatch.setattr(registry, "_warned", False)
    with pytest.warns(RuntimeWarning, match="llvmlite is not installed"):
        rushlight.set_engine("auto")
    assert registry.current() is reference
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rushlight.set_engine("auto")
    with pytest.raises(RuntimeError, match="the compiled engine cannot run here"):
        rushlight.set_engine("compiled")


def test_environment_chooses():
    program = "import rushlight; print(rushlight.get_engine())"
    result = subprocess.run(
        [sys.executable, "-c", program], env={"RUSHLIGHT_ENGINE": "reference"}, capture_output=True, text=True
    )
    assert result.stdout.strip() == "reference", result.stderr


def test_choice_is_put_back_after_using():
    before = registry.current()
    with pytest.raises(KeyError), registry.using(reference):
        raise KeyError
    assert registry.current() is before


@pytest.fixture
def nothing_prepared(tmp_path, monkeypatch):
    """The compiled engine in front of the reference, with every kernel still to be planned and compiled."""
    pytest.importorskip("llvmlite")
    from rushlight.backends import cpu as compiled
    from rushlight.compiler import jit

    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "kernels"))
    compiled._calls.clear()
    jit.forget()
    rushlight.set_engine("auto")


def broken(*_, **__):
    raise ArithmeticError("a bug")


STAGES = ["plan.choose.plan_winograd", "compiler.compiler.compile_object", "compiler.jit.link"]


@pytest.mark.parametrize("stage", [*STAGES, "runtime.launch"])
def test_a_bug_of_the_compiled_engine_is_no_refusal(stage, nothing_prepared, monkeypatch):
    """Whatever fails in planning, compiling or launching is raised: a fallback would hide it."""
    monkeypatch.setattr(f"rushlight.{stage}", broken)
    registry.refusals.clear()
    x = rushlight.ones(1, 16, 9, 9, requires_grad=True)
    with pytest.raises(ArithmeticError, match="a bug"):
        rushlight.nn.functional.conv2d(x, rushlight.ones(16, 16, 3, 3))
    assert not registry.refusals


def test_only_what_is_refused_falls_back(nothing_prepared):
    registry.refusals.clear()
    x, w = rushlight.ones(1, 2, 4, dtype=rushlight.int32), rushlight.ones(3, 2, 2, dtype=rushlight.int32)
    assert rushlight.nn.functional.conv1d(x, w).tolist() == [[[4, 4, 4]] * 3]
    new = list(registry.refusals)
    assert [(refused.engine, refused.kernel) for refused in new] == [("compiled", "fprop")]
    assert "i32 is not compiled" in new[0].reason


def test_a_choice_holds_in_its_context_alone():
    rushlight.set_engine("auto")
    seen = []

    def elsewhere():
        seen.append(rushlight.get_engine())
        rushlight.set_engine("reference")
        seen.append((rushlight.get_engine(), registry.current() is reference))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert rushlight.get_engine() == "auto"
    contextvars.copy_context().run(elsewhere)
    assert rushlight.get_engine() == "auto" and registry.current() is not reference
    assert seen == [registry._resolve()[0], ("reference", True), "auto", ("reference", True)]
