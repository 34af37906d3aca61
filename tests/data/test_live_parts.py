"""Datasets, samplers and collation beside PyTorch's: values, kinds of errors and their first sentence; live."""

import collections
import warnings
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from types import MappingProxyType

import numpy as np
import pytest

import rushlight

pytestmark = pytest.mark.live
Point = namedtuple("Point", "a b")
TEN = range(10)


class Tagged(list):
    tag = None


class Pairs(collections.abc.Sequence):
    def __init__(self, *entries):
        self.entries = entries

    def __getitem__(self, index):
        return self.entries[index]

    def __len__(self):
        return len(self.entries)


def tagged():
    entries = Tagged([1, 2])
    entries.tag = 5
    return entries


def samples(t):
    """One sample of each kind; a batch is two of it."""
    return {
        "empty": [],
        "int": 3, "float": 1.5, "bool": True, "text": "a", "bytes": b"a", "none": None, "object": ..., "set": {1},
        "float32": np.float32(1), "int16": np.int16(1), "numpy bool": np.bool_(1), "numpy text": np.str_("a"),
        "array": np.arange(3, dtype=np.int16), "reversed": np.arange(3)[::-1], "0-d": np.array(1.0),
        "texts": np.array(["a"]), "objects": np.array([None]),
        "tensor": t.ones(2), "0-d tensor": t.tensor(1), "bfloat16": t.ones(2, dtype=t.bfloat16),
        "gradient": t.ones(2, requires_grad=True), "parameter": t.nn.Parameter(t.ones(2)), "size": t.Size((1, 2)),
        "tuple": (1, 2.5), "list": [1, "x"], "named": Point(1, {"z": [2]}), "named texts": Point("x", b"y"),
        "dict": {"a": 1, 3: [np.ones(2)]}, "ordered": OrderedDict(b=1, a=2), "default": defaultdict(list, a=1),
        "user dict": UserDict(a=1), "user list": UserList([1, 2]), "chain": ChainMap({"a": 1}, {"b": 2}),
        "proxy": MappingProxyType({"a": 1}), "counter": Counter(a=3), "deque": deque([1, 2]), "range": range(2),
        "tagged": tagged(), "sequence": Pairs(1, 2), "nested": {"k": [(1, {"z": np.ones(2)})]},
    }  # fmt: skip


def uneven(t):
    return {
        "bool and int": [True, 2], "int and float": [1, 2.5], "tensors": [t.ones(2), t.ones(2, dtype=t.float64)],
        "shapes": [t.ones(2), t.ones(3)], "lengths": [[1, 2], [3]], "tuples": [(1, 2), (3,)], "no sample": [],
        "missing": [{"a": 1}, {"b": 2}], "more": [{"a": 1}, {"a": 1, "b": 2}], "a tuple": ((1, 2), (3, 4)),
    }  # fmt: skip


def plain(value):
    """A value without what the libraries' own types add."""
    if hasattr(value, "requires_grad"):
        return "tensor", str(value.dtype), tuple(value.shape), value.tolist(), value.requires_grad
    if isinstance(value, np.ndarray):
        return "array", str(value.dtype), value.tolist()
    if isinstance(value, collections.abc.Mapping):
        entries = [(key, plain(entry)) for key, entry in value.items()]
        return type(value).__name__, entries, getattr(value, "default_factory", None)
    if isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes)):
        return type(value).__name__, [plain(entry) for entry in value], getattr(value, "tag", None)
    return value


def answer(function, *args):
    """A result and its warnings, or the kind of error and its first line."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            result = plain(function(*args))
        except Exception as error:
            sentence = str(error).partition("\n")[0].partition(". When subclassing")[0]
            result = type(error).__name__, " ".join(sentence.rstrip(". ").split())
    warned = [str(warning.message) for warning in heard if "will create" not in str(warning.message)]
    return repr((result, warned)).replace("rushlight", "torch")


def test_default_collate(torch):
    mine, theirs = samples(rushlight), samples(torch)
    for name in mine:
        batches = [mine[name]] * 2, [theirs[name]] * 2
        found, expected = map(answer, (rushlight.utils.data.default_collate, torch.utils.data.default_collate), batches)
        assert found == expected, name
    mine, theirs = uneven(rushlight), uneven(torch)
    for name in mine:
        found = answer(rushlight.utils.data.default_collate, mine[name])
        assert found == answer(torch.utils.data.default_collate, theirs[name]), name


def test_default_convert(torch):
    mine, theirs = samples(rushlight), samples(torch)
    for name in mine:
        found = answer(rushlight.utils.data.default_convert, mine[name])
        assert found == answer(torch.utils.data.default_convert, theirs[name]), name
    array = np.zeros(2)
    rushlight.utils.data.default_convert([array])[0][0] = 3
    assert array[0] == 3, "the same memory"


def datasets(t):
    data = t.utils.data

    class Stream(data.IterableDataset):
        def __iter__(self):
            return iter(range(3))

        def __len__(self):
            return 3

    class Tens(data.Dataset):
        def __getitem__(self, index):
            return index

        def __getitems__(self, indices):
            return [10 * index for index in indices]

        def __len__(self):
            return 6

    class Negative(data.Subset):
        def __getitem__(self, index):
            return -self.dataset[index]

    class NegativeAtOnce(data.Subset):
        def __getitems__(self, indices):
            return [[-entry for entry in self.dataset[index]] for index in indices]

    class NoStream(data.IterableDataset):
        pass

    return Stream, Tens, Negative, NegativeAtOnce, NoStream


def calls(t):
    data, (Stream, Tens, Negative, NegativeAtOnce, NoStream) = t.utils.data, datasets(t)

    def seeded():
        return t.Generator().manual_seed(3)

    def split(source, lengths, **options):
        return [list(part.indices) for part in data.random_split(source, lengths, **{"generator": seeded()} | options)]

    def load(*args, **options):
        return list(data.DataLoader(*args, **options))

    def stacked(*args, **named):
        whole = data.StackDataset(*args, **named)
        return len(whole), whole[1], whole.__getitems__([0, 1])

    return {
        "shares": lambda: split(TEN, [0.35, 0.35, 0.3]),
        "thirds": lambda: split(range(7), [1 / 3] * 3),
        "too little": lambda: split(TEN, [0.5, 0.4]),
        "nearly all": lambda: split(TEN, [0.5, 0.5 - 1e-10]),
        "a little more": lambda: split(TEN, [0.5, 0.5 + 1e-10]),
        "negative share": lambda: split(TEN, [1.5, -0.5]),
        "all": lambda: split(TEN, [1.0]),
        "one of one": lambda: split([5], [1]),
        "one and none": lambda: split([5], [1, 0]),
        "empty part": lambda: split(TEN, [0.01, 0.99]),
        "lengths": lambda: split(TEN, (3, 7)),
        "too many": lambda: split(TEN, [3, 8]),
        "nothing": lambda: split([], [0, 0]),
        "default generator": lambda: (t.manual_seed(0), split(TEN, [3, 7], generator=None))[1],
        "subset": lambda: data.Subset(np.arange(10) * 2, [3, 4, 5])[[0, 2]],
        "beyond a subset": lambda: data.Subset(TEN, [3, 4, 5])[3],
        "subset at once": lambda: data.Subset(Tens(), [3, 4]).__getitems__([0, 1]),
        "half a subclass": lambda: Negative(TEN, [1]),
        "a subclass at once": lambda: load(NegativeAtOnce(data.TensorDataset(t.arange(5)), [1, 3]), 2),
        "joined": lambda: [data.ConcatDataset([[], TEN, "ab"])[index] for index in (0, 9, 10, 11, -1, -12)],
        "beyond the joined": lambda: data.ConcatDataset([TEN, "ab"])[12],
        "before the joined": lambda: data.ConcatDataset([TEN, "ab"])[-13],
        "none joined": lambda: data.ConcatDataset([]),
        "a stream joined": lambda: data.ConcatDataset([Stream()]),
        "sums": lambda: (type(Tens() + Tens()).__name__, type(Stream() + Stream()).__name__, list(Stream() + Stream())),
        "chain": lambda: (list(data.ChainDataset([Stream(), TEN])),),
        "length of a chain": lambda: (len(data.ChainDataset([Stream()] * 2)), len(data.ChainDataset([TEN]))),
        "no stream": lambda: NoStream(),
        "is iterable": lambda: isinstance(Stream(), collections.abc.Iterable),
        "no dataset": lambda: data.Dataset()[0],
        "stacked": lambda: stacked(Tens(), range(6)),
        "stacked by name": lambda: stacked(x=TEN, y="abcdefghij"),
        "stacked unevenly": lambda: stacked(TEN, "ab"),
        "none stacked": lambda: stacked(),
        "stacked both ways": lambda: stacked(TEN, x=TEN),
        "at once": lambda: load(Tens(), 2),
        "keys": lambda: load({"a": 5, "b": 6}, 2, sampler=["b", "a"]),
        "sizes": lambda: data.TensorDataset(t.ones(2), t.ones(3)),
        "several draws": lambda: list(data.RandomSampler(TEN, num_samples=25, generator=seeded())),
        "with replacement": lambda: list(data.RandomSampler(TEN, True, 70, generator=seeded())),
        "no samples": lambda: data.RandomSampler([]),
        "half a sample": lambda: data.RandomSampler(TEN, num_samples=2.5),
        "weighted": lambda: list(data.WeightedRandomSampler([0.1, 0.9, 3, 0.6], 5, True, seeded())),
        "weighted, once each": lambda: list(data.WeightedRandomSampler([0.1, 0.9, 3, 0.6], 4, False, seeded())),
        "weighted, too many": lambda: list(data.WeightedRandomSampler([0.1, 0.9], 5, False, seeded())),
        "weights in rows": lambda: data.WeightedRandomSampler([[0.1, 0.9]], 5),
        "batches": lambda: (list(data.BatchSampler("abc", 2, False)), list(data.BatchSampler("abc", 2, True))),
        "drop_last=1": lambda: data.BatchSampler(TEN, 3, 1),
        "batch_size=True": lambda: load(TEN, True),
        "no batches, drop_last": lambda: load(TEN, None, drop_last=True),
        "shuffled sampler": lambda: load(TEN, shuffle=True, sampler=[1]),
        "sampler of tensors": lambda: load(TEN, 4, sampler=t.arange(3)),
        "a generator of batches": lambda: load(TEN, batch_sampler=([index] for index in range(3))),
        "collated by hand": lambda: load(TEN, 4, collate_fn=sum),
        "an empty batch": lambda: load(TEN, batch_sampler=[[]]),
        "shuffled stream": lambda: load(Stream(), shuffle=True),
        "sampled stream": lambda: load(Stream(), sampler=[1]),
        "method": lambda: data.DataLoader(TEN, num_workers=1, multiprocessing_context="thread"),
        "no method": lambda: data.DataLoader(TEN, multiprocessing_context="spawn"),
        "context": lambda: data.DataLoader(TEN, num_workers=1, multiprocessing_context=3),
        "prefetch_factor=-1": lambda: data.DataLoader(TEN, num_workers=1, prefetch_factor=-1),
        "prefetch_factor here": lambda: data.DataLoader(TEN, prefetch_factor=2),
        "persistent here": lambda: data.DataLoader(TEN, persistent_workers=True),
        "later": lambda: setattr(data.DataLoader(TEN), "batch_sampler", [[1]]),
        "length of an iterator": lambda: len(iter(data.DataLoader(TEN, 3))),
        "own iterator": lambda: (lambda batches: iter(batches) is batches)(iter(data.DataLoader(TEN, 3))),
        "with a type": lambda: (data.DataLoader[int].__name__, data.Dataset[int].__name__),
    }


def test_calls(torch):
    theirs = calls(torch)
    for name, call in calls(rushlight).items():
        assert answer(call) == answer(theirs[name]), name
