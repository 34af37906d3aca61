"""nn.utils against PyTorch while it runs: values, gradients, names in state dicts, what is refused.

A text is a line, as `sides` reads it, and goes on where the next begins with spaces. U is nn.utils, W its
parametrizations, P its parametrize.
"""

import importlib
import warnings

import numpy as np
import pytest

import rushlight
from tests.nn.sides import assert_same, outcome, plain, run

pytestmark = pytest.mark.live


def lines(text):
    return [line for line in text.strip().replace("\n  ", " ").split("\n") if line]


def prepare(library, text):
    """The text with names that both sides have."""
    library.manual_seed(5)
    importlib.import_module(f"{library.__name__}.nn.utils.prune")
    text = text.replace("prune.", "nn.utils.prune.").replace("W.", "nn.utils.parametrizations.")
    return text.replace("P.", "nn.utils.parametrize.").replace("U.", "nn.utils.")


SYMMETRIC = "type('S', (nn.Module,), {'forward': lambda s, x: x.triu() + x.triu(1).T})()"
PAIR = (
    "type('T', (nn.Module,), {'forward': lambda s, a, b: a * b, "
    "'right_inverse': lambda s, x: (x.abs().sqrt(), x.abs().sqrt() * x.sign())})()"
)
STEP = "x = torch.linspace(-1, 1, 12).reshape(3, 4); y = m(x); (y * y).sum().backward()"
ALL = "[y, [n for n, _ in m.named_parameters()], [p.grad for p in m.parameters()], m.state_dict(), type(m).__name__]"

VALUES = f"""
m = U.weight_norm(nn.Linear(4, 5)); {STEP}; {ALL}
m = U.weight_norm(nn.Linear(4, 5), dim=None); {STEP}; {ALL}
m = U.weight_norm(nn.Linear(4, 5), 'bias'); {STEP}; {ALL}
m = U.weight_norm(nn.Linear(4, 5), dim=1); {STEP}; m = U.remove_weight_norm(m); {ALL}
m = U.weight_norm(nn.Conv1d(3, 5, 2)); y = m(torch.ones(2, 3, 6)); (y * y).sum().backward(); {ALL}
m = W.weight_norm(nn.Linear(4, 5)); {STEP}; {ALL}
m = W.weight_norm(nn.Linear(4, 5), dim=None); {STEP}; {ALL}
m = W.weight_norm(nn.ConvTranspose2d(3, 5, 2), dim=1); y = m(torch.ones(2, 3, 6, 5)); (y * y).sum().backward(); {ALL}
m = W.weight_norm(nn.Linear(4, 5)); {STEP}; P.remove_parametrizations(m, 'weight'); {ALL}
m = W.weight_norm(nn.Linear(4, 5)); m.load_state_dict(U.weight_norm(nn.Linear(4, 5)).state_dict()); {STEP}; {ALL}
m = U.spectral_norm(nn.Linear(4, 5)); {STEP}; {ALL}
m = U.spectral_norm(nn.Linear(4, 5), n_power_iterations=3).eval(); {STEP}; {ALL}
m = U.spectral_norm(nn.Linear(4, 5)); {STEP}; U.remove_spectral_norm(m); {ALL}
m = U.spectral_norm(nn.ConvTranspose1d(3, 5, 2)); y = m(torch.ones(2, 3, 6)); (y * y).sum().backward(); {ALL}
U.spectral_norm(nn.Linear(4, 5)).state_dict()._metadata
m = W.spectral_norm(nn.Linear(4, 5)); {STEP}; {ALL}
m = W.spectral_norm(nn.Linear(4, 5), 'bias'); {STEP}; {ALL}
m = W.spectral_norm(nn.ConvTranspose1d(3, 5, 2)); y = m(torch.ones(2, 3, 6)); (y * y).sum().backward(); {ALL}
m = W.spectral_norm(nn.Linear(4, 5)).eval(); {STEP}; P.remove_parametrizations(m, 'weight'); {ALL}
m = nn.Linear(4, 4); P.register_parametrization(m, 'weight', {SYMMETRIC}); {STEP}; {ALL}
m = nn.Linear(4, 4); P.register_parametrization(m, 'weight', {PAIR}); m.weight = torch.eye(4) * 2; {STEP}; {ALL}
m = nn.Linear(4, 4); [P.register_parametrization(m, 'weight', nn.Tanh()) for _ in 'ab']; {STEP}; {ALL}
m = nn.Linear(4, 4); P.register_parametrization(m, 'weight', nn.Tanh()); m2 = __import__('copy').deepcopy(m);
  m2.state_dict()
m = nn.Linear(4, 4); P.register_parametrization(m, 'weight', nn.Tanh()); repr(m)
m = nn.Linear(4, 4); P.register_parametrization(m, 'weight', nn.Tanh());
  P.remove_parametrizations(m, 'weight', False); {STEP}; {ALL}
m = nn.BatchNorm1d(4); P.register_parametrization(m, 'running_var', nn.Softplus()); {STEP}; {ALL}
m = nn.Linear(4, 4); P.register_parametrization(m, 'weight', nn.Tanh()); m2 = nn.Linear(4, 4);
  P.transfer_parametrizations_and_params(m, m2); m2.state_dict()
m = nn.Linear(4, 4); P.register_parametrization(m, 'weight', nn.Tanh());
  [P.is_parametrized(m), P.is_parametrized(m, 'bias'), P.type_before_parametrizations(m).__name__]
c = nn.Conv2d(3, 4, 2).eval(); b = nn.BatchNorm2d(4); b(torch.rand(4, 4, 3, 3));
  U.fuse_conv_bn_eval(c, b.eval()).state_dict()
c = nn.ConvTranspose2d(3, 4, 2, bias=False).eval(); b = nn.BatchNorm2d(4).eval();
  U.fuse_conv_bn_eval(c, b, True).state_dict()
c = nn.Linear(3, 4).eval(); b = nn.BatchNorm1d(4); b(torch.rand(5, 4));
  U.fuse_linear_bn_eval(c, b.eval()).state_dict()
[p.requires_grad for p in U.fuse_conv_bn_weights(torch.ones(2, 1, 1), None, torch.ones(2), torch.ones(2), 0.1,
  None, None)]
m = prune.l1_unstructured(nn.Linear(4, 5), 'weight', 0.3); {STEP}; {ALL}
m = prune.l1_unstructured(nn.Linear(4, 5), 'weight', 3); prune.l1_unstructured(m, 'weight', 4); {STEP}; {ALL}
m = prune.random_unstructured(nn.Linear(4, 5), 'weight', 0.3); {STEP}; {ALL}
m = prune.random_unstructured(nn.Linear(4, 5), 'weight', 0.0); {STEP}; {ALL}
m = prune.random_structured(nn.Linear(4, 5), 'weight', 2, 0); {STEP}; {ALL}
m = prune.ln_structured(nn.Linear(4, 5), 'weight', 2, 1, 0); {STEP}; {ALL}
m = prune.ln_structured(nn.Linear(4, 5), 'weight', 0.5, 2, -1); prune.l1_unstructured(m, 'weight', 2); {STEP}; {ALL}
m = prune.ln_structured(nn.Conv1d(3, 4, 2), 'weight', 1, 2, 1);
  prune.ln_structured(m, 'weight', 1, float('inf'), 0); m.state_dict()
m = prune.identity(nn.Linear(4, 5), 'bias'); prune.custom_from_mask(m, 'weight', torch.eye(5, 4)); {STEP}; {ALL}
m = prune.l1_unstructured(nn.Linear(4, 5), 'weight', 0.3); prune.remove(m, 'weight'); {STEP}; {ALL}
m = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3));
  prune.global_unstructured([(m[0], 'weight'), (m[1], 'bias')], prune.L1Unstructured, amount=0.4);
  [prune.is_pruned(m), m.state_dict()]
m = prune.l1_unstructured(nn.Linear(4, 5), 'weight', 3, importance_scores=torch.arange(20.0).reshape(5, 4));
  m.state_dict()
prune.L1Unstructured(2).prune(torch.tensor([3.0, -1.0, 0.5]))
m = __import__('copy').deepcopy(W.weight_norm(nn.Linear(2, 2))); repr(m)
m = nn.Linear(2, 2); torch.func.functional_call(m, {{'weight': torch.ones(2, 2)}}, torch.ones(1, 2))
m = nn.Linear(2, 2); torch.func.functional_call(m, ({{'weight': torch.ones(2, 2)}}, {{'bias': torch.ones(2)}}),
  (torch.ones(1, 2),))
m = nn.BatchNorm1d(2); d = {{'running_mean': torch.ones(2), 'num_batches_tracked': torch.tensor(4)}};
  y = torch.func.functional_call(m, d, torch.ones(3, 2)); [y, d, m.state_dict()]
m = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)); m[1].weight = m[0].weight;
  torch.func.functional_call(m, {{'0.weight': torch.eye(2)}}, torch.ones(1, 2))
m = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)); m[1].weight = m[0].weight;
  torch.func.functional_call(m, {{'0.weight': torch.eye(2)}}, torch.ones(1, 2), tie_weights=False)
w = torch.eye(2, requires_grad=True);
  torch.func.functional_call(nn.Linear(2, 2), {{'weight': w}}, torch.ones(1, 2)).sum().backward(); w.grad
U.convert_conv2d_weight_memory_format(nn.Sequential(nn.Conv2d(8, 4, 3)), torch.channels_last)[0].weight.stride()
U.convert_conv3d_weight_memory_format(nn.ConvTranspose3d(8, 4, 3), torch.channels_last_3d).weight.stride()
U.skip_init(nn.Conv2d, 3, 4, 2).weight.shape
torch.func.functional_call(nn.Linear(2, 2), {{'nothing': torch.ones(2)}}, torch.zeros(1, 2)).shape
"""


@pytest.mark.parametrize("text", lines(VALUES))
def test_value(torch, text):
    found = []
    for library in (rushlight, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(plain(run(library, prepare(library, text))))
    assert_same(found[0], found[1], 3e-5, text)


FAILURES = """
U.fuse_conv_bn_eval(nn.Conv1d(1, 1, 1), nn.BatchNorm1d(1))
U.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(2).eval())
U.remove_weight_norm(nn.Linear(1, 1))
U.remove_spectral_norm(nn.Linear(1, 1))
U.weight_norm(U.weight_norm(nn.Linear(1, 1)))
U.spectral_norm(U.spectral_norm(nn.Linear(1, 1)))
U.spectral_norm(nn.Linear(1, 1), n_power_iterations=0)
U.spectral_norm(nn.LazyLinear(1))
U.weight_norm(nn.LazyLinear(1))
W.spectral_norm(nn.Linear(1, 1), 'x')
W.spectral_norm(nn.Linear(1, 1), n_power_iterations=0)
W.spectral_norm(nn.Linear(1, 1), dim=3)
P.remove_parametrizations(nn.Linear(1, 1), 'weight')
P.remove_parametrizations(W.weight_norm(nn.Linear(1, 1)), 'weight', False)
P.register_parametrization(nn.Linear(1, 1), 'x', nn.Tanh())
P.register_parametrization(nn.Linear(3, 4), 'weight', nn.Flatten(0))
P.register_parametrization(nn.Linear(3, 4), 'weight', type('D', (nn.Module,), {'forward': lambda s, x: x.double()})())
P.register_parametrization(nn.Linear(3, 4), 'weight', type('D', (nn.Module,), {'forward': lambda s, x: 3})())
m = nn.Linear(2, 2); P.register_parametrization(m, 'weight', nn.Tanh()); setattr(m, 'weight', torch.ones(2, 2))
m = nn.Linear(2, 2); P.register_parametrization(m, 'weight', nn.Tanh());
  setattr(m, 'weight', nn.Parameter(torch.ones(2, 2)))
m = nn.Linear(2, 2); P.register_parametrization(m, 'weight', nn.Tanh());
  P.register_parametrization(m, 'weight', nn.Flatten(0))
m = nn.Linear(2, 2); P.register_parametrization(m, 'weight', nn.Tanh()); __import__('pickle').dumps(m)
prune.l1_unstructured(nn.Linear(1, 1), 'weight', 1.5)
prune.l1_unstructured(nn.Linear(1, 1), 'weight', -1)
prune.l1_unstructured(nn.Linear(1, 1), 'weight', 'x')
prune.l1_unstructured(nn.Linear(1, 1), 'weight', 3)
prune.l1_unstructured(nn.Linear(1, 1), 'x', 1)
prune.random_structured(nn.Linear(1, 1), 'bias', 1, 0)
prune.random_structured(nn.Linear(1, 1), 'weight', 1, 5)
prune.remove(nn.Linear(1, 1), 'weight')
prune.global_unstructured([(nn.Linear(1, 1), 'weight')], prune.LnStructured, amount=1, n=1, dim=0)
prune.global_unstructured(3, prune.L1Unstructured, amount=1)
prune.BasePruningMethod()
prune.PruningContainer().add_pruning_method(3)
torch.func.functional_call(nn.Linear(1, 1), {'weight': torch.ones(1, 1)}, torch.ones(1, 1), strict=True)
torch.func.functional_call(nn.Linear(1, 1), {'x.y': torch.ones(1, 1)}, torch.ones(1, 1))
torch.func.functional_call(nn.Linear(1, 1), ({'weight': 1}, {'weight': 2}), torch.ones(1, 1))
torch.func.functional_call(nn.Linear(1, 1), 3, torch.ones(1, 1))
m = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)); m[1].weight = m[0].weight;
  torch.func.functional_call(m, {'0.weight': torch.ones(2, 2), '1.weight': torch.ones(2, 2)}, torch.ones(1, 2))
U.skip_init(nn.ReLU)
U.skip_init(dict)
"""


@pytest.mark.parametrize("text", lines(FAILURES))
def test_failure(torch, text):
    ours, theirs = (outcome(library, prepare(library, text)) for library in (rushlight, torch))
    assert theirs[0] != "value", f"PyTorch accepts this: {theirs}"
    assert ours[0] == theirs[0], ours
    assert str(ours[1])[:40] == str(theirs[1])[:40]


WARNINGS = """
U.weight_norm(nn.Linear(1, 1)) and 1
U.stateless.functional_call(nn.Linear(1, 1), {}, torch.ones(1, 1)) is not None
"""


@pytest.mark.parametrize("text", lines(WARNINGS))
def test_warning(torch, text):
    ours, theirs = (outcome(library, prepare(library, text)) for library in (rushlight, torch))
    assert ours[2] == theirs[2] and theirs[2]


@pytest.mark.parametrize("make", ["U.weight_norm", "U.spectral_norm", "W.weight_norm", "W.spectral_norm"])
def test_state_goes_both_ways(torch, make):
    rushlight.manual_seed(1)
    sides = []
    for library in (rushlight, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sides.append(run(library, prepare(library, f"{make}(nn.Conv2d(3, 4, 3))")))
    ours, theirs = sides
    torch.nn.init.uniform_(theirs.bias)
    ours.load_state_dict({name: rushlight.tensor(value.numpy()) for name, value in theirs.state_dict().items()})
    x = np.random.RandomState(0).rand(2, 3, 5, 5).astype(np.float32)
    ours.eval(), theirs.eval()
    np.testing.assert_allclose(
        ours(rushlight.tensor(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-4, atol=1e-5
    )
    theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()})
    assert ours.state_dict().keys() == theirs.state_dict().keys()
