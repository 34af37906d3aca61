"""Illegal calls, as text: what is made first, then the call that is refused (or the making itself is).

Comes in: nothing. Goes out: `CASES`; `outcome` runs one on a library of PyTorch's interface and says in which
phase it failed and how. `make_golden` records PyTorch's outcomes, `test_illegal` holds Rushlight against them.
"""

import warnings
from types import ModuleType
from typing import NamedTuple

import numpy as np


class Case(NamedTuple):
    """`making` runs first and may be what fails; `call` is the expression that must not succeed.

    `says` are pieces that Rushlight's text must contain: the numbers, the fix.
    """

    making: str
    call: str
    says: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.making}; {self.call}" if self.making else self.call


class Outcome(NamedTuple):
    """`phase` is making, call or legal; `kinds` the exception's builtin base classes, nearest first."""

    phase: str
    kinds: tuple[str, ...] = ()
    text: str = ""


def outcome(lib: ModuleType, case: Case) -> tuple[Outcome, dict[str, bool]]:
    """What a case comes to, and whether each tensor that it names is as it was before the call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return outcome_of(lib, case)


def outcome_of(lib: ModuleType, case: Case) -> tuple[Outcome, dict[str, bool]]:
    names = {"torch": lib, "nn": lib.nn, "F": lib.nn.functional, "np": np}
    try:
        exec(case.making, names)
    except Exception as error:
        return failure("making", error), {}
    before = snapshot(lib, names)
    try:
        eval(case.call, names)
    except Exception as error:
        after = snapshot(lib, names)
        return failure("call", error), {name: same(before[name], after[name]) for name in before}
    return Outcome("legal"), {}


def failure(phase: str, error: Exception) -> Outcome:
    kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
    return Outcome(phase, tuple(kinds[: kinds.index("Exception")]), str(error))


def snapshot(lib: ModuleType, names: dict) -> dict[str, object]:
    """Copies of the tensors among the names, and of the parameters of the modules."""
    tensors = {name: value for name, value in names.items() if isinstance(value, lib.Tensor)}
    for name, value in names.items():
        if isinstance(value, lib.nn.Module):
            tensors |= {f"{name}.{path}": t for path, t in value.named_parameters() if "Uninit" not in type(t).__name__}
    return {name: values_of(value) for name, value in tensors.items() if value.numel() < 10**6}


def values_of(tensor: object) -> np.ndarray:
    return np.array(tensor.detach().to(tensor.dtype).tolist())


def same(before: np.ndarray, after: np.ndarray) -> bool:
    return before.shape == after.shape and bool(np.array_equal(before, after))


def image(rank: int, channels: int = 4, size: int = 7, batch: int = 2) -> str:
    return f"torch.ones{(batch, channels, *[size] * rank)}".replace(" ", "")


def weight(rank: int, out: int = 6, channels: int = 4, taps: int = 3) -> str:
    return f"torch.ones{(out, channels, *[taps] * rank)}".replace(" ", "")


def layers() -> list[Case]:
    """Arguments that no rank of Conv or ConvTranspose takes, at construction or at the first call."""
    cases = []
    for rank in (1, 2, 3):
        x = f"x = {image(rank)}"
        for kind in (f"Conv{rank}d", f"ConvTranspose{rank}d"):
            for arguments, *says in [
                ("4, 6, 3, groups=0", "groups"),
                ("4, 6, 3, groups=-1", "-1"),
                ("4, 6, 3, groups=3", "4", "3"),
                ("4, 6, 3, groups=4", "6", "4"),
                ("-4, 6, 3", "-4"),
                ("4, -6, 3", "-6"),
                ("4, 6, -3", "-3"),
                ("4, 6, 3, padding_mode='mirror'", "mirror", "reflect"),
                ("4, 6, 3, dtype=torch.int64", "int64"),
                ("4, 6, 3, stride=0", "stride", "0"),
                ("4, 6, 3, stride=-1", "stride", "-1"),
                ("4, 6, 3, dilation=0", "dilation", "0"),
                ("4, 6, 3, padding=-1", "-1"),
                ("4, 6, 0", "0"),
                ("4, 6, 3, stride='2'",),
                ("4.0, 6, 3",),
                ("4, 6, 3.0",),
                ("4, 6, '3'",),
                ("4, 6, 3, stride=1.5",),
                ("4, 6, 3, device='nonsense'", "nonsense"),
                (f"4, 6, {(3,) * (rank + 1)}",),
                (f"4, 6, 3, stride={(1,) * (rank + 1)}",),
                (f"4, 6, 3, dilation={(1,) * (rank + 1)}",),
                (f"4, 6, 3, padding={(1,) * (rank + 1)}",),
            ]:
                cases.append(Case(f"{x}; m = nn.{kind}({arguments})", "m(x)", tuple(says)))
        for arguments, *says in [
            ("4, 6, 3, padding='samee'", "samee", "same", "valid"),
            ("4, 6, 3, padding='same', stride=2", "stride"),
            ("4, 6, 9", "7", "9"),
            ("4, 6, 3, dilation=4", "7", "9"),
            ("4, 6, 3, padding=7, padding_mode='reflect'", "7"),
            ("4, 6, 3, padding=8, padding_mode='circular'", "7", "8"),
            ("5, 6, 3", "5", "4"),
            ("8, 6, 3, groups=2", "8", "4"),
        ]:
            cases.append(Case(f"{x}; m = nn.Conv{rank}d({arguments})", "m(x)", tuple(says)))
        for arguments, *says in [
            ("5, 6, 3", "5", "4"),
            ("4, 6, 3, stride=2, output_padding=2", "2"),
            ("4, 6, 3, stride=2, output_padding=-1", "-1"),
            ("4, 6, 3, padding=20", "20"),
        ]:
            cases.append(Case(f"{x}; m = nn.ConvTranspose{rank}d({arguments})", "m(x)", tuple(says)))
    return cases


def calls() -> list[Case]:
    """Inputs that a layer or a function of any rank refuses."""
    cases = []
    for rank in (1, 2, 3):
        for kind in (f"Conv{rank}d", f"ConvTranspose{rank}d"):
            made = f"m = nn.{kind}(4, 6, 3)"
            for given, *says in [
                (image(rank - 1),),
                (image(rank + 1),),
                (image(rank) + ".double()",),
                (image(rank) + ".half()",),
                (image(rank) + ".long()",),
                (image(rank, channels=3), "4", "3"),
                (f"torch.ones(3{', 7' * rank})", "4", "3"),
                ("torch.ones(4)", f"{rank + 2}"),
                ("torch.tensor(1.0)",),
                ("torch.ones(0)",),
                ("[[[1.0]]]",),
                ("None",),
                (f"np.ones({(2, 4, *[7] * rank)}, dtype=np.float32)",),
            ]:
                cases.append(Case(f"{made}; x = {given}", "m(x)", tuple(says)))
            cases.append(Case(f"{made}; x = {image(rank)[:-2]}0)", "m(x)", ("0",)))
        cases.append(Case(f"m = nn.Conv{rank}d(4, 6, 3); x = {image(rank)[:-2]}2)", "m(x)", ("2", "3")))
        F = f"x = {image(rank)}; w = {weight(rank)}; b = torch.ones(6)"
        f = f"F.conv{rank}d"
        for call, *says in [
            (f"{f}(x, w, b, stride=0)", "stride"),
            (f"{f}(x, w, b, stride=1.0)",),
            (f"{f}(x, w, b, stride=True)",),
            (f"{f}(x, w, b, stride='1')",),
            (f"{f}(x, w, b, stride=None)",),
            (f"{f}(x, w, b, stride={(1,) * (rank + 1)})",),
            (f"{f}(x, w, b, stride=())",),
            (f"{f}(x, w, b, dilation=0)", "dilation"),
            (f"{f}(x, w, b, dilation=-2)", "-2"),
            (f"{f}(x, w, b, padding=-1)", "-1"),
            (f"{f}(x, w, b, padding='sam')", "sam"),
            (f"{f}(x, w, b, padding='same', stride=2)", "stride"),
            (f"{f}(x, w, b, padding=None)",),
            (f"{f}(x, w, b, groups=0)", "groups"),
            (f"{f}(x, w, b, groups=-2)", "-2"),
            (f"{f}(x, w, b, groups=2)", "4", "2"),
            (f"{f}(x, w, b, groups=1.0)",),
            (f"{f}(x, w, torch.ones(7))", "6", "7"),
            (f"{f}(x, w, torch.ones(6, 1))", "6"),
            (f"{f}(x, w, torch.tensor(1.0))", "6"),
            (f"{f}(x, w, 1.0)",),
            (f"{f}(x, w.double(), b)",),
            (f"{f}(x.double(), w.double(), b)", "double", "float"),
            (f"{f}(x.bool(), w.bool())",),
            (f"{f}(x, w[0], b)",),
            (f"{f}(x, w[0, 0], b)",),
            (f"{f}(x, w[:, :3], b)", "3", "4"),
            (f"{f}(x, w.tolist(), b)",),
            (f"{f}(x.tolist(), w, b)",),
            (f"{f}(x)",),
            (f"{f}(x, w, b, nonsense=1)", "nonsense"),
            (f"{f}(x, w, b, stride=2**63)",),
            (f"{f}(x, w, b, padding=2**62)",),
            (f"{f}(x, w, b, dilation=2**62)",),
            (f"{f}(x, w, b, groups=2**63)",),
        ]:
            cases.append(Case(F, call, tuple(says)))
        T = f"x = {image(rank)}; w = {weight(rank, out=4, channels=6)}; b = torch.ones(6)"
        t = f"F.conv_transpose{rank}d"
        for call, *says in [
            (f"{t}(x, w, b, stride=0)", "stride"),
            (f"{t}(x, w, b, dilation=0)", "dilation"),
            (f"{t}(x, w, b, padding=-1)", "-1"),
            (f"{t}(x, w, b, padding='same')",),
            (f"{t}(x, w, b, output_padding=1)", "1"),
            (f"{t}(x, w, b, stride=2, dilation=3, output_padding=3)", "3"),
            (f"{t}(x, w, b, output_padding=-1)", "-1"),
            (f"{t}(x, w, b, stride=2, output_padding={(1,) * (rank + 1)})",),
            (f"{t}(x, w, torch.ones(4))", "6", "4"),
            (f"{t}(x, w, b, groups=2)", "12", "6"),
            (f"{t}(x, w, b, groups=3)", "4", "3"),
            (f"{t}(x, w[:3], b)", "3", "4"),
            (f"{t}(x, w, b.double())",),
            (f"{t}(x, w, b, padding=9)", "9"),
            (f"{t}(x, w, b, stride=2**62)",),
        ]:
            cases.append(Case(T, call, tuple(says)))
    return cases


def output_sizes() -> list[Case]:
    """`output_size` of ConvTranspose: its length, its range, its type."""
    cases = []
    for rank in (1, 2, 3):
        made = f"m = nn.ConvTranspose{rank}d(4, 6, 3, stride=2); x = {image(rank)}"
        cases += [
            Case(made, f"m(x, output_size={[14] * rank})", ("14", "15", "16")),
            Case(made, f"m(x, output_size={[17] * rank})", ("17", "15", "16")),
            Case(made, f"m(x, output_size={[15] * (rank + 1)})"),
            Case(made, f"m(x, output_size={[15] * (rank + 3)})"),
            Case(made, "m(x, output_size=15)"),
            Case(made, "m(x, output_size=[])"),
            Case(made, f"m(x, output_size={[-15] * rank})", ("-15",)),
            Case(made, f"m(x, output_size={[2**63] * rank})"),
        ]
    return cases


def pads() -> list[Case]:
    x4 = "x = torch.ones(2,3,4,5)"
    return [
        Case(x4, "F.pad(x, (1, 1), 'mirror')", ("mirror",)),
        Case(x4, "F.pad(x, (1, 1), 'Reflect')", ("Reflect",)),
        Case(x4, "F.pad(x, (1, 1, 1))", ("3",)),
        Case(x4, "F.pad(x, (1,) * 10)", ("10",)),
        Case(x4, "F.pad(x, (1,))"),
        Case(x4, "F.pad(x, 1)"),
        Case(x4, "F.pad(x, (1.0, 1))"),
        Case(x4, "F.pad(x, ('1', 1))"),
        Case(x4, "F.pad(x, None)"),
        Case(x4, "F.pad([1.0], (1, 1))"),
        Case(x4, "F.pad(x, (-3, -3))", ("5", "-3")),
        Case(x4, "F.pad(x, (-6, 0))", ("5", "-6")),
        Case(x4, "F.pad(x, (5, 0, 0, 0), 'reflect')", ("5",)),
        Case(x4, "F.pad(x, (0, 5, 0, 0), 'reflect')", ("5",)),
        Case(x4, "F.pad(x, (0, 0, 4, 0), 'reflect')", ("4",)),
        Case(x4, "F.pad(x, (6, 0, 0, 0), 'circular')", ("6", "5")),
        Case(x4, "F.pad(x, (0, 0, 0, 5), 'circular')", ("5", "4")),
        Case(x4, "F.pad(x, (1, 1), 'reflect')"),
        Case(x4, "F.pad(x, (1, 1, 1, 1, 1, 1), 'replicate')"),
        Case(x4, "F.pad(x, (1, 1, 1, 1), 'reflect', 1.0)"),
        Case(x4, "F.pad(x, (1, 1, 1, 1), 'replicate', 2)"),
        Case(x4, "F.pad(x, (1, 1, 1, 1), 'circular', -1)"),
        Case(x4, "F.pad(x, (1, 1, 1, 1), 'replicate', 'a')"),
        Case(x4, "F.pad(x, (1, 1), 'constant', 'a')"),
        Case("x = torch.ones(4)", "F.pad(x, (1, 1), 'reflect')"),
        Case("x = torch.ones(4)", "F.pad(x, (1, 1), 'circular')"),
        Case("x = torch.ones(4)", "F.pad(x, (1, 1, 1, 1))"),
        Case("x = torch.tensor(1.0)", "F.pad(x, (1, 1))"),
        Case("x = torch.tensor(1.0)", "F.pad(x, (1, 1), 'replicate')"),
        Case("x = torch.ones(1,2,0)", "F.pad(x, (1, 1), 'reflect')", ("0",)),
        Case("x = torch.ones(1,2,0)", "F.pad(x, (1, 1), 'replicate')", ("0",)),
        Case("x = torch.ones(1,2,0)", "F.pad(x, (1, 1), 'circular')", ("0",)),
        Case("x = torch.ones(1,2,3)", "F.pad(x, (3, 0), 'reflect')", ("3",)),
        Case("x = torch.ones(1,2,3)", "F.pad(x, (0, 4), 'circular')", ("4", "3")),
        Case("x = torch.ones(1,2,3,3,3)", "F.pad(x, (0, 0, 0, 0, 3, 0), 'reflect')", ("3",)),
        Case("x = torch.ones(1,2,3,3,3)", "F.pad(x, (0, 0, 0, 4, 0, 0), 'circular')", ("4", "3")),
        Case("x = torch.ones(1,2,3,3,3)", "F.pad(x, (1, 1), 'replicate')"),
        Case("x = torch.ones(1,2,3,3,3,3)", "F.pad(x, (1, 1, 1, 1, 1, 1), 'replicate')"),
        Case("x = torch.ones(1,2,3)", "F.pad(x, (-2, -2), 'replicate')", ("3",)),
        Case("x = torch.ones(1,2,3)", "F.pad(x, (-2, -2), 'reflect')", ("3",)),
        Case("x = torch.ones(1,2,3)", "F.pad(x, (-2, -2), 'circular')", ("3",)),
        Case(x4, "F.pad(x, (2**62, 2**62))"),
        Case(x4, "F.pad(x, (2**63, 0))"),
        Case(x4, "F.pad(x, (2**63 - 1, 2**63 - 1))"),
        Case("x = torch.ones(1,2,3)", "F.pad(x, (2**63 - 1, 2**63 - 1), 'replicate')"),
        Case("x = torch.ones(1,2,3)", "F.pad(x, (2**62, 2**62), 'reflect')"),
        Case("x = torch.ones(1,2,3)", "F.pad(x, (2**62, 2**62), 'circular')"),
        Case("x = torch.ones(1,2,3)", "F.pad(x, (2**45, 0), 'replicate')"),
    ]


def folds() -> list[Case]:
    """Unfold and Fold; in some the two negative factors of a product once made a pass."""
    x4, x3 = "x = torch.ones(2,3,6,6)", "x = torch.ones(2,12,25)"
    return [
        Case(x4, "F.unfold(x, 0)", ("0",)),
        Case(x4, "F.unfold(x, -1)", ("-1",)),
        Case(x4, "F.unfold(x, (-2, -2))", ("-2",)),
        Case(x4, "F.unfold(x, 7)", ("7", "6")),
        Case(x4, "F.unfold(x, 3, dilation=3)", ("6",)),
        Case(x4, "F.unfold(x, 2, stride=0)", ("0",)),
        Case(x4, "F.unfold(x, 2, stride=-1)", ("-1",)),
        Case(x4, "F.unfold(x, 2, dilation=0)", ("0",)),
        Case(x4, "F.unfold(x, 2, padding=-1)", ("-1",)),
        Case(x4, "F.unfold(x, (2,))"),
        Case(x4, "F.unfold(x, (2, 2, 2))"),
        Case(x4, "F.unfold(x, 2.0)"),
        Case(x4, "F.unfold(x, '2')"),
        Case(x4, "F.unfold(x, None)"),
        Case(x4, "F.unfold(x, 2, stride=(1, 1, 1))"),
        Case(x4, "F.unfold(x[0, 0], 2)"),
        Case(x4, "F.unfold(x[0, 0, 0], 2)"),
        Case(x4, "F.unfold(x.unsqueeze(0), 2)"),
        Case(x4, "F.unfold(x[:, :0], 2)"),
        Case(x4, "F.unfold(x[:, :, :0], 2)"),
        Case(x4, "F.unfold(x.tolist(), 2)"),
        Case(x4, "F.unfold(x, 2, padding=2**62)"),
        Case(x4, "F.unfold(x, 2**62, padding=2**61)"),
        Case(x4, "F.unfold(x, 2, dilation=2**62)"),
        Case(x3, "F.fold(x, (6, 6), 0)", ("0",)),
        Case(x3, "F.fold(x, (6, 6), -2)", ("-2",)),
        Case(x3, "F.fold(x, (6, 6), (2, -2))", ("-2",)),
        Case(x3, "F.fold(x, (6, 6), 2, stride=0)", ("0",)),
        Case(x3, "F.fold(x, (6, 6), 2, stride=-1)", ("-1",)),
        Case(x3, "F.fold(x, (6, 6), 2, dilation=0)", ("0",)),
        Case(x3, "F.fold(x, (6, 6), 2, dilation=-1)", ("-1",)),
        Case(x3, "F.fold(x, (6, 6), 2, padding=-1)", ("-1",)),
        Case(x3, "F.fold(x, (6, 7), 2)", ("25", "30")),
        Case(x3, "F.fold(x, (6, 6), 3)", ("12", "9")),
        Case(x3, "F.fold(x, (6, 6), 5)", ("12", "25")),
        Case(x3, "F.fold(x, (6,), 2)"),
        Case(x3, "F.fold(x, (6, 6, 6), 2)"),
        Case(x3, "F.fold(x, (0, 6), 2)", ("0",)),
        Case(x3, "F.fold(x, (-6, -6), 2)", ("-6",)),
        Case(x3, "F.fold(x, (6.0, 6), 2)"),
        Case(x3, "F.fold(x, None, 2)"),
        Case(x3, "F.fold(x, '66', 2)"),
        Case(x3, "F.fold(x[0, 0], (6, 6), 2)"),
        Case(x3, "F.fold(x.unsqueeze(0), (6, 6), 2)"),
        Case(x3, "F.fold(x[:, :0], (6, 6), 2)"),
        Case(x3, "F.fold(x[:, :, :0], (6, 6), 2)"),
        Case("x = torch.ones(1,4,4)", "F.fold(x, (1, 1), 2, dilation=3)"),
        Case("x = torch.ones(1,4,1)", "F.fold(x, (1, 1), 2, dilation=2)"),
        Case("x = torch.ones(1,4,4)", "F.fold(x, (2, 2), 2, dilation=5)"),
        Case("x = torch.ones(1,9,16)", "F.fold(x, (2, 2), 3, stride=1, dilation=3)"),
        Case("x = torch.ones(1,4,1)", "F.fold(x, (2, 2), 2, padding=2**63 - 2)"),
        Case("x = torch.ones(1,4,1)", "F.fold(x, (2, 2), 2, padding=2**62)"),
        Case("x = torch.ones(1,4,1)", "F.fold(x, (2**62, 2**62), 2)"),
        Case("x = torch.ones(1,4,1)", "F.fold(x, (2, 2), 2, stride=2**63)"),
        Case("m = nn.Unfold(0); x = torch.ones(2,3,6,6)", "m(x)"),
        Case("m = nn.Unfold(7); x = torch.ones(2,3,6,6)", "m(x)", ("7", "6")),
        Case("m = nn.Unfold(2, stride=0); x = torch.ones(2,3,6,6)", "m(x)"),
        Case("m = nn.Fold((6, 7), 2); x = torch.ones(2,12,25)", "m(x)", ("25", "30")),
        Case("m = nn.Fold((6, 6), 0); x = torch.ones(2,12,25)", "m(x)"),
        Case("m = nn.Fold((6, 6), 2, padding=-1); x = torch.ones(2,12,25)", "m(x)"),
        Case("", "nn.Fold((6, 6))"),
        Case("", "nn.Unfold()"),
    ]


def linears() -> list[Case]:
    m, x = "m = nn.Linear(20, 30)", "x = torch.ones(4,20); w = torch.ones(30,20); b = torch.ones(30)"
    return [
        Case("", "nn.Linear(-1, 3)", ("-1",)),
        Case("", "nn.Linear(3, -1)", ("-1",)),
        Case("", "nn.Linear(3.0, 2)"),
        Case("", "nn.Linear('3', 2)"),
        Case("", "nn.Linear(3)"),
        Case("", "nn.Linear(None, 2)"),
        Case("", "nn.Linear(3, 2, dtype=torch.int32)"),
        Case("", "nn.Linear(3, 2, dtype='float32')"),
        Case("", "nn.Linear(3, 2, nonsense=1)", ("nonsense",)),
        Case("", "nn.Linear(2**40, 2**40)"),
        Case("", "nn.Linear(2**62, 4)"),
        Case("", "nn.Linear(2**63, 1)"),
        Case(f"{m}; x = torch.ones(128,21)", "m(x)", ("20", "21")),
        Case(f"{m}; x = torch.ones(20,128)", "m(x)", ("20", "128")),
        Case(f"{m}; x = torch.ones(2,20,5)", "m(x)", ("20", "5")),
        Case(f"{m}; x = torch.ones(21)", "m(x)", ("20", "21")),
        Case(f"{m}; x = torch.tensor(1.0)", "m(x)"),
        Case(f"{m}; x = torch.ones(4,20).double()", "m(x)"),
        Case(f"{m}; x = torch.ones(4,20).long()", "m(x)"),
        Case(f"{m}; x = torch.ones(4,20).half()", "m(x)"),
        Case(f"{m}; x = np.ones((4, 20), dtype=np.float32)", "m(x)"),
        Case(f"{m}; x = [1.0] * 20", "m(x)"),
        Case(m, "m()"),
        Case(f"{m}; x = torch.ones(4,20)", "m(x, x)"),
        Case(x, "F.linear(x, w.t(), b)", ("20", "30")),
        Case(x, "F.linear(x, w, torch.ones(29))", ("29", "30")),
        Case(x, "F.linear(x, w, torch.ones(2, 30))"),
        Case(x, "F.linear(x, w.unsqueeze(0), b)"),
        Case(x, "F.linear(x, torch.tensor(1.0))"),
        Case(x, "F.linear(x, w[0], b)"),
        Case(x, "F.linear(x, w.double(), b)"),
        Case(x, "F.linear(x, w, b.double())"),
        Case(x, "F.linear(x, w.tolist(), b)"),
        Case(x, "F.linear(x)"),
        Case(x, "F.linear(x, w, 1.0)"),
    ]


def lazies() -> list[Case]:
    cases = []
    for rank in (1, 2, 3):
        for kind in (f"LazyConv{rank}d", f"LazyConvTranspose{rank}d"):
            x = f"x = {image(rank)}"
            cases += [
                Case(f"m = nn.{kind}(6, 3); x = torch.ones(4)", "m(x)"),
                Case(f"m = nn.{kind}(6, 3); x = {image(rank + 1)}", "m(x)"),
                Case(f"m = nn.{kind}(6, 3, groups=5); {x}", "m(x)", ("5",)),
                Case(f"m = nn.{kind}(6, 3, groups=3); {x}", "m(x)", ("3", "4")),
                Case(f"m = nn.{kind}(6, 3, groups=0); {x}", "m(x)"),
                Case(f"m = nn.{kind}(6, 3, stride=0); {x}", "m(x)"),
            ]
    m = "m = nn.LazyLinear(3)"
    return cases + [
        Case(m, "m.weight.shape"),
        Case(m, "m.weight.numel()"),
        Case(m, "m.weight.detach()"),
        Case(m, "m.weight + 1"),
        Case(m, "m.weight.sum()"),
        Case(m, "m.weight.size()"),
        Case(m, "m.weight.data.clone()"),
        Case(m, "m.share_memory()"),
        Case(m, "nn.Linear(2, 3).load_state_dict(m.state_dict())"),
        Case(m, "m.load_state_dict({})"),
        Case(m, "m(None)"),
        Case(m, "m()"),
        Case(m, "torch.optim.SGD(m.parameters(), lr=0.1).step() or m.weight.shape"),
        Case("m = nn.LazyConv2d(6, 3)", "nn.Conv2d(4, 6, 3).load_state_dict(m.state_dict())"),
        Case("m = nn.LazyConv2d(6, 3)", "nn.init.normal_(m.weight)"),
        Case("m = nn.LazyConv2d(6, 3)", "m.weight.materialize('a')"),
    ]


def modules() -> list[Case]:
    """Shape layers, containers, parameters and state dicts."""
    x = "x = torch.ones(2,3,4,5)"
    two = "m = nn.Linear(2, 3); other = nn.Linear(3, 3)"
    return [
        Case(x, "nn.Flatten(0, 4)(x)"),
        Case(x, "nn.Flatten(-5)(x)"),
        Case(x, "nn.Flatten(3, 1)(x)"),
        Case(x, "torch.flatten(x, 2, 1)"),
        Case(x, "torch.flatten(x, 9)"),
        Case(x, "nn.Flatten('a')(x)"),
        Case(x, "nn.Unflatten(1, (2, 2))(x)", ("3",)),
        Case(x, "nn.Unflatten(1, (-1, -1))(x)"),
        Case(x, "nn.Unflatten(1, (-1, 2))(x)"),
        Case(x, "nn.Unflatten(9, (3, 1))(x)"),
        Case(x, "nn.Unflatten(1, 3)(x)"),
        Case(x, "nn.Unflatten(1.0, (3, 1))(x)"),
        Case(x, "nn.Unflatten(1, (3, 1.0))(x)"),
        Case(x, "nn.Unflatten('a', (3, 1))(x)"),
        Case(x, "nn.Unflatten(1, ())(x)"),
        Case(x, "x.unflatten(1, (5,))"),
        Case(two, "setattr(m, 'weight', torch.ones(3, 2))"),
        Case(two, "setattr(m, 'weight', 'a')"),
        Case(two, "m.load_state_dict(other.state_dict())", ("weight", "[3, 3]", "[3, 2]")),
        Case(two, "m.load_state_dict({'weight': torch.ones(3, 2)})", ("bias",)),
        Case(two, "m.load_state_dict({**m.state_dict(), 'extra': torch.ones(1)})", ("extra",)),
        Case(two, "m.load_state_dict({'weight': torch.ones(1, 2), 'bias': torch.ones(3)})", ("[1, 2]",)),
        Case(two, "m.load_state_dict({'weight': np.ones((3, 2)), 'bias': torch.ones(3)})"),
        Case(two, "m.load_state_dict([1, 2])"),
        Case(two, "m.load_state_dict({'weight': 1, 'bias': torch.ones(3)})"),
        Case(two, "m.nonsense", ("nonsense",)),
        Case(two, "m.register_parameter('weight.x', None)"),
        Case(two, "m.register_parameter('', None)"),
        Case(two, "m.register_parameter('p', torch.ones(1))"),
        Case(two, "m.register_parameter('forward', None)"),
        Case(two, "m.register_parameter(1, None)"),
        Case(two, "m.register_buffer('b', 1)"),
        Case(two, "m.register_buffer('a.b', torch.ones(1))"),
        Case(two, "m.add_module('a.b', other)"),
        Case(two, "m.add_module('', other)"),
        Case(two, "m.add_module('x', 3)"),
        Case(two, "m.add_module('forward', other)"),
        Case(two, "m.get_submodule('nope')"),
        Case(two, "m.get_parameter('nope')"),
        Case(two, "m.to(torch.int64)"),
        Case(two, "m.to('cuda')"),
        Case(two, "m.to(device='nonsense')"),
        Case(two, "m.train('yes')"),
        Case(two, "nn.Parameter(torch.ones(2, dtype=torch.int64))"),
        Case(two, "nn.Parameter([1.0])"),
        Case(two, "nn.Sequential(3)"),
        Case(two, "nn.Sequential(m)[5]"),
        Case(two, "nn.Sequential(m, other)(torch.ones(1, 3))"),
        Case(two, "nn.ModuleList([1])"),
        Case(two, "nn.ModuleList([m])[3]"),
        Case(two, "nn.ModuleDict({'a': 1})"),
        Case(two, "nn.ModuleDict({'a': m})['b']"),
        Case(two, "nn.Module()(1)"),
        Case(two, "nn.Dropout(1.5)", ("1.5",)),
        Case(two, "nn.Dropout(-0.1)"),
        Case(two, "nn.init.xavier_uniform_(torch.ones(3))"),
        Case(two, "nn.init.kaiming_normal_(torch.ones(3))"),
        Case(two, "nn.init.orthogonal_(torch.ones(3))"),
        Case(two, "nn.init.dirac_(torch.ones(3, 3))"),
        Case(two, "nn.init.dirac_(torch.ones(5, 3, 3), groups=2)"),
        Case(two, "nn.init.calculate_gain('nonsense')"),
        Case(two, "nn.init.kaiming_uniform_(m.weight, mode='fan_sideways')"),
        Case(two, "nn.init.calculate_gain('leaky_relu', 'a')"),
    ]


def heads() -> list[Case]:
    """Pooling, losses and optimisers as far as a LeNet needs them."""
    x = "x = torch.ones(2,3,4,5); t = torch.tensor([0, 1]); z = torch.ones(2, 3)"
    return [
        Case(x, "F.max_pool2d(x, 0)"),
        Case(x, "F.max_pool2d(x, 6)"),
        Case(x, "F.max_pool2d(x, 2, padding=2)"),
        Case(x, "F.max_pool2d(x, 2, stride=0)"),
        Case(x, "F.max_pool2d(x, 2, dilation=0)"),
        Case(x, "F.max_pool2d(x[0, 0], 2)"),
        Case(x, "F.max_pool2d(x, (2, 2, 2))"),
        Case(x, "F.max_pool2d(x, 2.0)"),
        Case(x, "F.avg_pool2d(x, 0)"),
        Case(x, "F.avg_pool2d(x, 6)"),
        Case(x, "F.avg_pool2d(x, 2, padding=2)"),
        Case(x, "F.avg_pool2d(x, 2, divisor_override=0)"),
        Case(x, "F.avg_pool2d(x[0, 0], 2)"),
        Case(x, "F.cross_entropy(z, torch.tensor([0, 3]))", ("3",)),
        Case(x, "F.cross_entropy(z, torch.tensor([0, -1]))", ("-1",)),
        Case(x, "F.cross_entropy(z, torch.tensor([0, 1, 2]))", ("2", "3")),
        Case(x, "F.cross_entropy(z, torch.tensor([0.0, 1.0]))"),
        Case(x, "F.cross_entropy(z, t, reduction='sometimes')", ("sometimes",)),
        Case(x, "F.cross_entropy(z, t, label_smoothing=2.0)"),
        Case(x, "F.cross_entropy(z, t, weight=torch.ones(4))"),
        Case(x, "F.mse_loss(z, torch.ones(2, 4))"),
        Case(x, "F.mse_loss(z, z, reduction='sometimes')", ("sometimes",)),
        Case(x, "F.dropout(z, 2.0)"),
        Case(x, "torch.optim.SGD([z], lr=-1)", ("-1",)),
        Case(x, "torch.optim.SGD([], lr=0.1)"),
        Case(x, "torch.optim.SGD([z], lr=0.1, momentum=-1)"),
        Case(x, "torch.optim.SGD([z], lr=0.1, weight_decay=-1)"),
        Case(x, "torch.optim.SGD([z], lr=0.1, nesterov=True)"),
        Case(x, "torch.optim.SGD(z, lr=0.1)"),
        Case(x, "torch.optim.SGD([1.0], lr=0.1)"),
        Case(x, "torch.optim.SGD([z * z.requires_grad_()], lr=0.1)"),
        Case(x, "torch.optim.Adam([z], lr=-1)"),
        Case(x, "torch.optim.Adam([z], betas=(1.0, 0.9))"),
        Case(x, "torch.optim.Adam([z], betas=(0.9, 1.0))"),
        Case(x, "torch.optim.Adam([z], eps=-1)"),
    ]


def tensors() -> list[Case]:
    """Tensors and autograd."""
    x = "x = torch.ones(2, 3); r = torch.ones(2, 3, requires_grad=True)"
    return [
        Case(x, "x.view(4)", ("4",)),
        Case(x, "x.view(-1, -1)"),
        Case(x, "x.view(-1, 4)"),
        Case(x, "x.reshape(7)", ("7",)),
        Case(x, "x.permute(0, 0)"),
        Case(x, "x.permute(0)"),
        Case(x, "x.transpose(0, 2)"),
        Case(x, "x.unsqueeze(4)"),
        Case(x, "x.squeeze(3)"),
        Case(x, "x.expand(4, 3)"),
        Case(x, "x.expand(3)"),
        Case(x, "x.repeat(2)"),
        Case(x, "x.narrow(1, 2, 2)"),
        Case(x, "x[2]"),
        Case(x, "x[0, 0, 0]"),
        Case(x, "x[torch.tensor([5])]"),
        Case(x, "x[::-1]"),
        Case(x, "x['a']"),
        Case(x, "x[1.5]"),
        Case(x, "x + torch.ones(4)", ("3", "4")),
        Case(x, "x @ x"),
        Case(x, "torch.matmul(x, torch.ones(2))"),
        Case(x, "torch.cat([x, torch.ones(3, 2)])"),
        Case(x, "torch.cat([])"),
        Case(x, "torch.stack([])"),
        Case(x, "torch.stack([x, torch.ones(3)])"),
        Case(x, "torch.cat([x, 1])"),
        Case(x, "torch.split(x, [1, 2])"),
        Case(x, "torch.chunk(x, 0)"),
        Case(x, "x.sum(2)"),
        Case(x, "x.sum((0, 0))"),
        Case(x, "x.long().mean()"),
        Case(x, "torch.ones(0).max()"),
        Case(x, "torch.ones(0).argmax()"),
        Case(x, "x.item()"),
        Case(x, "bool(x)"),
        Case(x, "float(x)"),
        Case(x, "len(torch.tensor(1.0))"),
        Case(x, "iter(torch.tensor(1.0))"),
        Case(x, "x.to('cuda')"),
        Case(x, "x.to('nonsense')"),
        Case(x, "torch.ones(2, device='nonsense')"),
        Case(x, "torch.ones(-1)"),
        Case(x, "torch.ones(2.5)"),
        Case(x, "torch.zeros('a')"),
        Case(x, "torch.tensor('a')"),
        Case(x, "torch.tensor([[1], [1, 2]])"),
        Case(x, "torch.tensor(None)"),
        Case(x, "torch.tensor(object())"),
        Case(x, "torch.tensor([1], dtype=torch.int64, requires_grad=True)"),
        Case(x, "torch.from_numpy([1.0])"),
        Case(x, "torch.from_numpy(np.ones(3)[::-1])"),
        Case(x, "torch.tensor(np.ones(3)[::-1])"),
        Case(x, "torch.as_tensor(np.ones(3)[::-1])"),
        Case(x, "torch.from_numpy(np.array(['a']))"),
        Case(x, "torch.arange(0, 3, 0)"),
        Case(x, "torch.arange(0, 3, -1)"),
        Case(x, "torch.linspace(0, 1, -1)"),
        Case(x, "torch.randint(3, 3, (2,))"),
        Case(x, "torch.randperm(-1)"),
        Case(x, "x.uniform_(2, 1)"),
        Case(x, "x.normal_(0, -1)"),
        Case(x, "torch.manual_seed('a')"),
        Case(x, "r.numpy()"),
        Case(x, "r.add_(1)"),
        Case(x, "r[0].add_(1)"),
        Case(x, "r.backward()"),
        Case(x, "x.sum().backward()"),
        Case(x, "(r * 2).sum().backward(torch.ones(3))"),
        Case(x, "torch.autograd.grad(r.sum(), x)"),
        Case(x, "torch.autograd.grad(r.sum(), torch.ones(2, requires_grad=True))"),
        Case(f"{x}; y = (r * r).sum(); y.backward()", "y.backward()"),
        Case(f"{x}; w = torch.ones(2, 3, requires_grad=True) * 1; y = (w * w).sum(); w.add_(1)", "y.backward()"),
        Case(x, "x.long().requires_grad_()"),
        Case(x, "(r * 2).requires_grad_(False)"),
        Case(x, "setattr(r, 'grad', torch.ones(5))"),
        Case(x, "setattr(r, 'grad', 3)"),
        Case(x, "x.retain_grad()"),
        Case(x, "x.copy_(torch.ones(4))"),
        Case(x, "x.add_(torch.ones(5, 2, 3))"),
        Case(x, "x.long().add_(0.5)"),
        Case(x, "x.clamp()"),
        Case(x, "x.softmax(3)"),
        Case(x, "torch.allclose(x, x.double())"),
        Case(x, "torch.equal(x, 1)"),
        Case(x, "torch.zeros(2**62, 4)"),
        Case(x, "torch.zeros(2**63)"),
        Case(x, "torch.zeros(2**40, 2**10)"),
        Case(x, "torch.empty(2**50)"),
        Case(x, "x.contiguous(memory_format=torch.channels_last)"),
        Case(x, "x.expand(2**62, 2, 3).contiguous()"),
        Case(x, "x.repeat(2**61, 1)"),
    ]


def crashes() -> list[Case]:
    """Inputs that crashed, hung or overflowed a library (issues of pytorch/pytorch, in PYTORCH_FACTS order)."""
    x = "x = torch.ones(1,2,5,5); w = torch.ones(2,2,3,3)"
    volume = "x = torch.ones(1,2,4,4,4); w = torch.ones(2,2,3,3,3)"
    row = "x = torch.ones(1,2,5); w = torch.ones(2,2,3)"
    zeros = [
        Case(x, f"F.conv2d(x, w, None, {stride}, 0, {dilation}, {groups})")
        for stride in (0, 1)
        for dilation in (0, 1)
        for groups in (0, 1)
        if not (stride and dilation and groups)
    ]
    return zeros + [
        Case(x, "F.conv_transpose2d(x, w, None, 0, 0, 0, 0, 0)"),
        Case(x, "F.conv_transpose2d(x, w, None, 1, 0, 0, 0, 1)"),
        Case(x, "F.conv2d(x, w, None, (0, 1), 0, (1, 0), 1)"),
        Case(row, "F.conv1d(x, w, padding='same', dilation=3046875451)"),
        Case(x, "F.conv2d(x, w, padding='same', dilation=3046875451)"),
        Case(volume, "F.conv_transpose3d(x, w, dilation=1879048192)"),
        Case(f"m = nn.Conv2d(2, 2, 36028797018963968); {x}", "m(x)"),
        Case(f"m = nn.Conv2d(2, 2, 3, padding=1676240524292489472); {x}", "m(x)"),
        Case(row, "F.conv1d(x, w, padding=1676240524292489472)"),
        Case(x, "F.conv2d(x, w, padding=2**63 - 1)"),
        Case(x, "F.conv2d(x, w, padding=2**63)"),
        Case(x, "F.conv2d(x, w, padding=2**31)"),
        Case(x, "F.conv2d(x, w, dilation=2**63 - 1)"),
        Case(x, "F.conv2d(x, w, dilation=-(2**63))"),
        Case(x, "F.conv2d(x, w, groups=2**62)"),
        Case(x, "F.conv2d(x, w, groups=2**64)"),
        Case(x, "F.conv_transpose2d(x, w, stride=2**31)"),
        Case(x, "F.conv_transpose2d(x, w, stride=2**62)"),
        Case(x, "F.conv_transpose2d(x, w, padding=2**62)"),
        Case(x, "F.conv_transpose2d(x, w, dilation=2**62)"),
        Case(x, "F.conv_transpose2d(x, w, stride=2**62, output_padding=2**61)"),
        Case(x, "F.max_pool2d(x, 2**62)"),
        Case(x, "F.max_pool2d(x, 2, dilation=2**62)"),
        Case("", "nn.Conv1d(2**40, 2**40, 1)"),
        Case("", "nn.Conv1d(2**62, 4, 1)"),
        Case("", "nn.Conv2d(2**63, 1, 1)"),
        Case("", "nn.Conv3d(2, 2, (2**30, 2**30, 2**30))"),
        Case("", "nn.Conv1d(4, 4, 3, groups=2**63)"),
    ]


CASES = [
    *layers(),
    *calls(),
    *output_sizes(),
    *pads(),
    *folds(),
    *linears(),
    *lazies(),
    *modules(),
    *heads(),
    *tensors(),
    *crashes(),
]
