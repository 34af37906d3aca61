"""`rushlight profile`: the script runs as it would by itself, and its operations are told."""

import json
import sys

import pytest

from rushlight import cli

SCRIPT = """
import sys
import rushlight as torch
import beside

print(__name__, sys.argv[1:], beside.NUMBER)
for _ in range(int(sys.argv[1])):
    torch.ones(2, 3).exp()
"""


@pytest.fixture
def script(tmp_path):
    def write(more=""):
        (tmp_path / "beside.py").write_text("NUMBER = 7\n")
        (tmp_path / "script.py").write_text(SCRIPT + more)
        return str(tmp_path / "script.py")

    sys.modules.pop("beside", None)  # another test's
    yield write
    sys.modules.pop("beside", None)


def test_the_table_of_a_script(script, capsys):
    path, argv = sys.path.copy(), sys.argv
    assert cli.main(["profile", "--sort", "calls", script(), "2100", "--rows", "x"]) == 0
    first, *table = capsys.readouterr().out.splitlines()
    assert first == "__main__ ['2100', '--rows', 'x'] 7"
    rows = [line.split() for line in table if line.strip().startswith("aten::")]
    assert {row[0]: row[-1] for row in rows} == {"aten::ones": "2100", "aten::exp": "2100"}
    assert (path, argv) == (sys.path, sys.argv)


def test_shapes_memory_and_a_trace(script, capsys, tmp_path):
    trace = tmp_path / "trace.json"
    assert cli.main(["profile", "--shapes", "--memory", "--trace", str(trace), script(), "3"]) == 0
    out = capsys.readouterr().out
    assert "[[2, 3]]" in out and "Peak memory" in out
    names = [event["name"] for event in json.loads(trace.read_text())["traceEvents"]]
    assert names.count("aten::exp") == 3


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('no more')", 1, "no more\n"),
        ("raise ValueError('wrong')", 1, "ValueError: wrong\n"),
    ],
)
def test_a_script_that_ends_early(script, capsys, end, status, said):
    assert cli.main(["profile", script(end + "\n"), "1"]) == status
    out, err = capsys.readouterr()
    assert "aten::exp" in out and err.endswith(said)


def test_no_script(capsys, tmp_path):
    assert cli.main(["profile", str(tmp_path / "none.py")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_a_script_without_operations(capsys, tmp_path):
    (tmp_path / "nothing.py").write_text("print('hello')\n")
    assert cli.main(["profile", str(tmp_path / "nothing.py")]) == 0
    assert capsys.readouterr().out == "hello\nno operation of Rushlight's ran in this thread\n"
