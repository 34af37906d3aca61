"""Every format that PyTorch has had, both ways, and the arguments of `load` and `save`."""

import collections
import io
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest

import rushlight as torch
from rushlight.checkpoint import CheckpointError, writer
from rushlight.checkpoint.source import opened
from rushlight.checkpoint.zip_file import ZipFile

DTYPES = ["float32", "float64", "float16", "bfloat16", "uint8", "int8", "int16", "int32", "int64", "bool"]
WIDE = ["uint16", "uint32", "uint64"]  # PyTorch itself cannot read them again from the old format
FORMATS = [(protocol, zipped) for zipped in (True, False) for protocol in (2, 3, 4, 5)]


def saved(obj, **options):
    file = io.BytesIO()
    torch.save(obj, file, **options)
    return file


def content(module, zipped=True):
    """The same structure for PyTorch and for us."""
    base = module.arange(12.0).reshape(3, 4)
    net = module.nn.Sequential(module.nn.Conv2d(1, 2, 3), module.nn.BatchNorm2d(2))
    optimizers = [module.optim.Adam(net.parameters()), module.optim.SGD(net.parameters(), 0.1, momentum=0.9)]
    net(module.ones(1, 1, 5, 5)).sum().backward()
    for optimizer in optimizers:
        optimizer.step()
    names = DTYPES + WIDE * zipped
    return {
        "net": net.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "tensors": {name: module.tensor([1, 0, 1]).to(getattr(module, name)) for name in names},
        "views": [base, base.t(), base[1:, ::2], module.tensor(3.0), module.empty(0, 3), module.ones(1).expand(4, 3)],
        "channels last": module.randn(2, 3, 4, 5).contiguous(memory_format=module.channels_last),
        "parameters": [module.nn.Parameter(module.ones(2)), module.nn.Parameter(module.ones(2), requires_grad=False)],
        "leaf": module.ones(2, requires_grad=True),
        "nested": [(1, 2, {"a": [None, True, 2.5, "Grüße", b"\x01", {1}, -(2**70)]})],
        "rest": [module.Size([2, 3]), module.float16, module.device("cpu"), collections.OrderedDict(a=1)],
    }


def compare(ours, theirs, path=""):
    """Whether what was loaded here is what PyTorch has."""
    import torch as pytorch

    if isinstance(theirs, pytorch.Tensor):
        assert isinstance(ours, torch.nn.Parameter) == isinstance(theirs, pytorch.nn.Parameter), path
        assert (str(ours.dtype), tuple(ours.shape), ours.stride()) == (
            str(theirs.dtype), tuple(theirs.shape), theirs.stride(),
        ), path  # fmt: skip
        assert ours.requires_grad == theirs.requires_grad, path
        assert ours.tolist() == theirs.tolist(), path
    elif isinstance(theirs, dict):
        assert [*map(str, ours)] == [*map(str, theirs)], path
        for a, b in zip(ours, theirs):
            compare(ours[a], theirs[b], f"{path}.{a}")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), path
        for number, (a, b) in enumerate(zip(ours, theirs)):
            compare(a, b, f"{path}.{number}")
    else:
        assert str(ours) == str(theirs), path


@pytest.mark.live
@pytest.mark.parametrize("protocol, zipped", FORMATS)
def test_what_pytorch_writes(protocol, zipped):
    pytorch = pytest.importorskip("torch")
    theirs, file = content(pytorch, zipped), io.BytesIO()
    pytorch.save(theirs, file, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    for weights_only in (True, False):
        file.seek(0)
        ours = torch.load(file, weights_only=weights_only)
        compare(ours, theirs)
        ours["views"][0][0, 1] = 7.0
        assert ours["views"][1][1, 0] == 7, "tensors of one storage share it"


@pytest.mark.live
@pytest.mark.parametrize("protocol, zipped", FORMATS)
def test_what_pytorch_reads(protocol, zipped):
    pytorch = pytest.importorskip("torch")
    ours = content(torch, zipped)
    file = saved(ours, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    for weights_only in (True, False) if protocol == 2 else (False,):
        file.seek(0)
        theirs = pytorch.load(file, weights_only=weights_only)
        compare(ours, theirs)
        assert theirs["views"][0].data_ptr() == theirs["views"][1].data_ptr()


@pytest.mark.parametrize("protocol, zipped", FORMATS)
def test_what_we_write(protocol, zipped):
    ours = content(torch)
    loaded = torch.load(saved(ours, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped))
    assert repr(loaded) == repr(ours)
    assert [view.stride() for view in loaded["views"]] == [view.stride() for view in ours["views"]]
    assert loaded["channels last"].is_contiguous(memory_format=torch.channels_last)
    loaded["views"][0][0, 1] = 7.0
    assert loaded["views"][1][1, 0] == 7


def test_several_in_one_file():
    file = io.BytesIO()
    for number in range(3):
        torch.save({"n": torch.tensor(number)}, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert [torch.load(file)["n"].item() for _ in range(3)] == [0, 1, 2]


def test_a_file_is_read_from_where_it_stands():
    file = io.BytesIO(b"before" + saved(5).getvalue())
    file.seek(6)
    assert torch.load(file) == 5


def test_what_cannot_seek():
    class Pipe(io.RawIOBase):
        def readable(self):
            return True

    with pytest.raises(io.UnsupportedOperation, match=r"You can only torch\.load from a file that is seekable"):
        torch.load(Pipe())
    with pytest.raises(AttributeError, match="with a 'write' attribute"):
        torch.save(1, 5)


# -------------------------------------------------------------------- the first format


def first_format(pickled=None):
    """A checkpoint as PyTorch 0.1.9 wrote it: a storage, a part of it, two tensors, and a dict of them."""

    class Persistent(pickle._Pickler):
        def persistent_id(self, obj):
            return obj.number if isinstance(obj, Number) else None

    class Number:
        def __init__(self, number):
            self.number = number

    def spelled(obj):
        file = io.BytesIO()
        Persistent(file, 2).dump(obj)
        return file.getvalue()

    def triple(number, second, kind):
        return b"\x80\x02" + spelled(number)[2:-1] + spelled(second)[2:-1] + b"ctorch\n" + kind + b"\n\x87."

    numbers = np.arange(6, dtype="<f4")
    storages = spelled(1) + triple(10, "cpu", b"FloatStorage") + struct.pack("<q", 6) + numbers.tobytes()
    storages += spelled([(11, 10, 2, 3)])
    tensors = spelled(2)
    for number, storage, shape, strides, offset in [(20, 10, (2, 3), (3, 1), 0), (21, 11, (2,), (2,), 0)]:
        axes = len(shape)
        tensors += triple(number, storage, b"FloatTensor") + struct.pack("<ii", axes, 0)
        tensors += struct.pack(f"<{2 * axes + 1}q", *shape, *strides, offset)
    structure = pickled or spelled({"whole": Number(20), "part": Number(21)})
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in [("storages", storages), ("tensors", tensors), ("pickle", structure)]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize("weights_only", [True, False])
def test_the_first_format(tmp_path, weights_only):
    path = tmp_path / "model.pt"
    path.write_bytes(first_format())
    loaded = torch.load(path, weights_only=weights_only)
    assert loaded["whole"].tolist() == [[0, 1, 2], [3, 4, 5]] and loaded["part"].tolist() == [2, 4]
    loaded["whole"][0, 2] = 9.0
    assert loaded["part"][0] == 9


@pytest.mark.live
def test_pytorch_takes_that_for_its_first_format(tmp_path):
    pytorch = pytest.importorskip("torch")
    path = tmp_path / "model.pt"
    path.write_bytes(first_format())
    compare(torch.load(path), pytorch.load(path, weights_only=False))


def test_a_damaged_first_format(tmp_path):
    whole = first_format()
    path = tmp_path / "model.pt"
    for length in range(600, len(whole) - 10240, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"model\.pt"):
            torch.load(path)
    for at in range(0, 6000, 29):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        try:
            repr(torch.load(path))
        except CheckpointError as problem:
            assert "model.pt" in str(problem)


# -------------------------------------------------------------------- arguments of load


@pytest.mark.parametrize("zipped", [True, False])
def test_map_location(zipped):
    file = saved({"w": torch.ones(2), "v": torch.zeros(3)}, _use_new_zipfile_serialization=zipped)
    for place in (
        None,
        "cpu",
        torch.device("cpu"),
        {"cuda:0": "cpu"},
        lambda storage, place: storage,
        lambda s, p: None,
    ):
        assert torch.load(file, map_location=place)["w"].tolist() == [1, 1]
    seen = []
    torch.load(file, lambda storage, place: seen.append((storage.nbytes(), len(storage), place)))
    assert seen == [(8, 2, "cpu"), (12, 3, "cpu")]
    for place in ("cuda", torch.device, {"cpu": "cuda:0"}):
        with pytest.raises((RuntimeError, TypeError)):
            torch.load(file, map_location=place)
    with pytest.raises(TypeError, match="map_location"):
        torch.load(file, map_location=5)


def test_mmap(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"w": torch.arange(1000.0), "b": torch.ones(3, dtype=torch.bool), "e": torch.empty(0)}, path)
    loaded = torch.load(path, mmap=True)
    loaded["w"][3] = 7
    assert loaded["w"].sum() == 499500 + 4 and torch.load(path)["w"].sum() == 499500
    assert loaded["b"].all() and loaded["e"].shape == (0,)
    torch.save(1, path)
    assert loaded["w"][5] == 5, "what was mapped stays"
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        torch.load(io.BytesIO(path.read_bytes()), mmap=True)
    torch.save(1, path, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        torch.load(path, mmap=True)


def test_encoding():
    """Texts that Python 2 wrote."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("archive/data.pkl", b"\x80\x02U\x02\xc3\xbc.")
    assert torch.load(file) == "ü"
    assert torch.load(file, encoding="latin1") == "Ã¼"
    assert torch.load(file, encoding="bytes") == b"\xc3\xbc"


def test_pickle_module():
    file = saved({"w": torch.ones(2)}, pickle_module=pickle)
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit pickle_module is specified"):
        torch.load(file, pickle_module=pickle)
    assert torch.load(file, pickle_module=pickle, weights_only=False)["w"].tolist() == [1, 1]
    for protocol in (0, 1, 6):
        with pytest.raises(ValueError, match="pickle_protocol"):
            saved(1, pickle_protocol=protocol)


# -------------------------------------------------------------------- what is safe


class Rule:
    def __init__(self, number):
        self.number = number


def make_rule(number):
    return Rule(number)


class Called:
    def __reduce__(self):
        return make_rule, (4,)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_safe_globals(protocol):
    file = saved([Rule(3), Called(), collections.deque([1])], pickle_protocol=protocol)
    names = ["collections.deque", f"{__name__}.Rule", f"{__name__}.make_rule"]
    assert torch.serialization.get_unsafe_globals_in_checkpoint(file) == names
    with pytest.raises(CheckpointError, match="Weights only load failed"):
        torch.load(file)
    with torch.serialization.safe_globals([Rule, make_rule]):
        assert torch.serialization.get_unsafe_globals_in_checkpoint(file) == names[:1]
        torch.serialization.add_safe_globals([(collections.deque, "collections.deque")])
        try:
            first, second, third = torch.load(file)
        finally:
            torch.serialization.clear_safe_globals()
    assert (first.number, second.number, list(third)) == (3, 4, [1])
    assert torch.serialization.get_safe_globals() == []
    with pytest.raises(CheckpointError, match="Weights only load failed"):
        torch.load(file)


def test_numpy_arrays_that_were_called_safe():
    file = saved(np.float64(2.5))
    scalar = np.float64(2.5).__reduce__()[0]
    with torch.serialization.safe_globals([scalar, np.dtype, type(np.dtype("f8"))]):
        assert torch.load(file) == 2.5


def test_never_safe():
    import os

    class Attack:
        def __reduce__(self):
            return os.system, ("true",)

    with torch.serialization.safe_globals([os.system]), pytest.raises(CheckpointError, match="system"):
        torch.load(saved(Attack()))


# -------------------------------------------------------------------- how it lies in the file


@pytest.mark.parametrize("limit", [1 << 30, 100])
def test_storages_are_aligned(tmp_path, monkeypatch, limit):
    """Those too whose length takes 64 bits, which here begin at 100 bytes."""
    monkeypatch.setattr(writer, "_LARGE", limit)
    path = tmp_path / "model.pt"
    tensors = [torch.ones(n) for n in (1, 3, 100, 1001)]
    torch.save(tensors, path)
    with opened(path) as source:
        archive = ZipFile(source)
        starts = [archive.start(f"model/data/{number}") for number in range(4)]
    assert [start % 64 for start in starts] == [0] * 4
    assert torch.load(path)[3].sum() == 1001
    with zipfile.ZipFile(path) as theirs:
        assert theirs.testzip() is None


@pytest.mark.live
def test_pytorch_reads_long_records(tmp_path, monkeypatch):
    pytorch = pytest.importorskip("torch")
    monkeypatch.setattr(writer, "_LARGE", 100)
    path = tmp_path / "model.pt"
    torch.save([torch.ones(1001)], path)
    assert pytorch.load(path)[0].sum() == 1001 and pytorch.load(path, mmap=True)[0].sum() == 1001
