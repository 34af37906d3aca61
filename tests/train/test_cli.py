"""The command line: what it lists, what it prints, and that it answers quickly."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import rushlight
from rushlight import cli
from rushlight.core.extras import EXTRAS

PACKAGE = Path(cli.__file__).parent


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("rushlight 0.")


def test_help_lists_the_commands(capsys):
    assert cli.main([]) == 0
    printed = capsys.readouterr().out
    assert "train" in printed and "info" in printed


def test_a_command_without_its_module_is_not_listed(capsys, monkeypatch):
    monkeypatch.setitem(cli.COMMANDS, "absent", ("absent.command", "is not there"))
    cli.main([])
    assert "absent" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["absent"])


def test_info(capsys):
    assert cli.main(["info"]) == 0
    printed = capsys.readouterr().out
    for word in ("rushlight", "numpy", "processor", "engine", "threads"):
        assert word in printed


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"]])
def test_help_loads_no_numpy(words):
    code = f"""
import sys
from rushlight.cli import main
try:
    main({words!r})
except SystemExit:
    pass
sys.exit("numpy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_python_dash_m():
    done = subprocess.run([sys.executable, "-m", "rushlight", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("rushlight ")


# -- a reader that has had enough


def piped(words, lines, **variables):
    """The exit status, and what is said on standard error, where only so many lines are read."""
    command = [sys.executable, "-m", "rushlight", *words]
    environment = os.environ | variables
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    return process.returncode, said


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["--help", "info", "explain Conv2d(3,8,3) 1,3,9,9", "summary MODEL 1,3,9,9", "train"])
def test_a_closed_pipe_ends_it_silently(words, unbuffered, tmp_path):
    file = tmp_path / "model.py"
    file.write_text("from rushlight import nn\n\nprint('loaded', flush=True)\nnet = nn.Conv2d(3, 8, 3)\n")
    words = [word.replace("MODEL", f"{file}:net") for word in words.split()]
    if words == ["train"]:
        words += ["--limit", "20", "--epochs", "2", "--out", str(tmp_path / "out")]
    status, said = piped(words, 0, PYTHONUNBUFFERED=unbuffered)
    assert said == b""
    assert status == 141 or words == ["--help"]  # argparse itself passes over it


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "rushlight", "info"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("rushlight: ") and done.stderr.count("\n") == 1


# -- words that are nearly right


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("train --epoch 1", "--epochs"),
        ("train --epoch=1", "--epochs"),
        ("train --batchsize 4", "--batch-size"),
        ("train --engine compield", "compiled"),
        ("trian", "train"),
        ("--versio", "--version"),
        ("explain Linear(3,4) 2,3 --lang zh", "--language"),
        ("summary a.py:net 3 --asci", "--ascii"),
        ("bench --thread 2", "--threads"),
    ],
)
def test_what_was_meant(words, meant, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words.split())
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.endswith(f"\ndid you mean {meant}?\n")
    assert f"usage: rushlight{'' if words in ('trian', '--versio') else ' ' + words.split()[0]} " in said


def test_bad_options_of_bench(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (["--only", "["], ["--rounds", "0"], ["--threads", "-1"], ["--budget", "nan"]):
        with pytest.raises(SystemExit):
            cli.main(["bench", *words])
        assert words[0] in capsys.readouterr().err
    assert cli.main(["bench", "--only", "nothing"]) == 1
    assert "no layer matches 'nothing'" in capsys.readouterr().err
    (tmp_path / "fwd.json").write_text("{}")
    assert cli.main(["bench", "--out", str(tmp_path)]) == 1
    assert "holds the results of an earlier run: fwd.json" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["fwd.json"]


# -- what to install


def test_what_is_missing_can_be_installed_from_a_clone():
    """The index has no package of this name."""
    texts = [path for path in PACKAGE.rglob("*.py") if "rushlight[" in path.read_text(encoding="utf-8")]
    assert texts == []
    extras = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for package, extra in EXTRAS.items():
        assert any(entry.startswith(package) for entry in extras[extra])


def test_the_version_stands_in_one_place():
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text())
    assert "version" not in project["project"] and project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "rushlight.__version__"}
    [line] = [line for line in (PACKAGE / "__init__.py").read_text().splitlines() if line.startswith("__version__")]
    assert line == f'__version__ = "{rushlight.__version__}"'  # a literal, which is read without importing
