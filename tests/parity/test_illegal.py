"""Illegal calls: the same moment, the same kind of exception, PyTorch's sentence first, and nothing changed."""

import re

import pytest

import rushlight
from tests.parity.differences import KNOWN, TEXTS, expected_start, known, sentence
from tests.parity.golden_files import recorded, table
from tests.parity.illegal import CASES, outcome
from tests.parity.isolated import isolated
from tests.parity.make_golden import refusal


def test_there_are_many():
    refused = [row for row in table("illegal")["cases"].values() if row[0] in ("making", "call")]
    assert len(refused) >= 250


def test_every_known_difference_is_still_one():
    """A reason that no case needs any more is taken out."""
    names = [str(case) for case in CASES]
    assert all(any(re.search(pattern, name) for name in names) for pattern in (*KNOWN, *TEXTS))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_illegal(case):
    phase, kind, line = recorded("illegal", "cases", str(case))
    got, unchanged = outcome(rushlight, case)
    if known(str(case)):
        assert got.phase == "legal" or got.kinds, "a difference, but a clean one"
        return
    if phase == "ended":
        assert got.phase != "legal", f"PyTorch: {line}"
        return
    assert got.phase == phase, f"PyTorch: {kind} {line}\nRushlight: {got}"
    if phase == "legal":
        return
    assert kind in got.kinds, f"PyTorch: {kind} {line}\nRushlight: {got}"
    assert got.text.startswith(expected_start(str(case), line)), f"PyTorch: {line}\nRushlight: {got.text}"
    missing = [piece for piece in case.says if piece not in got.text]
    assert not missing, f"the text does not say {missing}: {got.text}"
    assert all(unchanged.values()), f"changed by the failed call: {unchanged}"


# PyTorch refuses half input of float32 layers with the one sentence, or with the other on CPUs that compute in halves.
BY_MACHINE = ("expected scalar type Half but found Float", "Input type (torch.HalfTensor) and weight type")


@pytest.mark.live
def test_the_installed_pytorch_still_does_what_was_recorded(torch, recwarn):
    """The golden file against PyTorch itself: phase, kind and sentence."""
    stale = []
    for case in CASES:
        was, now = recorded("illegal", "cases", str(case)), refusal(torch, case)
        same = sentence(was[2]) == sentence(now[2]) or all(text.startswith(BY_MACHINE) for text in (was[2], now[2]))
        if was[:2] != now[:2] or not same:
            stale.append(f"{case}\n  recorded {was}\n  now      {now}")
    assert not stale, "\n".join(stale)


@pytest.mark.parametrize("case", [case for case in CASES if "2**" in str(case)], ids=str)
def test_huge_numbers_need_no_memory(case):
    """Sizes are refused before anything is allocated: a process with little memory survives each of them."""
    got = isolated(lambda: outcome(rushlight, case)[0].kinds, memory=3 * 2**30)
    assert isinstance(got, list), got
