"""Indexing: every kind of index, read and written, and what is refused."""

import numpy as np
import pytest

READ = [
    0, -1, slice(1, 3), slice(None, None, 2), Ellipsis, None, (0, 1), (slice(None), 1), (Ellipsis, -1), (None, 0),
    (0, None, slice(None), None), [0, 2], ([0, 1], [1, 2]), ([0, 1], slice(None), [1, 2]), (slice(None), [0, 1], 0),
    (0, slice(None), [1, 0]), ([[0, 1], [1, 0]], 1), (slice(1, 2), [0, 0, 1]), True, False, (slice(5, 9),), [],
    (Ellipsis, [0, 1]), ([0], [1], [2]), (slice(None), slice(None), None, slice(1, None)), (1, Ellipsis, 0), (0, 1, 2),
    [True, False, True], (slice(None), [True, False, True, False]), np.array([0, 1]), (np.int64(1), np.array([2, 0])),
    range(2),
]  # fmt: skip


@pytest.mark.live
@pytest.mark.parametrize("index", READ, ids=str)
def test_reads_as_pytorch(torch, index):
    import rushlight

    ours, theirs = (t.arange(36).reshape(3, 4, 3)[index] for t in (rushlight, torch))
    assert tuple(ours.shape) == tuple(theirs.shape) and ours.tolist() == theirs.tolist()


@pytest.mark.live
@pytest.mark.parametrize("index", READ, ids=str)
def test_writes_as_pytorch(torch, index):
    import rushlight

    results = []
    for t in (rushlight, torch):
        x = t.arange(36.0).reshape(3, 4, 3)
        x[index] = -1
        part = x[index]
        x[index] = t.arange(float(part.numel())).reshape(part.shape)
        results.append(x.tolist())
    assert results[0] == results[1]


@pytest.mark.live
def test_random_indices_agree(torch):
    import rushlight

    generator = np.random.default_rng(0)
    for _ in range(300):
        shape = tuple(int(n) for n in generator.integers(1, 5, generator.integers(1, 5)))
        index = tuple(random_item(generator, n) for n in shape[: generator.integers(1, len(shape) + 1)])
        try:
            theirs = torch.arange(int(np.prod(shape))).reshape(shape)[tuple(converted(torch, i) for i in index)]
        except IndexError:
            with pytest.raises(IndexError):
                rushlight.arange(int(np.prod(shape))).reshape(shape)[tuple(converted(rushlight, i) for i in index)]
            continue
        ours = rushlight.arange(int(np.prod(shape))).reshape(shape)[tuple(converted(rushlight, i) for i in index)]
        assert tuple(ours.shape) == tuple(theirs.shape) and ours.tolist() == theirs.tolist(), index


def random_item(generator, size):
    kind = generator.integers(6)
    if kind == 0:
        return int(generator.integers(-size, size))
    if kind == 1:
        a, b = sorted(int(n) for n in generator.integers(0, size + 1, 2))
        return slice(a, b, int(generator.integers(1, 3)))
    if kind == 2:
        return slice(None)
    if kind == 3:
        return generator.integers(0, 2, size).astype(bool)
    return generator.integers(-size, size, (2, 3)[: generator.integers(1, 3)])


def converted(t, item):
    return t.tensor(item) if isinstance(item, np.ndarray) else item


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (3, IndexError),
        (-4, IndexError),
        ((0, 0, 0, 0), IndexError),
        (slice(None, None, -1), ValueError),
        (1.5, (TypeError, IndexError)),
        ("a", (TypeError, IndexError, ValueError)),
        ([0, 7], IndexError),
        ([True, False], IndexError),
        (([0, 1], [0, 1, 2]), IndexError),
    ],
)
def test_refused(t, index, error):
    x = t.zeros(3, 4, 3)
    with pytest.raises(error):
        x[index]
    with pytest.raises(error):
        x[index] = 1
    assert t.__name__ == "torch" or not x.any()  # PyTorch writes what comes before the wrong entry


def test_zero_dimensional(t):
    x = t.tensor(5.0)
    assert x[()].item() == 5 and x[None].shape == (1,) and x[...].item() == 5
    with pytest.raises(IndexError, match="invalid index of a 0-dim tensor"):
        x[0]
    x[()] = 3
    assert x.item() == 3


def test_tensor_indices(t):
    x = t.arange(6).reshape(2, 3)
    assert x[t.tensor(1)].tolist() == [3, 4, 5]
    assert x[t.tensor([[True, False, True], [False, True, False]])].tolist() == [0, 2, 4]
    with pytest.raises(IndexError):
        x[t.tensor([1.0])]


def test_value_that_does_not_fit(t):
    x = t.zeros(2, 3)
    for index, value in ((0, t.ones(2)), ((slice(None), [0, 1]), t.ones(3))):
        with pytest.raises(RuntimeError):
            x[index] = value
    x[0] = t.ones(1, 1, 3)
    assert x.tolist() == [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    with pytest.raises(TypeError):
        x[0] = "a"


def test_view_or_copy(t):
    x = t.zeros(3, 4)
    x[1:][0].fill_(1)
    x[[0]].fill_(5)
    assert x.sum().item() == 4


def test_iteration(t):
    assert [row.tolist() for row in t.arange(4).reshape(2, 2)] == [[0, 1], [2, 3]]
    _, second = t.tensor([1.0, 2.0])
    assert second.item() == 2
    with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
        iter(t.tensor(1))
    assert 3 in t.arange(4) and 7 not in t.arange(4)
    assert len(t.zeros(3, 2)) == 3


def test_index_put_takes_one_dtype():
    import rushlight

    with pytest.raises(RuntimeError, match="Index put requires the source and destination dtypes match, got Float"):
        rushlight.zeros(2).index_put((rushlight.tensor([0]),), rushlight.ones(1, dtype=rushlight.float64))
