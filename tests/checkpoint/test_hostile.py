"""Files that are damaged or made to harm: a CheckpointError that names the file, soon, in the memory of the file."""

import io
import os
import pickle
import random
import resource
import struct
import time
import zipfile
import zlib

import pytest

import rushlight as torch
from rushlight.checkpoint import CheckpointError, load_safetensors, save_safetensors


def archive(structure, **records):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("archive/data.pkl", structure)
        for name, content in records.items():
            target.writestr(f"archive/data/{name}", content)
    return file


def stream(structure):
    """The same in the format before 1.6."""
    head = b"".join(pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {}))
    return io.BytesIO(head + structure + pickle.dumps([], 2))


def refused(file, text="", **options):
    begin = time.process_time()
    with pytest.raises(CheckpointError, match=text):
        torch.load(file, **options)
    assert time.process_time() - begin < 2


# -------------------------------------------------------------------- structures

DOUBLED = b"\x80\x02" + b"K\x01" + b"2\x86" * 60  # each level is a pair of the last one, twice
LISTS = b"\x80\x02" + b"]" + b"".join(b"q%c](h%ch%ce" % (n, n, n) for n in range(60))
COUNTED = b"\x80\x02]" + b"K\x01a" * 1000 + b"q\x000" + b"ccollections\nCounter\nh\x00\x85R0" * 2000 + b"N."
BUILD_ITEMS = b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsNsb."
STRUCTURES = {
    "a doubled tuple": DOUBLED + b".",
    "a doubled tuple as a key": b"\x80\x02}" + DOUBLED[2:] + b"Ns.",
    "a doubled tuple in a set": b"\x80\x02c__builtin__\nset\n]" + DOUBLED[2:] + b"a\x85R.",
    "a doubled tuple in a frozen set": b"\x80\x04(" + DOUBLED[2:] + b"\x91.",
    "a doubled tuple counted": b"\x80\x02ccollections\nCounter\n]" + DOUBLED[2:] + b"a\x85R.",
    "a doubled tuple as an ordered key": b"\x80\x02ccollections\nOrderedDict\n](" + DOUBLED[2:] + b"Nta\x85R.",
    "a doubled tuple as a reference": DOUBLED + b"Q.",
    "a doubled tuple as a storage": b"\x80\x02(X\x07\x00\x00\x00storage" + DOUBLED[2:] + b"2NNtQ.",
    "a doubled tuple as a shape": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(N" + DOUBLED[2:] + b"22tR.",
    "a doubled tuple as arguments": b"\x80\x02ctorch\nSize\n" + DOUBLED[2:] + b"R.",
    "a doubled tuple as a function": DOUBLED + b")R.",
    "a doubled tuple as an encoding": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00a" + DOUBLED[2:] + b"\x86R.",
    "a doubled tuple as a layout": b"\x80\x02ctorch.serialization\n_get_layout\n" + DOUBLED[2:] + b"\x85R.",
    "a doubled tuple rebuilt": b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(" + DOUBLED[2:] + b"22NtR.",
    "doubled lists": LISTS + b".",
    "deep lists": b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
    "deep tuples": b"\x80\x02)" + b"\x85" * 10**5 + b".",
    "deep tuples as a key": b"\x80\x02})" + b"\x85" * 10**5 + b"Ns.",
    "a list of itself": b"\x80\x02]q\x00h\x00a.",
    "copies of a text": b"\x80\x02c_codecs\nencode\nX\x40\x42\x0f\x00" + b"a" * 10**6
    + b"X\x06\x00\x00\x00latin1\x86q\x000" + b"c_codecs\nencode\nh\x00R0" * 20_000 + b"N.",
    "colliding keys": b"\x80\x02}(" + b"".join(pickle.dumps(n * (2**61 - 1), 2)[2:-1] + b"N" for n in range(9, 9999))
    + b"u.",
    "a replaced method": BUILD_ITEMS,
    "a replaced class": BUILD_ITEMS.replace(b"\x05\x00\x00\x00items", b"\x09\x00\x00\x00__class__"),
    "many bytes": b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x00.",
    "many characters": b"\x80\x05\x8d\xff\xff\xff\xff\xff\xff\xff\x00.",
    "an endless line": b"\x80\x02c" + b"a" * 10**6,
    "a slow codec": b"\x80\x02c__builtin__\nbytearray\nX\x01\x00\x00\x00aX\x08\x00\x00\x00punycode\x86R.",
}  # fmt: skip


@pytest.mark.parametrize("form", [archive, stream], ids=lambda form: form.__name__)
@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_made_to_harm(name, form):
    file = form(STRUCTURES[name])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(file, "the file")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10


def test_keys_of_one_hash():
    """Complex numbers whose hash is that of their real part plus a million times the other."""
    keys = [complex(-float(2**10 * n * 1000003), float(2**10 * n)) for n in range(1, 3000)]
    assert len({hash(key) for key in keys}) == 1
    refused(saved(dict.fromkeys(keys)), "too many keys of one hash")
    refused(saved(set(keys), pickle_protocol=4), "too many keys of one hash")
    many = [{(1, 2): n, (3, n): n} for n in range(2000)] + [{(1, 2)} for _ in range(2000)]
    assert torch.load(saved(many)) == torch.load(saved(many, pickle_protocol=4)) == many


def test_structures_that_share_much_without_harm():
    shared = tuple(range(100))
    assert torch.load(saved([shared] * 1000)) == [shared] * 1000
    assert torch.load(saved({(1, (2, "a")): {(3, 4)}})) == {(1, (2, "a")): {(3, 4)}}
    assert torch.load(saved({2**63 - 1: 1, -(2**63): 2})) == {2**63 - 1: 1, -(2**63): 2}


def saved(obj, **options):
    file = io.BytesIO()
    torch.save(obj, file, **options)
    return file


# -------------------------------------------------------------------- zip archives


def overlapping(count=50):
    """Fifty records, each of which holds all that follow."""
    content = os.urandom(100_000)
    file = bytearray(saved({"w": torch.ones(2)}).getvalue())
    start = file.index(b"PK\1\2")
    body, directory = file[:start], file[start : file.index(b"PK\5\6")]
    at = len(body)
    body += (
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, zlib.crc32(content), *[len(content)] * 2, 0, 0) + content
    )
    for number in range(count):
        name = f"archive/data/{number + 7}".encode()
        sizes = [len(content) - 50 * number] * 2
        directory += (
            struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, *sizes, len(name), 0, 0, 0, 0, 0, at) + name
        )
    total = count + file[file.index(b"PK\5\6") :][10]
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, total, total, len(directory), len(body), 0)
    return io.BytesIO(bytes(body + directory + end))


def test_overlapping_records_are_refused():
    refused(overlapping(), "reaches into the next")


@pytest.mark.parametrize(
    "place, value, text",
    [
        (6, b"\xc8\0", "version 20.0 of the zip format"),
        (46, b"\xff", "cannot be read"),  # no UTF-8
        (42, b"\xf0\xff\xff\xff", "truncated or damaged"),
        (24, b"\xff\xff\xff\xff", "compressed"),
        (20, b"\xff\xff\xff\xff\xff\xff\xff\xff", "truncated or damaged"),
        (10, b"\x08\0", "compressed"),
        (8, b"\1\0", "encrypted"),
    ],
)
def test_damaged_directories(tmp_path, place, value, text):
    content = bytearray(saved({"w": torch.ones(2)}).getvalue())
    at = content.index(b"PK\1\2") + place
    content[at : at + len(value)] = value
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    refused(path, text)
    refused(path, r"model\.pt")


# -------------------------------------------------------------------- what has no end


def test_files_without_an_end(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    os.mkfifo(tmp_path / "pipe.safetensors")
    for path in ("/dev/zero", tmp_path / "pipe.pt", tmp_path / "pipe.safetensors"):
        refused(path, os.path.basename(path) + ": a device or a pipe")
    with open("/dev/zero", "rb") as file:
        refused(file, "/dev/zero: a device or a pipe")
    with pytest.raises(IsADirectoryError):
        torch.load(tmp_path)


# -------------------------------------------------------------------- safetensors


def safetensors(header, data=b"\0" * 4):
    return len(header).to_bytes(8, "little") + header + data


ENTRY = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'


@pytest.mark.parametrize(
    "content",
    [
        safetensors(b"5"),
        safetensors(b"null"),
        safetensors(b"[" * 100_000),
        safetensors(b'{"a":' * 100_000),
        safetensors(b'{"__metadata__":' + ENTRY + b"}"),
        safetensors(b'{"a":' + ENTRY + b',"a":' + ENTRY + b"}"),
        safetensors(b'{"a":5}'),
        safetensors(b'{"a":{}}'),
        safetensors(b'{"a":' + ENTRY.replace(b"[1]", b"5") + b"}"),
        safetensors(b'{"a":' + ENTRY.replace(b"[1]", b"[true]") + b"}"),
        safetensors(b'{"a":' + ENTRY.replace(b"[1]", b"[1,1.0]") + b"}"),
        safetensors(b'{"a":' + ENTRY.replace(b"[1]", b"[" + b"1," * 99 + b"1]") + b"}"),
        safetensors(b'{"a":' + ENTRY.replace(b"[1]", b"[9223372036854775807,0,9]").replace(b"4]", b"0]") + b"}", b""),
        safetensors(b'{"a":' + ENTRY.replace(b"[1]", b"[" + b"9" * 10_000 + b"]") + b"}"),
        safetensors(b'{"a":' + ENTRY.replace(b"[0,4]", b"[4,0]") + b"}"),
        safetensors(b'{"a":' + ENTRY.replace(b"[0,4]", b"[0]") + b"}"),
        safetensors(b'{"a":' + ENTRY.replace(b'"F32"', b"[[]]") + b"}"),
        safetensors(b'{"a":' + ENTRY.replace(b'"F32","shape":[1]', b'"BOOL","shape":[4]') + b"}", b"\0\1\2\3"),
        safetensors(b'{"\xff":' + ENTRY + b"}"),
        safetensors(b""),
    ],
    ids=lambda content: content[8:40].decode("latin-1"),
)
def test_damaged_safetensors(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    refused(path, r"weights\.safetensors")


def test_safetensors_of_kinds_that_there_are_none_of(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(safetensors(b'{"w.a":' + ENTRY.replace(b"F32", b"F8_E4M3") + b"}"))
    refused(path, r"dtype not supported: 'w\.a' is F8_E4M3")


def test_a_tensor_called_as_the_metadata(tmp_path):
    with pytest.raises(CheckpointError, match=r"a\.safetensors: __metadata__"):
        save_safetensors({"__metadata__": torch.ones(1)}, tmp_path / "a.safetensors")
    assert os.listdir(tmp_path) == []


# -------------------------------------------------------------------- damage by chance

SEED = random.randrange(2**32)
SECONDS = 2.0
WHOLE = {
    "weight": torch.arange(12.0).reshape(3, 4),
    "halves": [torch.ones(3).half(), torch.ones(2, dtype=torch.bfloat16)],
    "flags": torch.tensor([True, False]),
    "parameter": torch.nn.Parameter(torch.ones(2)),
    "state": torch.nn.BatchNorm1d(2).state_dict(),
    "rest": [1, -(2**70), 2.5, "Grüße", b"\x00", {1, 2}, torch.Size([2]), torch.float16, torch.device("cpu"), None],
}


def forms(folder):
    for protocol in (2, 4, 5):
        yield f"zip{protocol}", saved(WHOLE, pickle_protocol=protocol).getvalue()
        old = saved(WHOLE, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
        yield f"stream{protocol}", old.getvalue()
    path = folder / "a.safetensors"
    save_safetensors({"a": torch.ones(3), "b": torch.tensor([True]), "c": torch.zeros(0, 2)}, path, {"k": "v"})
    yield "safetensors", path.read_bytes()


def damaged(content, choose):
    content = bytearray(content)
    for _ in range(choose.choice((1, 1, 1, 2, 8))):
        at = choose.randrange(len(content))
        match choose.randrange(6):
            case 0 | 1:
                content[at] ^= 1 << choose.randrange(8)
            case 2:
                content[at] = choose.randrange(256)
            case 3:
                del content[at : at + choose.choice((1, 4, 100, len(content)))]
            case 4:
                content[at:at] = content[at : at + choose.choice((1, 8, 300))]
            case 5:
                content[at : at + 4] = choose.choice((b"\xff" * 4, bytes(4), b"\x00\x00\x00\x80", os.urandom(4)))
        if not content:
            break
    return bytes(content)


def read(path):
    """What is there, written out, so that nothing is left to fail later."""
    if path.suffix == ".safetensors":
        return repr(load_safetensors(path))
    return repr(torch.load(path))


@pytest.mark.parametrize("form", ["zip2", "zip4", "zip5", "stream2", "stream4", "stream5", "safetensors"])
def test_damage_by_chance(tmp_path, form):
    """Only a CheckpointError comes out, or a structure, in little time; the seed is new each time and told."""
    choose = random.Random(f"{SEED}{form}")
    whole = dict(forms(tmp_path))[form]
    path = tmp_path / ("b.safetensors" if form == "safetensors" else "b.pt")
    end, tried = time.monotonic() + SECONDS / 4, 0
    while time.monotonic() < end:
        content = damaged(whole, choose)
        path.write_bytes(content)
        begin = time.process_time()
        try:
            read(path)
        except CheckpointError as problem:
            assert path.name in str(problem)
        except Exception as problem:
            raise AssertionError(f"seed {SEED}, {form}, {content!r}") from problem
        assert time.process_time() - begin < 1, f"seed {SEED}, {form}, {content!r}"
        tried += 1
    assert tried > 20


@pytest.mark.parametrize("form", ["zip2", "stream2", "safetensors"])
def test_every_truncation(tmp_path, form):
    whole = dict(forms(tmp_path))[form]
    path = tmp_path / ("b.safetensors" if form == "safetensors" else "b.pt")
    for length in range(0, len(whole), 1 + len(whole) // 300):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=path.name):
            read(path)
