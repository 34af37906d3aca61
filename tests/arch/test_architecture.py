"""docs/architecture.md: the way that it describes is the way that a call takes; its picture and links are right."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

import rushlight as torch
from tests.arch.test_structure import PACKAGE, height

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
STOPS = re.findall(r"^\| (\w+) \| `([\w/.]+)` \| `(\w+)` \|", PAGE, re.MULTILINE)


def way(layer, x):
    """The functions of this package that a call runs, in their order."""
    found = []

    def see(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            found.append((Path(frame.f_code.co_filename).relative_to(PACKAGE).as_posix(), frame.f_code.co_name))

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        layer(x)
    finally:
        sys.setprofile(before)
    return found


def test_a_call_takes_the_way_that_is_described():
    layer, x = torch.nn.Conv2d(32, 32, 1), torch.randn(2, 32, 9, 9)
    layer(x)
    followed = iter(way(layer, x))
    assert len(STOPS) > 8
    for floor, file, function in STOPS:
        assert file.split("/")[0] == floor
        assert (file, function) in followed, f"{file} {function} does not follow what stands above it"


def test_the_way_goes_down():
    """Up to the launch; what comes after it is on the way back."""
    files = [file for _, file, _ in STOPS if not file.startswith(("tensor/", "autograd/"))]
    heights = [height(f"rushlight.{file.removesuffix('.py').replace('/', '.')}") for file in files]
    assert heights[0] == max(heights) and heights[-1] == min(heights[4:])


def test_the_picture_is_of_these_floors():
    spec = importlib.util.spec_from_file_location("make_architecture", ROOT / "docs" / "make_architecture.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PICTURE.read_text() == script.picture(), "python docs/make_architecture.py"


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", (ROOT / "docs" / page).read_text()):
        assert (ROOT / "docs" / target).exists(), target
