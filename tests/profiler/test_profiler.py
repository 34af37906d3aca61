"""The profiler: what it records, what that adds up to, and that nothing of it is left afterwards."""

import gzip
import inspect
import json
import os
import pickle
import threading
import time

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import functional
from rushlight.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule
from rushlight.profiler.observers import PROBES
from rushlight.profiler.work import Work
from rushlight.tensor import pointwise


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


def step(net, optimizer=None):
    loss = functional.cross_entropy(net(torch.ones(2, 1, 8, 8)), torch.tensor([0, 1]))
    loss.backward()
    if optimizer is not None:
        optimizer.step()
        optimizer.zero_grad()


def names(events):
    return [event.name for event in events]


def named(events, name):
    (event,) = [event for event in events if event.name == name]
    return event


# -- what is recorded


def test_a_step_of_training(net):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    step(net, optimizer)
    with profile(record_shapes=True) as prof:
        step(net, optimizer)
    events = prof.events()
    assert [event.name for event in events if event.cpu_parent is None] == [
        "aten::ones", "aten::convolution", "aten::relu", "aten::view", "aten::linear", "aten::cross_entropy_loss",
        "autograd::backward", "Optimizer.step#SGD.step", "Optimizer.zero_grad#SGD.zero_grad",
    ]  # fmt: skip
    inside = names(named(events, "autograd::backward").cpu_children)
    assert inside[:2] == ["NllLossBackward0", "AddmmBackward0"] or inside[0].startswith("NllLoss")
    assert {"ViewBackward0", "ReluBackward0", "ConvolutionBackward0"} < {*inside}
    assert inside.count("torch::autograd::AccumulateGrad") == 4
    size = sum(parameter.nbytes for parameter in net.parameters())
    assert named(events, "Optimizer.step#SGD.step").works == {Work(3 * size, 0): 1}
    convolution = named(events, "aten::convolution")
    assert convolution.input_shapes == [[2, 1, 8, 8], [4, 1, 3, 3], [4]]
    assert convolution.works == {Work(4 * (128 + 36 + 4 + 288), 2 * 4 * 36 * 9): 1}
    assert convolution.flops == 2 * 2 * 4 * 36 * 9
    backward = named(events, "ConvolutionBackward0")  # no gradient of the input, so one product
    assert [work.macs for work in backward.works] == [2 * 4 * 36 * 9]


def test_times_nest_and_add_up(net):
    with profile() as prof, record_function("all"):
        step(net)
        time.sleep(0.01)
    (whole,) = [event for event in prof.events() if event.cpu_parent is None]
    for event in prof.events():
        begin, end = event.time_range
        assert begin <= end and event.self_cpu_time_total >= -1e-6
        ends = [child.time_range.end for child in event.cpu_children]
        begins = [child.time_range.start for child in event.cpu_children]
        assert all(a <= b + 1e-6 for a, b in zip([begin, *ends], [*begins, end]))
        assert event.kernel_time_total <= event.cpu_time_total
        assert event.self_kernel_time_total >= -1e-6
    assert whole.self_cpu_time_total >= 1e4  # the sleep is nobody else's
    assert prof.events().self_cpu_time_total == pytest.approx(whole.cpu_time_total)


def test_what_happened_before_an_operation_is_not_its_own():
    x = torch.ones(3)
    from rushlight.nn.functional import relu  # by another name than the module's

    x.exp()
    for call in (lambda: x + 1, lambda: relu(x), lambda: functional.relu(x), lambda: nn.ReLU()(x), lambda: x[0]):
        call()
        with profile() as prof:
            time.sleep(0.02)
            call()
        (event,) = prof.events()
        assert event.cpu_time_total < 1e4 < event.time_range.start


def test_names():
    x, y = torch.ones(2, 2), torch.ones(2, 2)
    with profile() as prof:
        x @ y
        x += 1
        x.add_(1)
        x[0]
        x.to(torch.float64)
        x.max()
        torch.rand(2)
        x.sum().item()
        torch.zeros(2).relu_()
    assert names(prof.events()) == [
        "aten::mm", "aten::add_", "aten::add_", "aten::select", "aten::_to_copy", "aten::max", "aten::rand",
        "aten::sum", "aten::item", "aten::zeros", "aten::relu_",
    ]  # fmt: skip


def test_what_is_made_of_others_has_its_own_bytes():
    x, y = torch.ones(4, 4, requires_grad=True), torch.zeros(4, 4)
    with torch.profiler.profile() as prof:
        functional.mse_loss(x, y, reduction="sum")
    (loss,) = [event for event in prof.events() if event.name == "aten::mse_loss"]
    assert loss.cpu_parent is None and loss.works == {Work(4 * (16 + 16 + 1), 0): 1}


def test_functions_of_users_and_nodes():
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = torch.ones(2, requires_grad=True)
    with profile() as prof:
        (grad,) = torch.autograd.grad(Twice.apply(x).sum(), x)
    assert grad.tolist() == [2.0, 2.0]
    node = named(prof.events(), "TwiceBackward")
    assert names(node.cpu_children) == ["aten::mul"] and node.cpu_parent.name == "autograd::grad"


def test_bytes_are_those_of_memory():
    x = torch.ones(5, 1)
    with profile() as prof:
        x.expand(5, 7).exp()
        x.view(5)
        torch.ones(4, 4, dtype=torch.float64) @ torch.ones(4, 4, dtype=torch.float64)
    works = {event.name: event.works for event in prof.events()}
    assert works["aten::expand"] == works["aten::view"] == {Work(0, 0): 1}
    assert works["aten::exp"] == {Work(5 * 4 + 35 * 4, 0): 1}
    assert works["aten::mm"] == {Work(3 * 16 * 8, 2 * 64): 1}  # of float64: each counts twice


def test_modules():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(2, 2)

        def forward(self, x):
            return self.first(x) + 1

    block, x = nn.Sequential(Block()), torch.ones(1, 2)
    with profile() as plain:
        block(x)
    with profile(with_modules=True) as prof:
        block(x)
    assert names(plain.events()) == ["aten::linear", "aten::add"]
    assert names(prof.events()) == [
        "nn.Module: Sequential", "nn.Module: Block (0)", "nn.Module: Linear (0.first)", "aten::linear", "aten::add",
    ]  # fmt: skip


def test_stacks(tmp_path):
    def mine():
        return torch.ones(2).exp()

    with profile(with_stack=True) as prof:
        mine()
    line = inspect.getsourcelines(mine)[1] + 1
    assert all(event.stack[0] == f"{__file__}({line}): mine" for event in prof.events())
    assert "test_stacks" in prof.events()[0].stack[1]
    averages = prof.key_averages(group_by_stack_n=1)
    assert f"({line}): mine" in averages.table()
    prof.export_stacks(tmp_path / "stacks")
    assert all(";" in text and text.split()[-1].isdigit() for text in (tmp_path / "stacks").read_text().splitlines())


def test_data_loading_is_a_range():
    loader = torch.utils.data.DataLoader([1.0, 2.0], batch_size=1)
    with profile() as prof:
        list(loader)
    name = "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"
    assert [event.name for event in prof.events() if event.cpu_parent is None].count(name) == 3


def test_an_error_inside_leaves_an_event():
    with profile() as prof:
        with pytest.raises(RuntimeError):
            torch.ones(2) @ torch.ones(3)
        with record_function("after"):
            torch.ones(1)
    assert names(prof.events())[-2:] == ["after", "aten::ones"]
    assert named(prof.events(), "after").cpu_parent is None


def test_record_function():
    @record_function("named")
    def function(x):
        """Doc."""
        return x + 1

    assert function(torch.ones(1)).item() == 2 and function.__doc__ == "Doc."  # nobody records
    with profile() as prof:
        function(torch.ones(1))
    assert names(named(prof.events(), "named").cpu_children) == ["aten::add"]
    with pytest.raises(TypeError, match="must be str, not int"):
        record_function(3)


# -- averages, tables, files


def test_averages_and_table(net):
    step(net)
    with profile(record_shapes=True, profile_memory=True, with_flops=True) as prof:
        step(net)
        step(net)
    averages = prof.key_averages()
    row = next(row for row in averages if row.key == "aten::convolution")
    assert row.count == 2 and row.cpu_time == row.cpu_time_total / 2
    assert row.flops == 2 * 2 * 2 * 4 * 36 * 9
    assert sum(row.self_cpu_time_total for row in averages) == pytest.approx(prof.events().self_cpu_time_total)
    table = averages.table(sort_by="self_cpu_time_total", row_limit=5)
    head, *rows = table.splitlines()[1:9]
    for heading in ("Name", "Self CPU %", "CPU total", "In kernels", "Bytes", "Of limit", "CPU Mem", "# of Calls"):
        assert heading in head
    assert rows[-1].startswith("---")
    assert "Self CPU time total" in table and "Peak memory" in table
    times = [row.cpu_time_total for row in averages.sorted_by("cpu_time_total")]
    assert times == sorted(times, reverse=True)
    shapes = prof.key_averages(group_by_input_shape=True)
    assert [[2, 1, 8, 8], [4, 1, 3, 3], [4]] in [row.input_shapes for row in shapes]
    assert "[2, 1, 8, 8]" in shapes.table() and "Input Shapes" not in table
    assert prof.events().total_average().count == len(prof.events())


def test_refusals():
    prof = profile()
    prof.step()
    for call in (prof.events, prof.key_averages, lambda: prof.export_chrome_trace("x")):
        with pytest.raises(AssertionError, match="Profiler must be initialized before"):
            call()
    with prof:
        torch.ones(2)
        with pytest.raises(RuntimeError, match="still runs"):
            prof.events()
    with pytest.raises(AttributeError, match="'FunctionEventAvg' object has no attribute 'foo'\nTry: sort_by='bytes'"):
        prof.key_averages().table(sort_by="foo")
    with pytest.raises(ValueError, match="Invalid time_unit 'h'"):
        prof.events().table(time_unit="h")
    with pytest.raises(AssertionError, match="No valid profiler activities found"):
        profile(activities=[])
    with pytest.warns(UserWarning, match="CUDA is not available, disabling CUDA profiling"):
        profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])
    with pytest.raises(AssertionError, match="Invalid profiler schedule arguments"):
        schedule(wait=0, warmup=0, active=0)
    with pytest.warns(UserWarning, match="Profiler won't be using warmup"):
        schedule(wait=0, warmup=0, active=1)


@pytest.mark.parametrize("ending", ["json", "json.gz"])
def test_chrome_trace(net, tmp_path, ending):
    with profile(record_shapes=True) as prof:
        step(net)
    path = tmp_path / f"trace.{ending}"
    prof.export_chrome_trace(str(path))
    with (gzip.open if ending.endswith("gz") else open)(path, "rt") as file:
        events = [event for event in json.load(file)["traceEvents"] if event["ph"] == "X"]
    assert {"cpu_op", "user_annotation"} <= {event["cat"] for event in events}
    convolution = next(event for event in events if event["name"] == "aten::convolution")
    assert convolution["args"]["Input Dims"][0] == [2, 1, 8, 8] and convolution["dur"] > 0


# -- steps


def test_schedule():
    when = schedule(wait=1, warmup=1, active=2, repeat=1, skip_first=1)
    assert [when(n).name for n in range(7)] == ["NONE", "NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE", "NONE", "NONE"]
    with pytest.raises(AssertionError, match=r"Step must be non-negative. Got -1."):
        when(-1)


@pytest.mark.parametrize("kept", [False, True])
def test_steps(kept):
    seen = []

    def ready(prof):
        seen.append((prof.step_num, names(prof.events())))

    x = torch.ones(1)
    with profile(schedule=schedule(wait=1, warmup=1, active=1), on_trace_ready=ready, acc_events=kept) as prof:
        for _ in range(6):
            x + 1
            prof.step()
    first, second = ["ProfilerStep#2", "aten::add"], ["ProfilerStep#5", "aten::add"]
    assert seen == [(3, first), (6, first + second if kept else second)]
    assert prof.key_averages()[0].key == "ProfilerStep*"
    assert not PROBES._users


def test_what_stops_while_recording_is_handed_over():
    seen = []
    with profile(schedule=lambda step: ProfilerAction.RECORD, on_trace_ready=seen.append) as prof:
        torch.ones(1)
    assert seen == [prof] and names(prof.events()) == ["ProfilerStep#0", "aten::ones"]


def test_trace_handler(tmp_path):
    with profile(on_trace_ready=torch.profiler.tensorboard_trace_handler(str(tmp_path / "new"), "me")):
        torch.ones(1)
    (file,) = (tmp_path / "new").iterdir()
    assert file.name.startswith("me.") and file.name.endswith(".pt.trace.json")


# -- memory


def test_memory():
    x = torch.ones(1000, 100)
    with profile(profile_memory=True) as prof:
        y = x + 1
        for _ in range(3):
            z = y * 2
            del z
        kept = y.exp()
    size = x.nbytes
    events = prof.events()
    assert events[0].name == "aten::add" and size <= events[0].cpu_memory_usage <= 1.2 * size
    assert 2 * size <= prof.peak_memory <= 2.4 * size
    assert "Peak memory" in prof.key_averages().table()
    del y, kept


def test_parameters_without_a_shape():
    lazy = nn.LazyLinear(3)
    with profile(profile_memory=True, record_shapes=True) as prof:
        lazy.to(torch.float32)
        lazy(torch.ones(2, 4))
    assert "aten::linear" in names(prof.events())


def test_memory_that_goes_counts_down():
    x = [torch.ones(1000, 100) + 1]
    with profile(profile_memory=True) as prof, record_function("freed"):
        x.clear()
    assert named(prof.events(), "freed").cpu_memory_usage <= -400_000
    assert prof.peak_memory == 0


# -- others


def test_profilers_inside_each_other():
    with profile(profile_memory=True) as outer:
        torch.ones(1)
        with profile(profile_memory=True) as inner:
            a = torch.ones(50_000) + 1
        a.exp()
    assert names(inner.events()) == ["aten::ones", "aten::add"]
    assert names(outer.events()) == ["aten::ones", "aten::ones", "aten::add", "aten::exp"]
    assert outer.peak_memory >= 400_000
    begins = [event.time_range.start for event in outer.events()]
    assert begins == sorted(begins)


def test_other_threads_are_not_recorded():
    with profile() as prof:
        thread = threading.Thread(target=lambda: torch.ones(3).exp())
        thread.start()
        thread.join()
        torch.ones(1)
    assert names(prof.events()) == ["aten::ones"]


def test_profilers_that_overlap():
    first, second = profile(), profile()
    first.start()
    torch.ones(1)
    second.start()
    torch.ones(1).exp()
    first.stop()
    torch.ones(1).sin()
    second.stop()
    assert names(second.events()) == ["aten::ones", "aten::exp", "aten::ones", "aten::sin"]
    assert names(first.events())[0] == "aten::ones" and not PROBES._users
    with profile() as prof:
        torch.ones(1)
    assert names(prof.events()) == ["aten::ones"]


class Observed(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return float(bool(PROBES._users) or pointwise.exp.__code__.co_filename != pointwise.__file__)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_workers_are_not_observed():
    with profile() as prof:
        found = [batch.tolist() for batch in torch.utils.data.DataLoader(Observed(), 2, num_workers=1)]
    assert found == [[0.0, 0.0], [0.0, 0.0]]
    assert names(prof.events()).count("enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__") == 3


def test_a_forked_child_may_profile():
    with profile() as prof:
        torch.ones(1)
        child = os.fork() if hasattr(os, "fork") else -1
        if not child:
            status = 1
            try:
                prof.stop()
                with profile() as own:
                    torch.ones(1).exp()
                status = names(own.events()) != ["aten::ones", "aten::exp"] or bool(PROBES._users)
            finally:
                os._exit(status)
    if child > 0:
        assert os.waitpid(child, 0)[1] == 0
    assert names(prof.events()) == ["aten::ones"]


def test_neighbours_in_one_pass():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU())
    x = torch.ones(2, 1, 4, 4)
    net(x)
    with profile(with_modules=True) as prof:
        net(x)
    (norm,) = [event for event in prof.events() if event.name == "nn.Module: BatchNorm2d (1)"]
    assert names(norm.cpu_children)[0] == "aten::batch_norm"
    assert sum(event.name == "aten::batch_norm" for event in prof.events()) == 1
    with profile() as prof:
        net(x).sum().backward()
    assert named(prof.events(), "ReluBackward0").works == {Work(0, 0): 1}  # the norm's node does it
    assert named(prof.events(), "NativeBatchNormBackward0").bytes > 2 * 4 * 64


def test_nothing_is_left(net):
    functions = [probe.function for probe in PROBES._probes or []] or [pointwise.exp]
    before = [(f.__code__, f.__dict__.copy()) for f in functions]
    with profile():
        step(net)
    assert before == [(f.__code__, f.__dict__) for f in functions]


def test_observed_functions_are_what_they_were():
    x = torch.ones(2)
    text, signature = pickle.dumps(functional.relu), inspect.signature(functional.relu)
    with profile():
        assert pickle.loads(pickle.dumps(functional.relu)) is functional.relu is pickle.loads(text)
        assert inspect.signature(functional.relu) == signature
        with pytest.raises(TypeError, match=r"^relu\(\): argument 'input' \(position 1\) must be Tensor, not list"):
            torch.relu([1.0])
        with pytest.raises(TypeError, match=r"relu\(\) missing 1 required positional argument: 'input'"):
            functional.relu()
        assert torch.sum(x, axis=0, out=torch.empty(())).item() == 2
        assert np.max(x) == 1


def test_numbers_are_the_same(net):
    def gradients():
        net.zero_grad()
        step(net)
        return [parameter.grad.numpy().tobytes() for parameter in net.parameters()]

    plain = gradients()
    with profile(record_shapes=True, profile_memory=True, with_stack=True, with_modules=True):
        assert gradients() == plain


def test_the_older_names(tmp_path):
    import rushlight.autograd.profiler as older
    from rushlight.autograd.profiler_util import EventList

    assert older.record_function is record_function and torch.autograd.profiler is older
    prof = older.profile(profile_memory=True)
    assert str(prof) == "<unfinished profiler_legacy_profile>"
    with pytest.raises(RuntimeError, match="Profiler didn't finish running"):
        prof.key_averages()
    with prof:
        torch.ones(3).exp()
    assert isinstance(prof.function_events, EventList)
    assert [row.key for row in prof.key_averages()] == ["aten::ones", "aten::exp"]
    assert "aten::exp" in str(prof) and "aten::exp" in prof.table(sort_by="cpu_time")
    assert prof.total_average().count == 2 and prof.self_cpu_time_total > 0
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    with pytest.raises(RuntimeError, match="not reentrant"):
        prof.__enter__()
    with older.profile(enabled=False) as none:
        torch.ones(1)
    assert none is None
