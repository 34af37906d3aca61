"""The command line: what it lists, what it prints, and that it answers quickly."""

import subprocess
import sys

import pytest

from rushlight import cli


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
