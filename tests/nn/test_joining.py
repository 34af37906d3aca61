"""A batch norm and the ReLU behind it in one pass: nobody can tell, whatever surrounds them."""

import math

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.autograd.operation import watched
from rushlight.nn import joining

SHAPES = {"1d": [(8, 6), (3, 6, 4)], "2d": [(4, 6, 5, 7), (1, 16, 40, 40), (2, 70, 9, 9)], "3d": [(2, 6, 3, 4, 5)]}
CASES = [(kind, shape) for kind, shapes in SHAPES.items() for shape in shapes]
KINDS = ["float32", "float64", "float16", "bfloat16"]


def pair(kind, channels, activation, dtype=torch.float32, **options):
    torch.manual_seed(1)
    norm = getattr(nn, f"BatchNorm{kind}")(channels, dtype=dtype, **options)
    with torch.no_grad():
        for some, by in ((norm.weight, 2), (norm.bias, 3), (norm.running_mean, 1)):
            if some is not None:
                some.copy_(torch.randn(channels) * by)
    return norm, activation


def inputs(shape, dtype, channels_last=False):
    x, grad = torch.randn(*shape).to(dtype), torch.randn(*shape).to(dtype)
    return (x.contiguous(memory_format=torch.channels_last) if channels_last else x), grad


def differentiated(run, norm, x, grad):
    norm.zero_grad()
    x = x.clone().requires_grad_(True)
    y = run(x)
    y.backward(grad)
    parameters = [p.grad for p in norm.parameters()]
    return y, [y, x.grad, *parameters, *norm.buffers()]


def texts(tensors):
    return [str(t.tolist()) for t in tensors]


@pytest.fixture
def joins(monkeypatch):
    """How many pairs ran as one."""
    found, run = [], joining.joined
    monkeypatch.setattr(nn.containers, "joined", lambda *a: found.append(run(*a)) or found[-1])
    return lambda: sum(result is not None for result in found)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("activation", [nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.ReLU6(inplace=True)], ids=repr)
@pytest.mark.parametrize("kind, shape", CASES)
def test_the_same_bits_and_graph(kind, shape, activation, dtype, joins):
    norm, after = pair(kind, shape[1], activation, getattr(torch, dtype))
    state = {name: value.clone() for name, value in norm.state_dict().items()}
    for channels_last in (False, True) if kind == "2d" else (False,):
        x, grad = inputs(shape, getattr(torch, dtype), channels_last)
        for training in (True, False):
            found, values = [], []
            for run in (nn.Sequential(norm, after), lambda x: after(norm(x))):
                norm.load_state_dict(state)
                norm.train(training)
                y, tensors = differentiated(run, norm, x, grad)
                node = y.grad_fn
                found.append((node.name(), node.next_functions[0][0].name(), y.stride()))
                values.append([tensor.detach().clone() for tensor in tensors])
            assert found[0] == found[1]
            for one, other in zip(*values):  # NumPy adds in the order of memory, which may differ
                exact = {} if torch.get_engine() == "reference" and dtype == "float64" else {"rtol": 0, "atol": 0}
                torch.testing.assert_close(one, other, **exact)
    assert joins() == (4 if kind == "2d" else 2)


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.ReLU6()], ids=repr)
def test_what_is_not_finite(activation, joins):
    norm, _ = pair("2d", 3, None)
    norm.eval()
    x, grad = inputs((2, 3, 4, 4), torch.float32)
    x.view(-1)[::7], grad.view(-1)[::5], grad.view(-1)[1::5] = math.nan, math.inf, math.nan
    x.view(-1)[1::9] = math.inf
    one, other = (
        differentiated(run, norm, x, grad)[1]
        for run in (nn.Sequential(norm, activation), lambda x: activation(norm(x)))
    )
    assert texts(one) == texts(other) and joins() == 1


def test_a_result_that_several_use_and_a_graph_that_is_used_twice(joins):
    norm, after = pair("2d", 6, nn.ReLU())
    x, grad = inputs((4, 6, 5, 7), torch.float32)
    found = []
    for run in (nn.Sequential(norm, after), lambda x: after(norm(x))):
        norm.zero_grad()
        leaf = x.clone().requires_grad_(True)
        y = run(leaf)
        z = y * y + y.exp()
        z.backward(grad, retain_graph=True)
        z.backward(grad, retain_graph=True)
        (first,) = torch.autograd.grad(z, leaf, grad, create_graph=True)
        (second,) = torch.autograd.grad(first.sin().sum(), leaf, retain_graph=True)
        (of_y,) = torch.autograd.grad(z, y, grad)
        found.append(texts([leaf.grad, first, second, of_y, norm.weight.grad]))
    assert found[0] == found[1] and joins() == 1


def test_a_gradient_of_the_weight_alone(joins):
    norm, after = pair("2d", 6, nn.ReLU())
    x, grad = inputs((4, 6, 5, 7), torch.float32)
    one, other = (
        torch.autograd.grad(run(x), norm.weight, grad)[0]
        for run in (nn.Sequential(norm, after), lambda x: after(norm(x)))
    )
    assert one.tolist() == other.tolist() and joins() == 1


def test_each_runs_by_itself_where_somebody_could_tell(joins):
    norm, after = pair("1d", 3, nn.ReLU())
    net, x = nn.Sequential(norm, after, nn.Linear(3, 2)), torch.randn(4, 3)
    seen = []
    for module in (norm, after):
        for register in (module.register_forward_hook, module.register_forward_pre_hook):
            handle = register(lambda module, *rest: seen.append(type(module).__name__))
            net(x)
            handle.remove()
        with_backward = module.register_full_backward_hook(lambda module, *rest: seen.append(type(module).__name__))
        net(x.requires_grad_()).sum().backward()
        with_backward.remove()
    assert seen == ["BatchNorm1d"] * 3 + ["ReLU"] * 3 and joins() == 0
    names = []
    with watched(lambda op, outputs, inputs: names.append(op.name)):
        net(x)
    assert [name for name in names if "norm" in name or name == "relu"] == ["batch_norm", "relu"]
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        net(x)
    after.forward = lambda input: input
    net(x)
    del after.forward
    other = nn.ReLU6()
    other.max_val = 2.0
    assert float(nn.Sequential(norm, other)(x * 100).detach().max()) <= 2 and joins() == 0
    net(x)
    assert joins() == 1


def test_hooks_on_the_nodes_see_what_they_would_see():
    norm, after = pair("2d", 6, nn.ReLU())
    x, grad = inputs((4, 6, 5, 7), torch.float32)
    found = []
    for run in (nn.Sequential(norm, after), lambda x: after(norm(x))):
        y = run(x.clone().requires_grad_(True))
        seen = []
        y.grad_fn.next_functions[0][0].register_prehook(lambda grads, seen=seen: seen.extend(texts(grads)))
        y.backward(grad)
        found.append(seen)
    assert found[0] == found[1] and len(found[0]) == 1


def test_no_values_and_wrong_inputs(joins):
    norm, after = pair("2d", 3, nn.ReLU())
    net = nn.Sequential(norm, after)
    assert net(torch.zeros(0, 3, 4, 4)).shape == (0, 3, 4, 4) and joins() == 0
    with pytest.raises(ValueError, match="expected 4D input"):
        net(torch.zeros(3, 4))
    with pytest.raises(RuntimeError, match="running_mean should contain 5 elements"):
        net(torch.zeros(2, 5, 4, 4))
    assert nn.Sequential(norm)(torch.zeros(2, 3, 4, 4)).shape == (2, 3, 4, 4)
