"""The variables of the environment: a value that means nothing is one line, wherever it is read."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rushlight
from rushlight.core import environment
from rushlight.core.environment import SettingError

LAYER = "import rushlight as torch; torch.nn.Conv2d(3, 8, 3)(torch.zeros(1, 3, 9, 9))"
BAD = {
    "RUSHLIGHT_DEBUG": ["help", "plans", "plan,hex"],
    "RUSHLIGHT_ENGINE": ["help", "fast", "Compiled"],
    "RUSHLIGHT_TARGET": ["help", "avx3"],
    "RUSHLIGHT_POOL_BYTES": ["help", "1G", "-1", "²"],
}
EXPECTED = {
    "RUSHLIGHT_DEBUG": "plan, ir, asm, or several",
    "RUSHLIGHT_ENGINE": "auto, compiled, reference",
    "RUSHLIGHT_TARGET": "one of ",
    "RUSHLIGHT_POOL_BYTES": "a whole number",
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_value_is_one_line(name, value):
    runs = [["-c", LAYER]]
    if name in ("RUSHLIGHT_TARGET", "RUSHLIGHT_POOL_BYTES"):  # an explanation computes nothing, and asks no engine
        runs.append(["-m", "rushlight", "explain", "Conv2d(3, 8, 3)", "1,3,9,9"])
    for words in runs:
        done = subprocess.run([sys.executable, *words], env=os.environ | {name: value}, capture_output=True, text=True)
        assert done.returncode != 0
        [line] = [text for text in done.stderr.splitlines() if text]
        assert f"{name}={value!r} means nothing here" in line and EXPECTED[name] in line


def test_it_can_be_caught(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_POOL_BYTES", "many")
    with pytest.raises(ValueError, match="a whole number") as caught:
        environment.whole_number("RUSHLIGHT_POOL_BYTES")
    assert isinstance(caught.value, SettingError) and isinstance(caught.value, Exception)


@pytest.mark.parametrize("name", BAD)
def test_an_empty_value_is_none(name):
    subprocess.run([sys.executable, "-W", "error", "-c", LAYER], env=os.environ | {name: " "}, check=True)


def test_names_that_are_nearly_right(monkeypatch):
    for name in ("RUSHLIGHT_ENGIN", "RUSHLIGHT_NUM_THREADS", "RUSHLIGHT_SEED", "RUSHLIGHT_SWEEP"):
        monkeypatch.setenv(name, "1")
    lines = environment.misspelt()
    assert [line.split()[0] for line in lines] == ["RUSHLIGHT_ENGIN", "RUSHLIGHT_NUM_THREADS"]
    assert lines[0].endswith("did you mean RUSHLIGHT_ENGINE?") and lines[1].endswith("did you mean OMP_NUM_THREADS?")
    done = subprocess.run([sys.executable, "-c", LAYER], env=os.environ, capture_output=True, text=True)
    assert "RUSHLIGHT_ENGIN is not read" in done.stderr


def test_every_variable_is_listed():
    package = Path(rushlight.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    read = {name for text in texts for name in re.findall(r'"(RUSHLIGHT_[A-Z_]+)"', text)}
    assert read - {environment.PREFIX} == {name for name in environment.VARIABLES if name.startswith("RUSHLIGHT")}
