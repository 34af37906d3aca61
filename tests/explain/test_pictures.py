"""Pictures: what is drawn is what the layer does; in Chromium they move, and the slider moves them."""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from itertools import product

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.explain.facts import facts_of
from rushlight.explain.pictures.scatter import added, spreading
from rushlight.explain.pictures.view import view_of
from rushlight.explain.pictures.windows import ROOM, moving
from rushlight.explain.reading import ADAPTIVE, OTHER, of_module

from .layers import draw

CASES = [
    ("Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1))", (20, 16, 50, 100)),
    ("Conv2d(3, 8, 3, stride=2, padding=1)", (1, 3, 8, 8)),
    ("Conv1d(4, 6, 3, stride=2, padding=1, groups=2)", (1, 4, 17)),
    ("Conv1d(256, 512, 5, dilation=300, padding='same')", (1, 256, 16000)),
    ("Conv1d(1, 1, 1001)", (1, 1, 16000)),
    ("Conv3d(2, 4, 3, padding=1)", (1, 2, 5, 6, 6)),
    ("LazyConv2d(64, 3, padding=1, groups=32)", (32, 28, 28)),
    ("ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1)", (1, 16, 4, 4)),
    ("ConvTranspose1d(4, 4, 4, stride=3, padding=1, groups=4)", (1, 4, 100)),
    ("ConvTranspose3d(2, 2, 2, stride=2)", (1, 2, 2, 3, 3)),
    ("Linear(20, 30)", (128, 20)),
    ("Flatten()", (32, 3, 4, 5)),
    ("Unfold((2, 3), padding=1)", (1, 2, 5, 6)),
    ("Fold((4, 5), 2)", (1, 12, 12)),
    ("F.pad(x, (2, 3), mode='reflect')", (1, 2, 9)),
    ("F.pad(x, (2, 1, 1, 2), mode='circular')", (1, 2, 5, 6)),
    ("F.pad(x, (1, -1))", (4, 5)),
    ("Conv2d(16, 33, 9)", (20, 50, 5, 16)),
    ("MaxPool2d(3, 2, 1)", ("N", 16, 20, 23)),
    ("AvgPool1d(3, padding=1, ceil_mode=True)", (2, 3, 19)),
    ("AvgPool3d(2)", (1, 2, 4, 6, 6)),
    ("AdaptiveAvgPool2d((5, 7))", (1, 3, 13, 9)),
    ("BatchNorm2d(16)", ("N", 16, 20, 20)),
]


@pytest.mark.parametrize(("layer", "x"), CASES, ids=[layer for layer, _ in CASES])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_way_has_a_picture(layer, x, language):
    found = torch.explain(layer, x)
    svg = found.svg(language)
    root = ET.fromstring(svg)
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert len(svg) < 150_000
    if not found.error and found.facts.way not in (ADAPTIVE, OTHER):
        assert root.findall("{http://www.w3.org/2000/svg}g")
    assert found.svg(language) == svg
    fragment = found._repr_html_()
    assert "<svg" in fragment and "<pre>" in fragment


def test_random_layers_have_pictures():
    for seed in range(150):
        layer, x = draw(seed)
        ET.fromstring(torch.explain(layer, x).svg())


@pytest.mark.parametrize("seed", range(0, 280, 14))
def test_views_are_faithful(seed):
    """Every window that is drawn is drawn wholly, at its own positions; what is drawn is within the padded input."""
    layer, x = draw(seed)
    for axis, (room, most) in zip(facts_of(of_module(layer), x).axes, ROOM[layer.rank]):
        windows = moving(axis)
        view = view_of(windows, room, most)
        assert len(view.windows) <= most
        assert all(windows.first <= p < windows.end for p in view.positions if p is not None)
        for window in view.windows:
            assert 0 <= window < axis.out
            assert set(windows.positions(window)) <= set(view.positions) or axis.numbers["taps"] > room


def test_long_axes_show_both_ends():
    facts = facts_of(of_module(nn.Conv2d(1, 1, (3, 5), (2, 1), (4, 2), (3, 1))), (1, 1, 50, 100))
    height, width = (view_of(moving(axis), 17, 7) for axis in facts.axes)
    assert (height.positions[0], height.positions[-1], None in height.positions) == (-4, 53, True)
    assert height.windows[-1] == 25
    assert width.windows[-1] == 99


@pytest.mark.parametrize("seed", range(5, 285, 14))
def test_products_of_a_transposed_axis(seed):
    """The counts in the cells are what a layer of ones gives."""
    layer, x = draw(seed)
    layer.bias = None
    layer(torch.zeros(x))
    nn.init.ones_(layer.weight)
    lead = (1,) * (len(x) - layer.rank)
    one = torch.nn.functional
    call = getattr(one, f"conv_transpose{layer.rank}d")
    facts = facts_of(of_module(layer), x)
    y = call(
        torch.ones((*lead, *x[-layer.rank :])), torch.ones((1, 1, *layer.kernel_size)), None, layer.stride,
        layer.padding, layer.output_padding, 1, layer.dilation,
    )  # fmt: skip
    for position in product(*(range(axis.out) for axis in facts.axes)):
        counts = 1
        for axis, p in zip(facts.axes, position):
            counts *= added(axis, p)
        assert y[(*(0,) * len(lead), *position)].item() == counts
    assert all(spreading(axis).end >= axis.out for axis in facts.axes)


# -- in a browser


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    f"--{flag}"
    for flag in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", "hide-scrollbars",
    )
]  # fmt: skip
browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


def chromium(tmp_path, *arguments):
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@browser
def test_slider_and_animation(tmp_path):
    """Three pages in one run: the page's own script plays, the slider is moved, and the picture alone is animated."""
    found = torch.explain("Conv2d(3, 8, 3, stride=2, padding=1)", (1, 3, 8, 8))
    probe = """
    <pre id="seen"></pre><script>
    setTimeout(function () {
      var seen = [], svgs = document.querySelectorAll("svg"), slider = document.querySelector("input");
      function shown(svg) {
        return Array.from(svg.querySelectorAll("g.f")).findIndex(g => getComputedStyle(g).visibility == "visible");
      }
      function count(svg) {
        return Array.from(svg.querySelectorAll("g.f")).filter(g => getComputedStyle(g).visibility == "visible").length;
      }
      seen.push("played", shown(svgs[0]));
      slider.value = 7; slider.dispatchEvent(new Event("input"));
      seen.push("slid", shown(svgs[0]), count(svgs[0]));
      var a = svgs[1].getAnimations({subtree: true});
      a.forEach(function (one) { one.pause(); one.currentTime = 0; });
      seen.push("start", shown(svgs[1]), count(svgs[1]));
      a.forEach(function (one) { one.currentTime = 900 * 5 + 100; });
      seen.push("later", shown(svgs[1]), count(svgs[1]), "of", a.length);
      document.getElementById("seen").textContent = seen.join(" ");
    }, 2200);
    </script>"""
    other = torch.explain("Conv2d(3, 8, 3, padding=1)", (1, 3, 5, 5))
    file = tmp_path / "page.html"
    file.write_text(found.html().replace("</body>", f"{other.svg()}{probe}</body>"), encoding="utf-8")
    page = chromium(tmp_path, "--virtual-time-budget=4000", "--dump-dom", f"file://{file}")
    words = re.search(r'<pre id="seen">(.*?)</pre>', page).group(1).split()
    played, slid, slid_count, start, start_count, later, later_count, frames = (
        int(words[i]) for i in (1, 3, 4, 6, 7, 9, 10, 12)
    )
    assert 1 <= played <= 3
    assert (slid, slid_count) == (7, 1)
    assert (start, start_count, later, later_count) == (0, 1, 5, 1)
    assert frames == 25


@browser
def test_pictures_render(tmp_path):
    """Each kind of picture on one page, in light and in dark: nothing is empty, no word leaves its sheet."""
    bodies = "".join(f"<div>{torch.explain(layer, x).svg()}</div>" for layer, x in CASES)
    probe = """
    <pre id="seen"></pre><script>
    var bad = [];
    document.querySelectorAll("svg").forEach(function (svg, i) {
      var sheet = svg.getBoundingClientRect();
      svg.querySelectorAll("text, path").forEach(function (t) {
        var box = t.getBoundingClientRect();
        if (t.closest("defs")) return;
        if (box.left < sheet.left - 1 || box.right > sheet.right + 1 || box.bottom > sheet.bottom + 1)
          bad.push(i + ":" + (t.textContent || t.getAttribute("d")).slice(0, 60));
      });
    });
    document.getElementById("seen").textContent = document.querySelectorAll("svg").length + " " + bad.join("|");
    </script>"""
    file = tmp_path / "all.html"
    file.write_text(f'<meta charset="utf-8"><body>{bodies}{probe}', encoding="utf-8")
    for mode in ([], ["--force-dark-mode"]):
        page = chromium(tmp_path, *mode, "--virtual-time-budget=1000", "--dump-dom", f"file://{file}")
        assert re.search(r'<pre id="seen">(.*?)</pre>', page, re.S).group(1).strip() == str(len(CASES))
        shot = tmp_path / f"all{len(mode)}.png"
        chromium(tmp_path, *mode, "--window-size=1100,4000", f"--screenshot={shot}", f"file://{file}")
        assert os.path.getsize(shot) > 50_000


def test_colours_are_written_out():
    """Programs that are no browsers know neither variables nor the reader's setting: the plain rules are light."""
    for layer, x in CASES:
        svg = torch.explain(layer, x).svg()
        style = re.search(r"<style>(.*?)</style>", svg, re.S).group(1)
        assert "var(" not in svg and "--" not in style
        plain = re.sub(r"@media[^{]*\{(\s*[^{}]*\{[^}]*\})*\s*\}", "", style)
        light = dict(re.findall(r"#\w+ (\.?[\w-]+)\{((?:fill|stroke):#[^}]*)\}", plain))
        used = {f".{name}" for kind in re.findall(r'<(?:rect|path)[^>]* class="([^"]*)"', svg) for name in kind.split()}
        assert used | {"text"} <= light.keys()
        assert "fill:#15191f" in light["text"] and "fill:#fff" in light[".paper"]
        dark = re.search(r"prefers-color-scheme:dark\)\{(.*?)\n\}", style, re.S).group(1)
        assert {*re.findall(r"#\w+ (\.?[\w-]+)\{", dark)} == light.keys()


def test_saving(tmp_path):
    found = torch.explain(nn.Conv1d(2, 3, 3), (1, 2, 9))
    for suffix in (".svg", ".html", ".txt"):
        file = found.save(tmp_path / f"a{suffix}")
        assert "Conv1d(2, 3" in file.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="cannot save"):
        found.save(tmp_path / "a.png")
