"""Every formula computes what its plain Python says, and prints itself with names and with numbers."""

import random
from math import ceil

import pytest

from rushlight.rules import formula
from rushlight.rules.formula import Formula

PLAIN = {
    "SPAN": lambda dilation, taps: dilation * (taps - 1) + 1,
    "CONV_OUTPUT": lambda size, before, after, dilation, taps, stride: len(
        range(0, size + before + after - dilation * (taps - 1), stride)
    ),
    "PADDED_SIZE": lambda size, before, after: size + before + after,
    "TRANSPOSED_OUTPUT": lambda size, stride, before, after, dilation, taps, output_padding: (
        1 + (size - 1) * stride + dilation * (taps - 1) + output_padding - before - after
    ),
    "TRANSPOSED_LARGEST": lambda size, stride, before, after, dilation, taps: (
        size * stride + dilation * (taps - 1) - before - after
    ),
    "SAME_TOTAL": lambda dilation, taps: dilation * (taps - 1),
    "SAME_STRIDED_TOTAL": lambda size, stride, dilation, taps: max(
        0, (ceil(size / stride) - 1) * stride + dilation * (taps - 1) + 1 - size
    ),
    "CAUSAL_BEFORE": lambda dilation, taps: dilation * (taps - 1),
    "TRANSPOSED_SAME_TOTAL": lambda dilation, taps, stride: dilation * (taps - 1) + 1 - stride,
    "HALF_BEFORE": lambda total: total // 2,
    "REST_AFTER": lambda total: ceil(total / 2),
    "CONTINUED_BEFORE": lambda span, before, stride: max(0, (span - 1 - before) // stride),
    "CONTINUED_AFTER": lambda out, before, stride, size: max(0, (out - 1 + before) // stride - (size - 1)),
    "POOL_OUTPUT_CEIL": lambda size, before, after, dilation, taps, stride: (
        ceil((size + before + after - dilation * (taps - 1) - 1) / stride) + 1
    ),
    "ADAPTIVE_OUTPUT": lambda out: out,
    "ADAPTIVE_START": lambda index, size, out: index * size // out,
    "ADAPTIVE_STOP": lambda index, size, out: ceil((index + 1) * size / out),
    "MACS": lambda batch, out_channels, positions, in_channels, groups, all_taps: (
        batch * out_channels * positions * (in_channels // groups) * all_taps
    ),
    "WEIGHTS": lambda out_channels, in_channels, groups, all_taps: out_channels * (in_channels // groups) * all_taps,
    "STRIDE_POSITIVE": lambda stride: stride >= 1,
    "DILATION_POSITIVE": lambda dilation: dilation >= 1,
    "TAPS_POSITIVE": lambda taps: taps >= 1,
    "GROUPS_POSITIVE": lambda groups: groups >= 1,
    "TAPS_FIT": lambda dilation, taps, size, before, after: dilation * (taps - 1) < size + before + after,
    "OUTPUT_PADDING_SMALL": lambda output_padding, stride, dilation: output_padding < max(stride, dilation),
    "REFLECT_FITS": lambda total, size: total < size,
    "CIRCULAR_FITS": lambda total, size: total <= size,
}
FORMULAS = {name: value for name, value in vars(formula).items() if isinstance(value, Formula)}


def test_every_formula_is_tested():
    assert FORMULAS.keys() == PLAIN.keys()


@pytest.mark.parametrize("name", FORMULAS)
def test_value(name):
    rule, draw = FORMULAS[name], random.Random(name)
    for _ in range(50):
        numbers = {term.name: draw.randint(1, 9) for term in rule.terms}
        if "size" in numbers:
            numbers["size"] += 60
        assert rule(**numbers) == PLAIN[name](**numbers)


@pytest.mark.parametrize("name", FORMULAS)
def test_substituted_text_computes_the_value(name):
    rule, draw = FORMULAS[name], random.Random(name)
    numbers = {term.name: draw.randint(-5, 9) or 1 for term in rule.terms}
    text = rule.substituted(ascii=True, **numbers).replace(" / ", " // ")
    names = {"floor": lambda value: value, "max": max}
    if "ceil" not in text:
        assert eval(text, names) == rule(**numbers)


def test_symbols_and_numbers():
    assert str(formula.CONV_OUTPUT) == "out = ⌊(size + before + after − dilation·(taps − 1) − 1) / stride⌋ + 1"
    numbers = dict(size=50, before=4, after=4, dilation=3, taps=3, stride=2)
    assert formula.CONV_OUTPUT.explain(**numbers) == "out = ⌊(50 + 4 + 4 − 3·(3 − 1) − 1) / 2⌋ + 1 = 26"
    ascii_text = "out = floor((50 + 4 + 4 - 3*(3 - 1) - 1) / 2) + 1 = 26"
    assert formula.CONV_OUTPUT.explain(ascii=True, **numbers) == ascii_text
    assert formula.TAPS_FIT.substituted(dilation=3, taps=3, size=5, before=0, after=0) == "3·(3 − 1) + 1 ≤ 5 + 0 + 0"


def test_legend_names_each_term_once():
    names = [name for name, _, _ in formula.TRANSPOSED_OUTPUT.legend(size=3)]
    assert names == ["size", "stride", "before", "after", "dilation", "taps", "output_padding"]
    assert formula.TRANSPOSED_OUTPUT.legend(size=3)[0] == ("size", "input positions on this axis", 3)


def test_negative_numbers_are_bracketed():
    assert (
        formula.MACS.substituted(batch=-1, out_channels=2, positions=3, in_channels=4, groups=2, all_taps=1)
        == "(−1)·2·3·⌊4 / 2⌋·1"
    )


def test_no_overflow():
    huge = dict(size=2**63, before=2**63, after=0, dilation=2**62, taps=3, stride=1)
    assert formula.CONV_OUTPUT(**huge) == 2**64 - 2**63
