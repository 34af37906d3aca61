"""Autocast, GradScaler and checkpointing against PyTorch while it runs."""

import importlib
import warnings

import numpy as np
import pytest

import rushlight
from tests.nn.sides import assert_same, outcome, plain, run
from tests.parity import opinfo
from tests.parity.test_live_opinfo import NAMES

pytestmark = pytest.mark.live

# Whose samples call PyTorch's own modules.
OTHERWISE = {"nn.functional.triplet_margin_with_distance_loss"}


def types(library, at, half):
    with library.autocast("cpu", dtype=half):
        return [str(found.dtype) for found in opinfo.call(library, at) if hasattr(found, "dtype")]


@pytest.mark.parametrize("name", sorted(set(NAMES) - OTHERWISE))
def test_types_of_results(torch, name):
    """Each operation gives PyTorch's types inside autocast, from float32 and from the half."""
    torch.set_num_threads(1)
    for kind in (torch.float32, torch.bfloat16):
        for info in opinfo.operations().get(name, ()):
            if kind not in info.supported_dtypes("cpu"):
                continue
            for sample in opinfo.samples(info, kind, False)[:3]:
                for path in opinfo.variants(name, info):
                    at = opinfo.Call(path, (sample.input, *sample.args), sample.kwargs)
                    try:
                        seen = {}
                        mine = opinfo.Call(path, opinfo.across(at.arguments, seen), opinfo.across(at.keywords, seen))
                        expected = types(torch, at, torch.bfloat16)
                    except Exception:  # a type that is not here, or what PyTorch refuses
                        continue
                    assert types(rushlight, mine, rushlight.bfloat16) == expected, opinfo.shown(at)


NETWORKS = """
nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(72, 5))
nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.SiLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 5))
nn.Sequential(nn.ConvTranspose2d(3, 4, 2, 2), nn.InstanceNorm2d(4, affine=True), nn.Flatten(), nn.LayerNorm(400))
"""


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
@pytest.mark.parametrize("text", NETWORKS.strip().split("\n"))
def test_networks(torch, text, half):
    x = np.random.RandomState(0).rand(4, 3, 5, 5).astype(np.float32)
    found = []
    for library in (rushlight, torch):
        library.manual_seed(3)
        model, space = run(library, text), library.nn.functional
        with library.autocast("cpu", dtype=getattr(library, half)):
            y = model(library.tensor(x))
            loss = space.cross_entropy(y, library.tensor([0, 1, 2, 3]))
        loss.backward()
        grads = [(str(p.grad.dtype), plain(p.grad)) for p in model.parameters()]
        found.append((str(y.dtype), str(loss.dtype), plain(y), grads))
    ours, theirs = found
    assert ours[:2] == theirs[:2]
    tolerance = 4e-2 if half == "bfloat16" else 6e-3
    np.testing.assert_allclose(ours[2], theirs[2], rtol=tolerance, atol=tolerance)
    for (kind, mine), (expected, reference) in zip(ours[3], theirs[3], strict=True):
        assert kind == expected
        np.testing.assert_allclose(mine, reference, rtol=tolerance, atol=tolerance * np.abs(reference).max() + 1e-3)


LOOP = (
    "m = nn.Linear(3, 2); o = torch.optim.SGD(m.parameters(), lr=0.5); "
    "s = torch.amp.GradScaler('cpu', init_scale=8.0, growth_interval=2); seen = []; "
    "step = lambda factor: (o.zero_grad(), s.scale((m(torch.ones(1, 3)) * factor).sum()).backward(), s.step(o), "
    "s.update(), seen.append(s.get_scale())); "
)
VALUES = f"""
{LOOP}[step(1.0) for _ in range(5)]; [seen, m.state_dict(), s.state_dict()]
{LOOP}step(1.0); step(float('inf')); step(1.0); [seen, m.state_dict(), s.state_dict()]
{LOOP}step(1.0); s2 = torch.amp.GradScaler('cpu'); s2.load_state_dict(s.state_dict()); s2.state_dict()
{LOOP}s.scale(m(torch.ones(1, 3)).sum()).backward(); s.unscale_(o); g = m.bias.grad.clone(); s.step(o); [g, m.bias]
{LOOP}step(1.0); s.update(4.0) if False else s.scale([torch.ones(2), (torch.ones(1),)])
{LOOP}step(1.0); s2 = __import__('pickle').loads(__import__('pickle').dumps(s)); s2.state_dict()
s = torch.amp.GradScaler('cpu', enabled=False); [s.scale(3), s.get_scale(), s.state_dict(), s.is_enabled()]
[torch.is_autocast_enabled('cpu'), torch.is_autocast_enabled()]
[str(torch.get_autocast_dtype('cpu')), str(torch.get_autocast_dtype('cuda'))]
a = torch.autocast('cpu'); a.__enter__(); r = torch.is_autocast_enabled('cpu'); a.__exit__(None, None, None); r
a = torch.autocast('cpu', enabled=False); f = a(lambda x: x @ x); str(f(torch.ones(2, 2)).dtype)
f = torch.autocast('cpu', torch.float16)(lambda x: x @ x); str(f(torch.ones(2, 2)).dtype)
f = torch.autocast('cpu')(torch.autocast('cpu', enabled=False)(lambda x: x @ x)); str(f(torch.ones(2, 2)).dtype)
f = torch.autocast('cpu')(lambda x: x @ x); str(f(torch.ones(2, 2, dtype=torch.float64)).dtype)
f = torch.autocast('cpu')(lambda x: torch.cat([x, x @ x])); str(f(torch.ones(2, 2)).dtype)
[torch.amp.is_autocast_available('cpu'), torch.amp.is_autocast_available('meta'), torch.is_autocast_cache_enabled()]
"""


@pytest.mark.parametrize("text", VALUES.strip().split("\n"))
def test_value(torch, text):
    found = []
    for library in (rushlight, torch):
        library.manual_seed(0)
        found.append(plain(run(library, text)))
    assert_same(found[0], found[1], 1e-6, text)


FAILURES = f"""
torch.autocast(3)
torch.autocast('x')
torch.get_autocast_dtype('x')
torch.amp.custom_fwd(device_type=3)
torch.amp.GradScaler('cpu', growth_factor=1.0)
torch.amp.GradScaler('cpu', backoff_factor=1.0)
torch.amp.GradScaler('cpu').scale(3)
torch.amp.GradScaler('cpu').update()
torch.amp.GradScaler('cpu').load_state_dict({{}})
{LOOP}s.step(o)
{LOOP}s.scale(m(torch.ones(1, 3)).sum()); s.step(o)
{LOOP}s.scale(m(torch.ones(1, 3)).sum()).backward(); s.unscale_(o); s.unscale_(o)
{LOOP}s.scale(m(torch.ones(1, 3)).sum()).backward(); s.step(o); s.step(o)
{LOOP}s.scale(m(torch.ones(1, 3)).sum()).backward(); s.step(o); s.unscale_(o)
{LOOP}s.scale(m(torch.ones(1, 3)).sum()).backward(); s.step(o, closure=None)
{LOOP}m.half(); s.scale(torch.ones(1)); m.bias.grad = m.bias.detach(); s.unscale_(o)
"""


@pytest.mark.parametrize("text", FAILURES.strip().split("\n"))
def test_failure(torch, text):
    ours, theirs = outcome(rushlight, text), outcome(torch, text)
    assert ours[0] == theirs[0] != "value", (ours, theirs)
    assert ours[1][:20] == theirs[1][:20]


WARNINGS = """
torch.autocast('cpu', dtype=torch.float32)._enabled
torch.autocast('cuda')._enabled
torch.amp.GradScaler().is_enabled()
torch.cuda.amp.GradScaler().is_enabled()
torch.cpu.amp.autocast()._enabled
torch.cuda.amp.autocast()._enabled
torch.cpu.amp.GradScaler().is_enabled()
"""


@pytest.mark.parametrize("text", WARNINGS.strip().split("\n"))
def test_warning(torch, text):
    ours, theirs = outcome(rushlight, text), outcome(torch, text)
    assert ours == theirs and theirs[2]


CHECKPOINTS = """
C.checkpoint(lambda t, k: (t * k).exp(), x, 2.0, use_reentrant=True)
C.checkpoint(lambda t, k: (t * k).exp(), x, k=2.0, use_reentrant=False)
C.checkpoint(F.dropout, x, 0.5, use_reentrant=False)
C.checkpoint(F.dropout, x, 0.5, use_reentrant=True)
C.checkpoint_sequential([torch.sin, torch.exp, torch.tanh], 2, x, use_reentrant=False)
C.checkpoint(lambda t: C.checkpoint(torch.exp, t.sin(), use_reentrant=False).cos(), x, use_reentrant=False)
torch.autocast('cpu')(lambda t: C.checkpoint(lambda s: s @ s, t, use_reentrant=False).float())(x)
"""


@pytest.mark.parametrize("text", CHECKPOINTS.strip().split("\n"))
def test_checkpoint(torch, text):
    found = []
    for library in (rushlight, torch):
        library.manual_seed(1)
        x = library.linspace(-1, 1, 9).reshape(3, 3).requires_grad_()
        space = {"C": importlib.import_module(f"{library.__name__}.utils.checkpoint"), "F": library.nn.functional}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = eval(text, {**space, "torch": library, "x": x})
        y.sum().backward()
        found.append(plain([y, x.grad, library.rand(2)]))
    assert_same(*found, 1e-6, text)
