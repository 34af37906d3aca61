"""The text of layers is read and never evaluated; the command line says what it found."""

import subprocess
import sys

import pytest

import rushlight as torch
from rushlight import cli, nn
from rushlight.backends import cpu, reference, registry
from rushlight.explain.parse import parse, parse_shape


@pytest.mark.parametrize(
    ("text", "shapes", "result"),
    [
        (
            "Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1))",
            [(20, 16, 50, 100)],
            (20, 33, 26, 100),
        ),
        ("torch.nn.Conv1d(4, 6, 3)", [(4, 9)], (6, 7)),
        ("  nn.Linear(in_features=4,\n out_features=6, bias=False)", [(2, 4)], (2, 6)),
        ("Conv1d(4, 6, kernel_size=(4,), padding=same, padding_mode=reflect)", [(1, 4, 9)], (1, 6, 9)),
        ("nn.Conv2d(4, 4, 3, dtype=torch.float64)", [(1, 4, 9, 9)], (1, 4, 7, 7)),
        ("F.conv2d(x, w, b, stride=2)", [(1, 4, 9, 9), (6, 4, 3, 3), (6,)], (1, 6, 4, 4)),
        ("F.conv2d(torch.randn(1, 4, 9, 9), torch.zeros((6, 4, 3, 3)))", [], (1, 6, 7, 7)),
        ("F.conv_transpose1d(x, w, stride=2, output_size=(20,))", [(1, 4, 9), (4, 6, 3)], (1, 6, 20)),
        ("F.pad(x, (1, -2), mode='constant')", [(4, 9)], (4, 8)),
        ("torch.flatten(x, 1)", [(2, 3, 4)], (2, 12)),
        ("F.unfold(x, kernel_size=3)", [(1, 2, 9, 9)], (1, 18, 49)),
        ("F.fold(x, (4, 5), (2, 2))", [(1, 12, 12)], (1, 3, 4, 5)),
        ("F.linear(x, w)", [(2, 3, 4), (5, 4)], (2, 3, 5)),
        ("nn.ReflectionPad1d(2)", [(1, 2, 9)], (1, 2, 13)),
    ],
)
def test_reads(text, shapes, result):
    assert torch.explain(text, *shapes).output_shape == result


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "Conv2d(*[1, 2, 3])",
        "Conv2d(**{'a': 1})",
        "Conv2d(16, 33, 3 + 3)",
        "Conv2d(16, 33, [k for k in (3, 3)])",
        "Conv2d(16, 33, (lambda: 3)())",
        "Conv2d(16, 33, open('x'))",
        "Conv2d(n, 33, 3)",
        "(Conv2d)(1)(2)",
        "Conv2d",
        "Conv2d(",
        "",
        "a" * 20_000,
        "(" * 5000,
        "Conv2d(16, 33, f'{3}')",
        "Conv2d(16, 33, -'3')",
    ],
)
def test_refuses(text):
    with pytest.raises(ValueError):
        parse(text, ((1, 16, 9, 9),))


def test_what_is_not_of_the_family():
    for text in ("MSELoss()", "system('ls')", "Convolution(3)", "Module()"):
        with pytest.raises(TypeError, match="is not a layer that explain knows"):
            parse(text, ((1, 2),))


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("Conv2d(3 16, 3)", "Conv2d(3, 16, 3)"),
        ("nn.Conv2d(3, 16 3, padding=1)", "nn.Conv2d(3, 16, 3, padding=1)"),
        ("Conv2d(3, 16, 3, stride=2 padding=1)", "Conv2d(3, 16, 3, stride=2, padding=1)"),
        ("Conv2d(3, 16, (3 5))", "Conv2d(3, 16, (3, 5))"),
        ("Conv2d(3, 16, 3", "Conv2d(3, 16, 3)"),
        ("Conv2d(3, 16, 3))", "Conv2d(3, 16, 3)"),
        ("Conv2d(3,, 16, 3)", "Conv2d(3, 16, 3)"),
        ("Conv2d（3，16，3）", "Conv2d(3,16,3)"),
        ("Conv2D(3, 16, 3)", "Conv2d"),
        ("CONV2D(3, 16, 3)", "Conv2d"),
        ("nn.Linaer(3, 4)", "Linear"),
        ("ConvTransposed2d(3, 4, 2)", "ConvTranspose2d"),
        ("MaxPooling2d(2)", "MaxPool2d"),
        ("batchnorm2d(3)", "BatchNorm2d"),
        ("F.conv_2d(x, w)", "conv2d"),
        ("conv2d(3, 16, 3)", "Conv2d(3, 16, 3)"),
        ("max_pool2d(2)", "MaxPool2d(2)"),
        ("Conv2d(3, 16, 3, strides=2)", "stride"),
    ],
)
def test_what_was_meant(text, fix):
    with pytest.raises((ValueError, TypeError)) as caught:
        parse(text, ((1, 3, 9, 9),))
    assert str(caught.value).split("\n")[-1] == f"Try: {fix}"


def test_shapes_that_are_nearly_right():
    for text in ("20 16 50", "20x16x50", "20;16;50", "[20 16 50]"):
        with pytest.raises(ValueError, match="Try: 20,16,50"):
            parse_shape(text)
    with pytest.raises(ValueError, match="Try: 1,3,9,9"):
        parse("Conv2d(3, 16, 3)", ((1,), (3,), (9,), (9,)))
    with pytest.raises(ValueError, match="got 0\nTry: the shape of the input"):
        parse("Conv2d(3, 16, 3)", ())


def test_shapes():
    assert parse_shape("20, 16,50") == (20, 16, 50)
    for text in ("20;16", "1,N,3", "2.5,3"):
        with pytest.raises(ValueError, match="not a shape"):
            parse_shape(text)


# -- the command line


def run(capsys, *argv):
    code = cli.main([*argv])
    return code, *capsys.readouterr()


def test_explain(capsys, tmp_path):
    code, out, _ = run(capsys, "explain", "Conv2d(16, 33, 3)", "20,16,50,100", "--save", str(tmp_path / "a.txt"))
    assert code == 0
    assert "(20, 33, 48, 98)" in out
    assert "(20, 33, 48, 98)" in (tmp_path / "a.txt").read_text(encoding="utf-8")


def test_explain_says_what_is_wrong(capsys):
    code, out, _ = run(capsys, "explain", "Conv1d(16, 33, 3)", "20,50,16")
    assert code == 1
    assert "x.permute(0, 2, 1)" in out
    code, _, err = run(capsys, "explain", "Conv1d(16, 33)", "20,50,16")
    assert code == 2
    assert "kernel_size" in err
    assert run(capsys, "explain", "open('x')", "3")[0] == 2
    assert run(capsys, "explain", "Conv1d(1, 1, 1)", "1,1,1", "--save", "x.png")[0] == 2


def test_summary(capsys, tmp_path):
    file = tmp_path / "models.py"
    file.write_text(
        "from rushlight import nn\nfrom beside import K\n\nnet = nn.Sequential(nn.Conv2d(3, 8, K))\n\n\n"
        "class Net(nn.Sequential):\n    def __init__(self):\n        super().__init__(nn.LazyLinear(4))\n"
    )
    (tmp_path / "beside.py").write_text("K = 3\n")
    code, out, _ = run(capsys, "summary", f"{file}:net", "N,3,9,9")
    assert (code, "(N, 8, 7, 7)" in out) == (0, True)
    assert "(2, 4)" in run(capsys, "summary", f"{file}:Net", "2,3")[1]
    assert run(capsys, "summary", f"{file}:net", "1,4,9,9")[0] == 1
    assert run(capsys, "summary", f"{file}:nothing", "1,4,9,9")[0] == 2
    assert run(capsys, "summary", "nowhere.py:net", "1,4,9,9")[0] == 2


def test_a_terminal_without_unicode():
    command = [sys.executable, "-m", "rushlight", "explain", "Conv2d(16, 33, 3, stride=2)", "20,16,50,100"]
    import os

    found = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    text = found.stdout.decode("ascii")
    assert "floor((50 + 0 + 0 - 1*(3 - 1) - 1) / 2) + 1 = 24" in text
    assert max(map(len, text.splitlines())) <= 80


# -- equalities


def test_equalities():
    from rushlight import nn

    cases = [
        (nn.Conv1d(8, 4, 1), nn.Linear(8, 4), (2, 8, 10)),
        (nn.Linear(8, 4), nn.Conv1d(8, 4, 1), (2, 10, 8)),
        (nn.Conv3d(3, 5, 1), "linear", (2, 3, 4, 4, 4)),
        (nn.Conv2d(6, 12, 3, groups=6, padding=1), "per-channel", (2, 6, 9, 9)),
        (nn.Conv2d(6, 12, 3, groups=2, padding="same", dilation=2, padding_mode="reflect"), "unfold", (2, 6, 9, 9)),
        (nn.Conv1d(6, 12, 3, groups=2, stride=2), "unfold", (2, 6, 9)),
        (nn.ConvTranspose2d(6, 12, 3, groups=2, stride=2, padding=1, output_padding=1), "gradient", (2, 6, 9, 9)),
        (nn.Conv3d(6, 12, 3, dilation=(1, 2, 3)), "zeros-between", (2, 6, 9, 9, 9)),
    ]
    for first, second, x in cases:
        before = first.weight.clone()
        found = torch.compare(first, second, x)
        assert found.equal, found
        assert "equal to " in str(found) or "bit for bit" in str(found)
        assert torch.equal(first.weight, before)
        assert max(map(len, found.text(ascii=True).splitlines())) <= 80


def test_what_is_not_equal():
    from rushlight import nn

    assert not torch.compare(nn.Conv1d(3, 3, 1), nn.Conv1d(3, 3, 3), (1, 3, 9)).equal
    different = torch.compare(nn.Conv1d(3, 3, 3), nn.Conv1d(3, 3, 3, dilation=2, padding=1), (1, 3, 9))
    assert not different.equal and "differ by" in str(different)
    with pytest.raises(ValueError, match="one tap"):
        torch.compare(nn.Conv1d(3, 3, 3), "linear", (1, 3, 9))
    with pytest.raises(ValueError, match="unknown equality"):
        torch.compare(nn.Conv1d(3, 3, 3), "fourier", (1, 3, 9))


def test_an_engine_that_declined_the_call_is_named(monkeypatch):
    layer = nn.Conv2d(2, 3, 3)
    monkeypatch.setattr(cpu, "refusal", lambda *problem: "a reason of this test")
    monkeypatch.setattr(cpu, "_calls", type(cpu._calls)())
    with registry.using(registry.Ordered(cpu, reference)):
        layer(torch.zeros(1, 2, 7, 7))
    found = torch.explain(layer, (1, 2, 7, 7))
    assert "declined by compiled: a reason of this test" in found.text()
    assert "拒绝" in found.text("zh")
    assert "declined" not in torch.explain(layer, (1, 2, 8, 8)).text()
