"""The kernel that docs/kernels.md adds, run as it is written there."""

import re
from pathlib import Path

import pytest

from rushlight.plan.target import Target

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"
CODE = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_page_runs_from_top_to_bottom():
    names = {}
    for block in CODE:
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["ratio"] > 0


@pytest.mark.parametrize("isa", ["avx512", "avx2", "x86-64", "neon"])
def test_its_kernel_is_emitted_for_every_machine(isa):
    names = {}
    exec(CODE[0], names)
    text = names["emit"](Target.named(isa)).text()
    assert f"<{Target.named(isa).lanes(4)} x float>" in text


def test_the_files_that_it_names_are_there():
    source = PAGE.parents[1]
    for name in re.findall(r"`((?:src|tests|plan|kernels|backends)/[\w/.]+\.py)`", PAGE.read_text()):
        assert (source / name).exists() or (source / "src/rushlight" / name).exists(), name
