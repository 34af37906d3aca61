"""Errors end with the call that explains them: it can be pasted, and finds the same error."""

import pytest

import rushlight
from rushlight import nn
from rushlight.nn import functional as F
from rushlight.rules.hints import HINT

WRONG = [
    (nn.Conv1d(16, 33, 3), (20, 50, 16)),
    (nn.Conv2d(16, 33, (9, 3), stride=2, padding=((0, 1), (2, 2))), (16, 5, 50)),
    (nn.Conv3d(4, 4, 3, groups=2, bias=False), (1, 2, 9, 9, 9)),
    (nn.Conv1d(3, 3, 3, padding="same", padding_mode="reflect"), (1, 4, 9)),
    (nn.ConvTranspose2d(4, 6, 3, output_padding=(1, 0)), (1, 4, 5, 5)),
    (nn.ConvTranspose1d(4, 6, 3, padding=9), (1, 4, 5)),
    (nn.Linear(3, 4), (2, 5)),
    (nn.Unfold(9), (1, 2, 3, 3)),
    (nn.Fold((4, 5), 2), (1, 12, 9)),
    (nn.ReflectionPad1d(9), (1, 2, 3)),
    (nn.ConstantPad1d(-2, 1.5), (1, 2, 3)),
    (nn.MaxPool2d(9), (1, 2, 3, 3)),
    (nn.MaxPool1d(3, 2, padding=2, ceil_mode=True), (1, 2, 9)),
    (nn.AvgPool3d((1, 2, 2), stride=(1, 2, 0)), (1, 2, 4, 4, 4)),
    (nn.AvgPool2d(2), (1, 2)),
    (nn.AdaptiveAvgPool2d((2, None)), (2, 3)),
    (lambda x: F.conv1d(x, rushlight.zeros(5, 4, 3), stride=0), (1, 4, 9)),
    (lambda x: nn.ConvTranspose1d(4, 4, 3, stride=2)(x, output_size=(40,)), (1, 4, 9)),
]


@pytest.mark.parametrize(("call", "x"), WRONG)
def test_the_hint_can_be_pasted(call, x):
    with pytest.raises((RuntimeError, ValueError, IndexError)) as caught:
        call(rushlight.zeros(x))
    lines = str(caught.value).split("\n")
    [hint] = [line.removeprefix(HINT) for line in lines if line.startswith(HINT)]
    found = eval(hint, {"rushlight": rushlight})
    assert type(found.error) is type(caught.value)
    assert str(found.error).split("\n")[0] == lines[0]
    assert "Try: " not in str(caught.value) or "Try: " in found.text()
