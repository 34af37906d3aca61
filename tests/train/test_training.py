"""The main job: it learns, it reports, it survives Ctrl-C, and it resumes to the same numbers."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import rushlight as torch
from rushlight.cli import main
from rushlight.training.report import confusion, confusion_text
from tests.train.test_datasets import write_set

PNG = b"\x89PNG\r\n\x1a\n"


def train(out, *options):
    return main(["train", "--limit", "120", "--out", str(out), *options])


def test_a_training_reports_and_keeps_its_results(tmp_path, capsys):
    assert train(tmp_path, "--epochs", "2") == 0
    printed = capsys.readouterr().out
    assert "digits: 120 training and 120 test images of 8×8" in printed
    assert "epoch 2/2" in printed
    assert "Test accuracy" in printed
    assert "true ↓  predicted →" in printed
    for name in ("loss.png", "misclassified.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG)
    state = torch.load(tmp_path / "model.pt")
    assert state["0.weight"].shape == (16, 1, 3, 3)
    assert len(torch.load(tmp_path / "checkpoint.pt")["history"]) == 2
    assert sorted(os.listdir(tmp_path)) == ["checkpoint.pt", "loss.png", "misclassified.png", "model.pt"]


def test_resuming_gives_the_same_numbers(tmp_path):
    assert train(tmp_path / "whole", "--epochs", "3", "--seed", "5") == 0
    assert train(tmp_path / "parts", "--epochs", "1", "--seed", "5") == 0
    torch.rand(77)  # whatever the default generator did in between
    assert train(tmp_path / "parts", "--epochs", "3", "--resume") == 0
    whole, parts = (torch.load(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts"))
    assert whole["history"] == parts["history"]
    for name, weight in whole["model"].items():
        assert torch.equal(weight, parts["model"][name]), name


def test_resuming_another_training_is_refused(tmp_path, capsys):
    assert train(tmp_path, "--resume") == 1
    assert "there is no" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert train(tmp_path, "--epochs", "1") == 0
    assert train(tmp_path, "--epochs", "2", "--resume", "--lr", "0.5") == 1
    assert "has lr 0.002, this one 0.5" in capsys.readouterr().err
    assert main(["train", "--limit", "60", "--out", str(tmp_path), "--resume"]) == 1
    assert "other images" in capsys.readouterr().err


def test_resuming_from_a_foreign_file(tmp_path, capsys):
    torch.save({"w": torch.ones(1)}, tmp_path / "checkpoint.pt")
    assert train(tmp_path, "--resume") == 1
    assert "not the state of a training" in capsys.readouterr().err


def test_a_training_that_diverges_still_reports(tmp_path, capsys):
    assert train(tmp_path, "--epochs", "1", "--lr", "1e30") == 0
    assert "Test accuracy" in capsys.readouterr().out
    assert (tmp_path / "loss.png").is_file()


@pytest.mark.parametrize("epoch, held", [(1, "the start, before the first epoch"), (2, "epoch 1")])
def test_interrupting_between_checkpoints(tmp_path, capsys, monkeypatch, epoch, held):
    from rushlight.training.run import Run

    steps = []
    step = Run._step

    def interrupted(self, images, labels):
        steps.append(1)
        if len(steps) == 8 * epoch - 5:  # an epoch has eight steps
            raise KeyboardInterrupt
        return step(self, images, labels)

    monkeypatch.setattr(Run, "_step", interrupted)
    assert train(tmp_path / "cut", "--epochs", "2") == 130
    assert f"holds {held}.\nThe same command with --resume goes on" in capsys.readouterr().out
    assert train(tmp_path / "cut", "--epochs", "2", "--resume") == 0
    assert train(tmp_path / "whole", "--epochs", "2") == 0
    cut, whole = (torch.load(tmp_path / name / "checkpoint.pt") for name in ("cut", "whole"))
    assert cut["history"] == whole["history"]


def kept_epochs(folder):
    """How many epochs the checkpoint in a folder holds; 0 where there is none yet."""
    return len(torch.load(folder / "checkpoint.pt")["history"]) if (folder / "checkpoint.pt").is_file() else 0


@pytest.mark.skipif(os.name == "nt", reason="sends the signal that Ctrl-C sends")
def test_ctrl_c_in_a_real_process(tmp_path):
    command = [sys.executable, "-m", "rushlight", "train", "--epochs", "1000", "--limit", "64", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not kept_epochs(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted." in out
    assert "Traceback" not in err
    assert kept_epochs(tmp_path)


def test_no_training_writes_over_another(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["train", "--limit", "40", "--epochs", "1"]
    assert main(small) == 0 and main([*small, "--seed", "7"]) == 0
    printed = capsys.readouterr().out
    assert "results in runs/digits\n" in printed and "In runs/digits: model.pt" in printed
    assert "results in runs/digits-2 (runs/digits holds an earlier training)" in printed
    first = (tmp_path / "runs/digits/model.pt").read_bytes()
    assert first != (tmp_path / "runs/digits-2/model.pt").read_bytes()
    assert main([*small, "--out", "runs/digits", "--seed", "7"]) == 1
    said = capsys.readouterr().err
    assert "runs/digits holds the results of an earlier run: model.pt, checkpoint.pt" in said
    assert "--resume to go on from there, or --overwrite" in said
    assert (tmp_path / "runs/digits/model.pt").read_bytes() == first
    assert main(["train", "--limit", "40", "--epochs", "2", "--resume"]) == 0  # the latest
    assert "results in runs/digits-2" in capsys.readouterr().out
    assert (kept_epochs(tmp_path / "runs/digits"), kept_epochs(tmp_path / "runs/digits-2")) == (1, 2)
    assert main([*small, "--overwrite", "--seed", "7"]) == 0
    assert (tmp_path / "runs/digits/model.pt").read_bytes() != first
    assert sorted(os.listdir("runs")) == ["digits", "digits-2"]
    assert main(["train", "--limit", "40", "--epochs", "2", "--resume"]) == 0  # the first is the latest now
    assert kept_epochs(tmp_path / "runs/digits") == 2
    (tmp_path / "runs/digits").rename(tmp_path / "runs/digits-old")
    assert main(["train", "--limit", "40", "--epochs", "2", "--resume"]) == 0
    assert "results in runs/digits-2" in capsys.readouterr().out


def test_training_on_idx_files(tmp_path, capsys):
    write_set(tmp_path / "fashion", count=40)
    options = ["--data", str(tmp_path / "fashion"), "--epochs", "1", "--out", str(tmp_path / "out")]
    assert main(["train", *options]) == 0
    printed = capsys.readouterr().out
    assert "fashion-mnist: 40 training and 40 test images of 28×28" in printed
    assert "Ankle boot" in printed


@pytest.mark.parametrize("options, text", [(["--data", "/nowhere"], "Dataset not found")])
def test_bad_data_is_one_line_of_error(options, text, capsys):
    assert main(["train", *options]) == 1
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--epochs", "0"], ["--lr", "nan"], ["--batch-size", "x"], ["--engine", "magic"]])
def test_bad_options(options, capsys):
    with pytest.raises(SystemExit):
        main(["train", *options])
    assert options[0] in capsys.readouterr().err


def test_without_matplotlib_and_tqdm(tmp_path, capsys, monkeypatch):
    for name in list(sys.modules):
        if name.partition(".")[0] in ("matplotlib", "tqdm"):
            monkeypatch.delitem(sys.modules, name)
    for name in ("matplotlib", "tqdm"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert train(tmp_path, "--epochs", "1") == 0
    assert "No pictures: matplotlib is not installed" in capsys.readouterr().out


def test_the_bar_on_a_terminal(tmp_path, capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert train(tmp_path, "--epochs", "1") == 0
    assert "epoch 1/1" in capsys.readouterr().err


def test_confusion_text():
    labels = np.array([0, 0, 1, 2, 2])
    text = confusion_text(confusion(labels, np.array([0, 1, 1, 2, 2]), 4), ("zero", "one", "a very long name", "three"))
    assert text.splitlines()[2].split() == ["zero", "1", "1", "·", "·", "50.0%"]
    assert text.splitlines()[4].startswith("a very long ")
    assert text.splitlines()[5].endswith("–")


@pytest.mark.long
def test_the_default_training_reaches_its_goal(tmp_path):
    started = time.monotonic()
    assert main(["train", "--out", str(tmp_path)]) == 0
    assert torch.load(tmp_path / "checkpoint.pt")["history"][-1]["accuracy"] >= 0.97
    assert time.monotonic() - started < 60
