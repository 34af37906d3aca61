"""The profiler beside PyTorch's: arguments, schedules, and what operations are called."""

import inspect
import itertools
import warnings

import pytest

import rushlight

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    "name",
    [
        "profiler.profile", "profiler.schedule", "profiler.record_function", "profiler.tensorboard_trace_handler",
        "profiler.supported_activities", "profiler.profile.key_averages", "profiler.profile.export_chrome_trace",
        "profiler.profile.export_stacks", "profiler.profile.step", "profiler.profile.events",
        "profiler.profile.add_metadata", "autograd.profiler.profile", "autograd.profiler.record_function",
        "autograd.profiler.profile.key_averages", "autograd.profiler_util.EventList.table",
        "autograd.profiler_util.EventList.key_averages", "autograd.profiler_util.EventList.export_stacks",
        "autograd.profiler_util.EventList.export_chrome_trace",
    ],
)  # fmt: skip
def test_arguments(name):
    ours, theirs = rushlight, torch
    for part in name.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)
    ours, theirs = (inspect.signature(function).parameters.values() for function in (ours, theirs))
    named = [[(p.name, p.kind) for p in given if p.kind is not p.VAR_POSITIONAL] for given in (ours, theirs)]
    assert [entry for entry in named[1] if entry not in named[0] and entry[0] != "metric"] == []
    defaults = {p.name: p.default for p in ours}
    for parameter in theirs:
        assert defaults[parameter.name] == parameter.default or parameter.name == "metric", parameter.name


def test_schedules():
    for wait, warmup, active, repeat, skip, first in itertools.product((0, 2), (0, 1), (1, 2), (0, 2), (0, 3), (0, 1)):
        options = dict(
            wait=wait, warmup=warmup, active=active, repeat=repeat, skip_first=skip, skip_first_wait=first
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours, theirs = rushlight.profiler.schedule(**options), torch.profiler.schedule(**options)
        assert [ours(n).name for n in range(24)] == [theirs(n).name for n in range(24)]


@pytest.mark.parametrize(
    "source",
    [
        "x + 1", "x * x", "x / 2", "x.exp()", "F.relu(x)", "x.relu_()", "x.sum()", "x.mean(1)", "x @ x", "x.max()",
        "x.softmax(1)", "x.view(-1)", "x.t()", "x.transpose(0, 1)", "x.permute(1, 0)", "x[0]", "x[1:]", "x.clone()",
        "F.gelu(x)", "F.silu(x)", "F.layer_norm(x, (4,))", "torch.cat([x, x])", "torch.stack([x, x])", "x.add_(1)",
        "torch.zeros(3)", "torch.randn(3)", "x.sum().item()", "torch.where(x > 0, x, x)", "x.cumsum(0)", "x.abs()",
        "x.gather(0, x.long())", "F.conv2d(image, image)", "F.max_pool2d(image, 2)", "x.pow(2)",
        "F.batch_norm(x, None, None, training=True)", "F.group_norm(x, 2)", "x.argmax(1)", "-x",
        "F.interpolate(image, scale_factor=2)", "F.pad(x, (1, 1))", "F.linear(x, x)", "F.dropout(x, 0.0)",
    ],
)  # fmt: skip
def test_names_of_operations(source):
    """What we call an operation PyTorch has among its own names of the same call."""
    found = []
    for library in (rushlight, torch):
        space = {
            "torch": library,
            "F": library.nn.functional,
            "x": library.ones(4, 4),
            "image": library.ones(1, 1, 4, 4),
        }
        with library.profiler.profile() as prof:
            eval(source, space)
        found.append([event.name for event in prof.events()])
    ours, theirs = ({name for name in names if name.startswith("aten::")} for names in found)
    assert ours <= theirs | {"aten::gt"}, (ours - theirs, theirs)


def test_names_of_nodes_and_ranges():
    found = []
    for library in (rushlight, torch):
        net = library.nn.Sequential(
            library.nn.Conv2d(1, 2, 3), library.nn.BatchNorm2d(2), library.nn.ReLU(), library.nn.Flatten()
        )
        optimizer = library.optim.Adam(net.parameters())
        with library.profiler.profile() as prof:
            library.nn.functional.cross_entropy(net(library.ones(2, 1, 4, 4)), library.tensor([0, 1])).backward()
            optimizer.step()
            optimizer.zero_grad()
            list(library.utils.data.DataLoader([1.0, 2.0]))
        found.append({event.name for event in prof.events() if not event.name.startswith(("aten::", "autograd::"))})
    ours, theirs = found
    assert ours <= theirs | {"NllLossBackward0"}, ours - theirs
    wanted = {"ConvolutionBackward0", "Optimizer.step#Adam.step", "torch::autograd::AccumulateGrad"}
    assert wanted <= ours
