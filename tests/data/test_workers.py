"""Workers are processes: each with its copy of the dataset, its seeds and one thread; what they make arrives whole."""

import gc
import multiprocessing
import os
import pickle
import random
import signal
import threading
import time
import warnings
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

import rushlight as torch
from rushlight.backends import registry
from rushlight.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info, pool, transport

METHODS = multiprocessing.get_all_start_methods()
Pair = namedtuple("Pair", "image label")
has_fork = pytest.mark.skipif("fork" not in METHODS, reason="the classes of these tests do not pickle")
pytestmark = has_fork


def load(data, batch_size=None, num_workers=2, **options):
    """A loader of samples as they are, or of batches, with forked workers."""
    given = {"multiprocessing_context": "fork", "collate_fn": None if batch_size else lambda sample: sample}
    return DataLoader(data, batch_size, num_workers=num_workers, **given | options)


def no_worker_is_left():
    gc.collect()  # pytest keeps exceptions, and they the iterator that raised them
    return multiprocessing.active_children() == []


class Each(Dataset):
    """The results of a function, called in the worker."""

    def __init__(self, function, length=8):
        self.function, self.length = function, length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.function(index)


# -- copies and seeds


def test_a_file_opened_on_first_use_is_each_workers_own(tmp_path):
    """One offset for all workers gave 3 to 6 wrong rows of 300."""
    path = tmp_path / "rows"
    path.write_bytes(np.arange(300, dtype="<i8").tobytes())

    class Rows(Dataset):
        file = None

        def __len__(self):
            return 300

        def __getitem__(self, index):
            if self.file is None:
                self.file = path.open("rb", buffering=0)
            self.file.seek(8 * index)
            time.sleep(0)
            return int.from_bytes(self.file.read(8), "little")

    rows = Rows()
    assert [row for batch in load(rows, 10, 4, shuffle=False) for row in batch.tolist()] == list(range(300))
    assert rows.file is None


def draws(index):
    return random.random(), np.random.random(), torch.rand(1).item(), get_worker_info().seed, torch.initial_seed()


def epoch(seed, **options):
    torch.manual_seed(seed)
    return list(load(Each(draws), **options))


def test_seeds_are_base_seed_and_number():
    made = epoch(3)
    assert all(seed == initial for *_, seed, initial in made)
    assert made[1][3] == made[0][3] + 1
    assert made == epoch(3) != epoch(4)
    random_numbers, numpy_numbers, own = zip(*(row[:3] for row in made))
    assert all(len(set(numbers)) == 8 for numbers in (random_numbers, numpy_numbers, own))
    assert not set(random_numbers) & set(numpy_numbers), "the same algorithm from other seeds"


def test_epochs_differ_and_the_main_process_is_not_reseeded():
    """With the recipe of PyTorch's documentation, too."""

    def recipe(worker):
        np.random.seed(torch.initial_seed() % 2**32)

    torch.manual_seed(0)
    random.seed(1), np.random.seed(1)
    loader = load(Each(lambda index: np.random.random()), worker_init_fn=recipe)
    first, second = list(loader), list(loader)
    assert first != second
    here = random.random(), np.random.random()
    random.seed(1), np.random.seed(1)
    assert here == (random.random(), np.random.random())


def test_info_and_threads():
    def look(index):
        info = get_worker_info()
        return info.id, info.num_workers, type(info.dataset) is Each, torch.get_num_threads(), os.getpid()

    seen = list(load(Each(look)))
    assert [row[:4] for row in seen] == [(0, 2, True, 1), (1, 2, True, 1)] * 4
    assert len({row[4] for row in seen} | {os.getpid()}) == 3 and get_worker_info() is None


def test_worker_init_fn_is_called_in_each_after_seeding():
    def begin(worker):
        get_worker_info().dataset.mark = worker, torch.initial_seed() == get_worker_info().seed

    data = Each(lambda index: get_worker_info().dataset.mark)
    assert list(load(data, worker_init_fn=begin)) == [(0, True), (1, True)] * 4 and not hasattr(data, "mark")


# -- what arrives


BATCHES = [
    torch.arange(200_000.0).reshape(2, 100_000),
    torch.arange(100_000).to(torch.bfloat16),
    torch.rand(2, 16, 50, 50).contiguous(memory_format=torch.channels_last),
    torch.rand(300, 300)[:, ::2],
    torch.rand(300, 1).expand(300, 300),
    torch.tensor(5),
    torch.empty(0, 3),
    torch.ones(70_000, requires_grad=True),
    torch.nn.Parameter(torch.rand(70_000)),
    np.arange(100_000, dtype=np.int16).reshape(100, 1000).T,
    np.array([{"a": 1}, None], dtype=object),
    np.arange(20_000, dtype=">f8"),
    {"a": [torch.rand(90_000), "text", None], 3: Pair(np.ones((2, 9_000)), b"x")},
    range(3),
]


@pytest.mark.parametrize("value", BATCHES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("share", [True, False])
def test_values_arrive_as_they_are(value, share, monkeypatch):
    if not share:  # as where a system has no such memory
        monkeypatch.setattr(transport, "CAN_SHARE", False)
    (arrived,) = load(Each(lambda index: value, 1), num_workers=1)
    assert same(value, arrived), (value, arrived)


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and all(map(same, a, b))
    if isinstance(a, torch.Tensor):
        order = a.is_contiguous(memory_format=torch.channels_last) if a.dim() == 4 else None
        return (
            (type(a), a.dtype, a.shape, a.requires_grad) == (type(b), b.dtype, b.shape, b.requires_grad)
            and torch.equal(a, b)
            and (order is None or b.is_contiguous(memory_format=torch.channels_last) == order)
        )
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b) and b.flags.writeable
    return a == b


def mapped():
    return Path("/proc/self/maps").read_text().count("memfd:rushlight-batch")


@pytest.mark.skipif(not transport.CAN_SHARE, reason="a system without memfd")
def test_large_arrays_come_through_memory_that_is_freed_with_them():
    before, open_before = mapped(), len(os.listdir("/proc/self/fd"))
    batches = list(load(Each(lambda index: torch.full((100_000,), float(index)))))
    assert mapped() == before + 8
    part = batches[3][5:7]
    del batches
    assert mapped() == before + 1 and part.tolist() == [3, 3]
    del part
    assert mapped() == before and len(os.listdir("/proc/self/fd")) == open_before


@pytest.mark.parametrize("refusal", ["file", "map"])
def test_batches_come_where_memory_cannot_be_shared(refusal, monkeypatch):
    def refuse(*_):
        raise OSError(28, "no space left")

    if refusal == "file":
        monkeypatch.setattr(transport, "_new_file", refuse)
    else:
        monkeypatch.setattr(transport.pages, "map_memory", refuse)
    batches = list(load(Each(lambda index: torch.full((100_000,), float(index)))))
    assert [float(batch.sum()) for batch in batches] == [index * 1e5 for index in range(8)]
    batches[1].zero_()


def test_a_batch_is_no_workers_memory():
    """What a worker writes into a copy of it, the main process does not see."""
    (cached,) = load(Each(lambda index: torch.ones(100_000), 1), num_workers=1)
    assert list(load(Each(lambda index: cached.add_(1).sum().item(), 2))) == [2e5, 2e5] and cached[0] == 1
    assert cached.mul_(3).sum().item() == 3e5


def test_tensors_with_a_history_do_not_travel():
    with pytest.raises(RuntimeError, match=r"a tensor with a history cannot be pickled\n.*detach"):
        list(load(Each(lambda index: torch.ones(2, requires_grad=True) * 2)))


# -- the passes


def test_persistent_workers_stay_and_keep_their_dataset():
    def count(index):
        data = get_worker_info().dataset
        data.calls = getattr(data, "calls", 0) + 1
        return os.getpid(), data.calls

    loader = load(Each(count), persistent_workers=True)
    first, second = list(loader), list(loader)
    assert {pid for pid, _ in first} == {pid for pid, _ in second} and second[-1][1] == 8
    assert iter(loader) is iter(loader)
    next(iter(loader))
    assert [calls for _, calls in loader][:2] == [16, 15], "what was asked for is finished first"
    del loader
    assert multiprocessing.active_children() == []
    once = load(Each(count))
    assert not {pid for pid, _ in once} & {pid for pid, _ in once}


def test_prefetch_factor_batches_are_fetched_ahead(tmp_path):
    def note(index):
        (tmp_path / str(index)).touch()
        return index

    def fetched_when(number, wait=0.1):
        limit = time.monotonic() + 5
        while len(list(tmp_path.iterdir())) < number and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(wait)
        return len(list(tmp_path.iterdir()))

    batches = iter(load(Each(note, 40), prefetch_factor=3))
    assert fetched_when(6) == 6
    next(batches)
    assert fetched_when(7) == 7


def test_in_order_or_as_they_come():
    def slow(index):
        time.sleep(0.3 if index == 0 else 0)
        return index

    assert list(load(Each(slow))) == list(range(8))
    loose = list(load(Each(slow), in_order=False))
    assert sorted(loose) == list(range(8)) and loose[0] == 1


def test_iterators_alive_at_once_and_left_early():
    loader = load(range(8), 2)
    one, two = iter(loader), iter(loader)
    for a, b in zip(one, two):
        assert torch.equal(a, b)
        break
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert [batch.tolist() for batch in one] == [[2, 3], [4, 5], [6, 7]] and len(two) == 4
    del one, two
    assert no_worker_is_left()
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(iter(loader))


def test_two_processes_do_not_wait_for_each_other():
    """Tasks and answers that fill both connections."""
    numbers = list(range(20_000))
    batches = load(numbers, batch_sampler=[numbers] * 30, batch_size=1, prefetch_factor=15, collate_fn=list)
    assert sum(map(len, batches)) == 600_000


class Stream(IterableDataset):
    def __init__(self, length, split=True):
        self.length, self.split = length, split

    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id, self.length, info.num_workers) if info and self.split else range(self.length))

    def __len__(self):
        return self.length


def test_streams():
    assert list(load(Stream(5), num_workers=3)) == [0, 1, 2, 3, 4]
    assert [batch.tolist() for batch in load(Stream(7), 2, drop_last=True)] == [[0, 2], [1, 3], [4, 6]]
    again = load(Stream(5), persistent_workers=True)
    assert list(again) == list(again) == [0, 1, 2, 3, 4]
    loader = load(Stream(2, split=False))
    assert len(loader) == 2
    with pytest.warns(
        UserWarning, match=r"was reported to be 2 \(when.*, but [34] samples have been fetched.*get_worker"
    ):
        assert sorted(loader) == [0, 0, 1, 1]


# -- what goes wrong


class Two(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


ERRORS = [
    (ValueError("bad row"), ValueError),
    (KeyError("k"), KeyError),
    (Two(1, 2), RuntimeError),
    (FileNotFoundError(2, "no"), FileNotFoundError),
]


@pytest.mark.parametrize("error, kind", ERRORS, ids=lambda value: getattr(value, "__name__", ""))
def test_exceptions_are_raised_here_and_the_loader_goes_on(error, kind):
    def fail_at_three(index):
        if index == 3:
            raise error
        return index

    batches, seen = iter(load(Each(fail_at_three))), []
    with pytest.raises(kind) as caught:
        for batch in batches:
            seen.append(batch)
    text = str(caught.value)
    assert text.startswith(f"Caught {type(error).__name__} in DataLoader worker process 1.\nOriginal Traceback (most")
    assert "in fail_at_three\n    raise error" in text and type(caught.value) is kind
    assert seen + list(batches) == [0, 1, 2, 4, 5, 6, 7]


def test_exceptions_of_a_local_class_of_the_start_and_of_pickling():
    class Local(Exception):
        pass

    def fail(_):
        raise Local("here")

    with pytest.raises(RuntimeError, match=r"Caught Local in DataLoader worker process 0\.\n(.*\n)*.*Local: here"):
        list(load(Each(fail)))
    with pytest.raises(RuntimeError, match=r"Caught Local in DataLoader worker process 0\."):
        list(load(range(3), worker_init_fn=fail))
    with pytest.raises(TypeError, match="cannot pickle 'generator' object"):
        list(load(Each(lambda index: (x for x in "ab"))))


def test_an_error_leaves_no_worker_behind():
    with pytest.raises(ZeroDivisionError):
        list(load(Each(lambda index: 1 // 0)))
    assert no_worker_is_left()


def test_a_sampler_that_fails_is_an_error_here():
    def numbers(end):
        yield from range(end)
        raise LookupError("no more")

    with pytest.raises(LookupError, match=r"^no more$"):
        iter(load(range(8), sampler=numbers(2)))
    assert no_worker_is_left()
    batches = iter(load(range(8), sampler=numbers(5)))
    with pytest.raises(LookupError, match=r"^no more$"):
        list(batches)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def exits():
    os._exit(3)


@pytest.mark.parametrize("end, words", [(killed, "is killed by signal: Killed"), (exits, "exit code 3")])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_worker_that_dies_is_named(end, words, persistent):
    def die(index):
        if index == 5 and dying.is_set():
            end()
        return os.getpid()

    dying = multiprocessing.get_context("fork").Event()
    dying.set()
    loader, pids = load(Each(die), persistent_workers=persistent, prefetch_factor=1), set()
    named = r"^DataLoader worker \(pid\(s\) \d+\) exited unexpectedly\nworker 1 "
    with pytest.raises(RuntimeError, match=named) as lost:
        for pid in loader:
            pids.add(pid)
    assert any(str(pid) in str(lost.value) for pid in pids) and words in str(lost.value)
    assert no_worker_is_left()
    dying.clear()
    assert len(list(loader)) == 8, "a new pass has new workers"


def test_a_worker_that_dies_between_two_passes_is_named():
    loader = load(Each(lambda index: os.getpid()), persistent_workers=True)
    pid = list(loader)[1]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=rf"\(pid\(s\) {pid}\) exited unexpectedly"):
        list(loader)
    assert len(list(loader)) == 8


def test_timeout():
    batches = iter(load(Each(lambda index: time.sleep(0.5) or index, 2), timeout=0.1))
    with pytest.raises(RuntimeError, match=r"^DataLoader timed out after 0\.1 seconds$"):
        next(batches)
    time.sleep(0.5)
    assert list(batches) == [0, 1]
    with pytest.raises(AssertionError, match="num_workers"):
        iter(DataLoader(range(3), timeout=1))


def test_ctrl_c_ends_the_workers_and_a_new_pass_has_new_ones():
    slow = multiprocessing.get_context("fork").Event()
    slow.set()
    data = Each(lambda index: time.sleep(60 if index == 2 and slow.is_set() else 0) or index)
    loader = load(data, persistent_workers=True)
    batches = iter(loader)
    assert next(batches) == 0
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        list(batches)
    assert no_worker_is_left()
    with pytest.raises(RuntimeError, match="its workers have ended"):
        next(batches)
    slow.clear()
    assert list(loader) == list(range(8))


def test_ctrl_c_comes_while_workers_are_waited_for():
    """It ends the patience, and is raised although Python ignores what is raised where an object is finalized."""
    batches = iter(load(Each(lambda index: time.sleep(60))))
    time.sleep(0.1)  # both are busy
    begin = time.monotonic()
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        del batches
        time.sleep(10)
    assert time.monotonic() - begin < 4 and no_worker_is_left()


def test_ctrl_c_comes_while_workers_start(monkeypatch):
    class Interrupted(pool.Worker):
        def __init__(self, *args):
            signal.raise_signal(signal.SIGINT)
            super().__init__(*args)
            started.append(self)

    monkeypatch.setattr(pool, "Worker", Interrupted)
    started = []
    with pytest.raises(KeyboardInterrupt):
        list(load(Each(lambda index: time.sleep(1))))
    assert len(started) == 2 and no_worker_is_left()


def test_an_interrupted_worker_goes_on_if_the_main_process_does():
    batches = iter(load(Each(lambda index: time.sleep(0.1) or index)))
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGINT)
    assert list(batches) == list(range(8))


def test_a_forked_process_leaves_the_workers_alone():
    batches = iter(load(range(8), 2))
    next(batches)
    child = os.fork()
    if not child:
        code = 1
        try:
            next(batches)
        except RuntimeError as error:
            code = 0 if "another process" in str(error) else 2
        finally:
            del batches
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert [batch.tolist() for batch in batches] == [[2, 3], [4, 5], [6, 7]]


# -- ways to start


class Numbers(Dataset):
    """Pickles."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.full((20_000,), float(index)), get_worker_info().seed - index % 2, np.random.randint(1000)


@pytest.mark.parametrize("method", METHODS)
def test_start_methods_give_the_same(method):
    torch.manual_seed(1)
    context = multiprocessing.get_context(method)
    made = list(DataLoader(Numbers(), None, num_workers=2, multiprocessing_context=context))
    torch.manual_seed(1)
    expected = list(DataLoader(Numbers(), None, num_workers=2, multiprocessing_context="fork"))
    assert [row[1:] for row in made] == [row[1:] for row in expected]
    assert [row[0].mean().item() for row in made] == list(range(6))


def test_contexts():
    loader = DataLoader(range(4), num_workers=1, multiprocessing_context="spawn")
    assert loader.multiprocessing_context.get_start_method() == "spawn"
    with pytest.raises(ValueError, match="should specify a valid start method in"):
        loader.multiprocessing_context = "thread"
    with pytest.raises(TypeError, match="should be a valid context object or a string"):
        loader.multiprocessing_context = 3
    with pytest.raises(ValueError, match=r"can only be used with multi-process loading \(num_workers > 0\)"):
        DataLoader(range(4), multiprocessing_context="spawn")
    assert DataLoader(range(4), num_workers=1).multiprocessing_context is None


@pytest.mark.parametrize("method", [method for method in METHODS if method != "fork"])
def test_what_does_not_pickle_is_an_error_that_says_so(method):
    words = r"[Cc]an't pickle(.*\n)+Try: functions and classes"
    with pytest.raises((AttributeError, pickle.PicklingError), match=words):
        list(DataLoader(Each(lambda index: index), num_workers=2, multiprocessing_context=method))
    assert no_worker_is_left()


def test_a_loader_in_a_worker():
    def inner(workers):
        return [batch.tolist() for batch in DataLoader(range(4), 2, num_workers=workers)]

    assert list(load(Each(lambda index: inner(0), 1))) == [[[0, 1], [2, 3]]]
    with pytest.raises(AssertionError, match="daemonic processes are not allowed to have children"):
        list(load(Each(lambda index: inner(1), 1)))


def test_locks_that_other_threads_hold_are_open_in_a_worker():
    """Its own generators and engine do not wait for a thread that is not there."""
    held, ended = threading.Event(), threading.Event()

    def hold():
        with np.random.get_bit_generator().lock, torch.default_generator.lock, registry._choosing:
            held.set()
            ended.wait()

    def use(index):
        return np.random.random(), torch.rand(1).item(), torch.get_engine()

    other = threading.Thread(target=hold)
    other.start()
    try:
        assert held.wait(5)
        batches = load(Each(use, 2), generator=torch.Generator(), timeout=5)
        assert [len(drawn) for drawn in batches] == [3, 3]
    finally:
        ended.set()
        other.join()


def test_loaders_in_several_threads():
    """Each thread forks while others open and close files."""
    sums = []

    def read():
        for _ in range(5):
            sums.append(sum(batch.sum().item() for batch in load(Each(torch.tensor), 2)))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [28] * 20


def test_forked_workers_run_layers_whatever_other_threads_do():
    layer, image = torch.nn.Conv2d(3, 16, 3, padding=1), torch.rand(1, 3, 32, 32)
    expected, ended = layer(image).sum().item(), threading.Event()

    def keep_busy():
        while not ended.is_set():
            layer(torch.rand(1, 3, 32, 32)).sum().backward()

    def run(index):
        fresh = torch.nn.Conv2d(3, 5 + index, 3)(image)  # compiled anew in this process
        return layer(image).sum().item() if fresh.shape[1] == 5 + index else None

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    others = [threading.Thread(target=keep_busy) for _ in range(2)]
    try:
        for thread in others:
            thread.start()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(10):
                assert list(load(Each(run, 4))) == pytest.approx([expected] * 4)
    finally:
        ended.set()
        for thread in others:
            thread.join()
        torch.set_num_threads(before)
