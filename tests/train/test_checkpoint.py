"""Checkpoints: what goes in comes out, PyTorch reads and writes the same files, and bad files are refused."""

import collections
import io
import os
import pickle
import zipfile

import pytest

import rushlight as torch
from rushlight.checkpoint import CheckpointError, load_safetensors, save_safetensors

DTYPES = ("float32", "float64", "float16", "bfloat16", "uint8", "int8", "int16", "int32", "int64", "bool")
WIDE_UNSIGNED = ("uint16", "uint32", "uint64")


def round_trip(obj, **options):
    file = io.BytesIO()
    torch.save(obj, file)
    return torch.load(file, **options)


def test_structures():
    obj = {
        "numbers": [1, -(2**70), 2.5, True, None, 1j],
        "text": "Grüße",
        "bytes": [b"", b"\x00\xff", bytearray(b"ab"), bytearray()],
        "sets": [{1, 2}, frozenset((3,)), slice(1, None, 2)],
        "size": torch.Size([2, 3]),
        "dtype": torch.bfloat16,
        "device": torch.device("cpu"),
        "ordered": collections.OrderedDict(a=(1, (2,))),
        5: {},
    }
    obj["itself"] = obj["numbers"]
    loaded = round_trip(obj)
    assert loaded["itself"] is loaded["numbers"]
    assert loaded.pop("device") == obj.pop("device")
    assert loaded == obj
    assert isinstance(loaded["size"], torch.Size)
    assert isinstance(loaded["ordered"], collections.OrderedDict)


@pytest.mark.parametrize("dtype", DTYPES + WIDE_UNSIGNED)
def test_every_dtype(dtype):
    tensor = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(getattr(torch, dtype))
    for value in (tensor, tensor.t(), tensor[1], tensor[:, 1], tensor[0, 0], tensor[:0]):
        loaded = round_trip(value)
        assert loaded.dtype is value.dtype
        assert loaded.shape == value.shape
        assert loaded.tolist() == value.tolist()


def test_strides_and_sharing_survive():
    base = torch.arange(24.0).reshape(2, 3, 4)
    loaded = round_trip([base, base.permute(2, 0, 1), base[:, 1]])
    assert loaded[1].stride() == base.permute(2, 0, 1).stride()
    loaded[0][0, 1, 2] = -1
    assert loaded[1][2, 0, 1].item() == loaded[2][0, 2].item() == -1


def test_tied_parameters_stay_tied():
    layer = torch.nn.Linear(3, 3)
    loaded = round_trip({"a": layer.weight, "b": layer.weight, "plain": torch.ones(2, requires_grad=True)})
    assert isinstance(loaded["a"], torch.nn.Parameter)
    assert loaded["a"] is loaded["b"]
    assert loaded["a"].requires_grad and loaded["plain"].requires_grad


def test_state_dict_with_metadata():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Linear(4, 5))
    loaded = round_trip(net.state_dict())
    assert list(loaded) == list(net.state_dict())
    assert loaded._metadata == net.state_dict()._metadata
    net.load_state_dict(loaded)


def test_the_same_content_gives_the_same_file(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        torch.save({"w": torch.ones(5)}, tmp_path / name / "model.pt")
    assert (tmp_path / "a/model.pt").read_bytes() == (tmp_path / "b/model.pt").read_bytes()


def test_an_interrupted_save_keeps_the_old_file(tmp_path):
    class Stubborn:
        def __reduce__(self):
            raise KeyboardInterrupt

    path = tmp_path / "model.pt"
    torch.save(1, path)
    with pytest.raises(KeyboardInterrupt):
        torch.save(Stubborn(), path)
    assert torch.load(path) == 1
    assert os.listdir(tmp_path) == ["model.pt"]


class Attack:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


ATTACKS = [
    Attack(os.system, "true"),
    Attack(eval, "1"),
    Attack(getattr, (), "__class__"),
    Attack(bytearray, 10**18),
    Attack(__import__, "os"),
    Attack(print),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.call[0].__name__)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nothing_runs_while_loading(attack, protocol):
    with pytest.raises(CheckpointError):
        torch.load(archive(pickle.dumps(attack, protocol)))


def test_a_class_is_named_and_can_be_trusted():
    file = io.BytesIO()
    torch.save({"rule": Rule(3), "w": torch.ones(1)}, file)
    with pytest.raises(CheckpointError, match=r"Weights only load failed: the file names tests.*Rule"):
        torch.load(file)
    loaded = torch.load(file, weights_only=False)
    assert loaded["rule"].number == 3


class Rule:
    def __init__(self, number):
        self.number = number


def archive(structure, **records):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("archive/data.pkl", structure)
        for name, content in records.items():
            target.writestr(f"archive/data/{name}", content)
    return file


def tensor_pickle(count, offset, shape, strides, storage="torch\nFloatStorage"):
    """The structure of one tensor, spelled in opcodes."""
    numbers = f"(I{offset}\n({''.join(f'I{n}{chr(10)}' for n in shape)}t({''.join(f'I{n}{chr(10)}' for n in strides)}t"
    reference = f"(Vstorage\nc{storage}\nV0\nVcpu\nI{count}\ntQ".encode()
    call = numbers[1:].encode() + b"I00\nNtR."
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + reference + call


def test_the_spelled_tensor_is_right():
    loaded = torch.load(archive(tensor_pickle(4, 1, (1, 3), (3, 1)), **{"0": b"\0" * 16}))
    assert loaded.shape == (1, 3)


@pytest.mark.parametrize(
    "structure, text",
    [
        (tensor_pickle(4, 2, (3,), (1,)), "reaches beyond"),
        (tensor_pickle(4, 0, (2, 2), (2**62, 1)), "reaches beyond"),
        (tensor_pickle(4, -1, (2,), (1,)), "damaged"),
        (tensor_pickle(4, 1, (2,), (-1,)), "damaged"),
        (tensor_pickle(4, 0, (-2,), (1,)), "damaged"),
        (tensor_pickle(4, 0, (2, 2), (1,)), "damaged"),
        (tensor_pickle(2**60, 0, (2,), (1,)), "record data/0 has 16 bytes"),
        (tensor_pickle(3, 0, (2,), (1,)), "record data/0 has 16 bytes"),
        (tensor_pickle(4, 0, (2,), (1,), "torch\nSize"), "unknown storage"),
        (tensor_pickle(4, 0, (2,), (1,))[:-9], "damaged"),
        (b"\x80\x02ctorch\nfloat32\n}Vitemsize\nI9\nsb.", "sets attributes"),
        (b"\x80\x02ctorch\nSize\n}Vnumel\nNsb.", "sets attributes"),
        (b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.", "damaged"),
        (b"\x80\x02X\xff\xff\xff\x7fab.", "damaged"),
        (b"", "damaged"),
        (b"garbage", "damaged"),
    ],
)
def test_damaged_structures(structure, text):
    with pytest.raises(CheckpointError, match=text):
        torch.load(archive(structure, **{"0": b"\0" * 16}))


def test_foreign_and_truncated_files(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"w": torch.ones(1000)}, path)
    whole = path.read_bytes()
    for content, text in [
        (whole[:-300], "truncated or damaged"),
        (whole[:100], "truncated or damaged"),
        (b"", "empty"),
        (b"\x89PNG....", "not a checkpoint"),
        (pickle.dumps([1]), "Invalid magic number; corrupt file"),
    ]:
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=text) as caught:
            torch.load(path)
        assert "model.pt" in str(caught.value)
    flipped = bytearray(whole)
    flipped[whole.index(b"\0\0\x80\x3f" * 9) + 21] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(CheckpointError, match="CRC"):
        torch.load(path)
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "absent.pt")


def test_an_archive_that_is_no_checkpoint(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match=r"no data\.pkl"):
        torch.load(tmp_path / "a.zip")


def test_compressed_records_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("archive/data.pkl", b"N." + b" " * 10**6)
    with pytest.raises(CheckpointError, match="compressed"):
        torch.load(file)


def test_safetensors(tmp_path):
    path = tmp_path / "weights.safetensors"
    tensors = {name: torch.tensor([[1, 0], [1, 1]]).to(getattr(torch, name)).t() for name in DTYPES + WIDE_UNSIGNED}
    tensors |= {"empty": torch.ones(0, 3), "scalar": torch.tensor(2.5)}
    torch.save(tensors, path)
    loaded = torch.load(path)
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype is tensor.dtype
        assert loaded[name].shape == tensor.shape
        assert loaded[name].tolist() == tensor.tolist()


def test_safetensors_package_agrees(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "weights.safetensors"
    save_safetensors(
        {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2], dtype=torch.int16)}, path, {"k": "v"}
    )
    theirs = package.load_file(path)
    assert theirs["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    package.save_file(theirs, path)
    ours = load_safetensors(path)
    assert ours["b"].tolist() == [1, 2]


def test_bad_safetensors(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_safetensors({"w": torch.ones(4)}, path)
    whole = path.read_bytes()
    for content in (b"", whole[:20], whole[:-1], whole + b"x", b"\xff" * 50, whole.replace(b"F32", b"F99")):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
            torch.load(path)
    path.write_bytes(whole.replace(b"[4]", b"[3]"))
    with pytest.raises(CheckpointError, match="16 bytes"):
        torch.load(path)
    with pytest.raises(TypeError, match="named tensors only"):
        torch.save({"w": [1]}, path)


@pytest.mark.live
def test_pytorch_reads_what_we_write(tmp_path):
    pytorch = pytest.importorskip("torch")
    path = tmp_path / "model.pt"
    base = torch.arange(12.0).reshape(3, 4)
    obj = {
        "tensors": {name: torch.tensor([1, 0, 1]).to(getattr(torch, name)) for name in DTYPES + WIDE_UNSIGNED},
        "views": [base, base.t(), base[1:, ::2]],
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "state": torch.nn.Conv2d(1, 2, 3).state_dict(),
        "rest": [1, 2.5, "x", b"\x01", {1}, torch.Size([2]), torch.float16, torch.device("cpu")],
    }
    torch.save(obj, path)
    loaded = pytorch.load(path, weights_only=True)
    for name, tensor in loaded["tensors"].items():
        assert tensor.dtype is getattr(pytorch, name)
        assert tensor.tolist() == obj["tensors"][name].tolist()
    assert [view.stride() for view in loaded["views"]] == [view.stride() for view in obj["views"]]
    assert isinstance(loaded["parameter"], pytorch.nn.Parameter)
    pytorch.nn.Conv2d(1, 2, 3).load_state_dict(loaded["state"])
    assert loaded["rest"][5:] == [pytorch.Size([2]), pytorch.float16, pytorch.device("cpu")]
    assert pytorch.load(path, weights_only=True, mmap=True)["views"][0].tolist() == base.tolist()


@pytest.mark.live
def test_we_read_what_pytorch_writes(tmp_path):
    pytorch = pytest.importorskip("torch")
    path = tmp_path / "model.pt"
    net = pytorch.nn.Sequential(pytorch.nn.Conv2d(1, 2, 3), pytorch.nn.ConvTranspose2d(2, 3, 2))
    optimizer = pytorch.optim.Adam(net.parameters())
    net(pytorch.ones(1, 1, 5, 5)).sum().backward()
    optimizer.step()
    base = pytorch.arange(12.0).reshape(3, 4)
    obj = {
        "net": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "tensors": {name: pytorch.tensor([1, 0, 1]).to(getattr(pytorch, name)) for name in DTYPES + WIDE_UNSIGNED},
        "views": [base, base.t(), base[1:, ::2]],
        "parameter": net[0].weight,
        "rest": [1, 2.5, "x", b"\x01", b"", {1}],
    }
    pytorch.save(obj, path)
    loaded = torch.load(path, weights_only=False)
    for name, tensor in loaded["tensors"].items():
        assert tensor.dtype is getattr(torch, name)
        assert tensor.tolist() == obj["tensors"][name].tolist()
    assert [view.tolist() for view in loaded["views"]] == [view.tolist() for view in obj["views"]]
    ours = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ConvTranspose2d(2, 3, 2))
    ours.load_state_dict(loaded["net"])
    assert ours[1].weight.tolist() == net[1].weight.tolist()
    torch.optim.Adam(ours.parameters()).load_state_dict(loaded["optimizer"])
    assert loaded["rest"] == obj["rest"]
