"""`rushlight train`: options come in, the order of events goes out: prepare, train, keep, report.

A checkpoint is there from the start, and each epoch ends with one that replaces the last as a whole, so that Ctrl-C,
or a power cut, costs no more than the running epoch, and `--resume` goes on to the same numbers.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import rushlight
from rushlight.core import results
from rushlight.core.errors import in_words, message
from rushlight.core.extras import how_to_install
from rushlight.core.options import above_zero, positive

if TYPE_CHECKING:
    from rushlight.training.run import Evaluation, Run, Settings
    from rushlight.training.sources import Source

DEFAULT_LR, DEFAULT_SEED = 2e-3, 0
CHECKPOINT, MODEL = "checkpoint.pt", "model.pt"
PICTURES = ("loss.png", "misclassified.png")
FAILED, INTERRUPTED = 1, 130
# What the libraries below NumPy read when they are loaded.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help="IDX files of MNIST or Fashion-MNIST (default: the embedded digits)")
    add("--download", action="store_true", help="fetch missing files into --data")
    add("--epochs", type=positive, metavar="N", help="passes over the training images (default: 12; --data: 5)")
    add("--batch-size", type=positive, metavar="N", help="images a step (default: 16; --data: 64)")
    add("--lr", type=above_zero, metavar="RATE", help=f"Adam's learning rate (default: {DEFAULT_LR})")
    add("--seed", type=int, metavar="N", help=f"of weights and order (default: {DEFAULT_SEED})")
    add("--out", type=Path, metavar="DIR", help="for the results (default: runs/<name of the data>, or the next free)")
    add("--overwrite", action="store_true", help="replace the results of an earlier training in the folder")
    add("--resume", action="store_true", help="go on from the checkpoint in --out (default: the latest)")
    add("--limit", type=positive, metavar="N", help="use the first N images of each part only")
    add("--threads", type=positive, metavar="N", help="threads to compute with")
    add("--engine", choices=("auto", "compiled", "reference"), help="who computes the layers")


def run(args: argparse.Namespace) -> int:
    """Train and report; returns the exit code."""
    if args.threads and "numpy" not in sys.modules:
        os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(args.threads)))
    try:
        return _train(args)
    except BrokenPipeError:  # nobody reads on: `cli` ends without a word
        raise
    except (OSError, ValueError, RuntimeError, ImportError) as problem:
        print(f"rushlight train: {in_words(problem)}", file=sys.stderr)
        return FAILED


def _train(args: argparse.Namespace) -> int:
    from rushlight.training.run import Run

    if args.threads:
        rushlight.set_num_threads(args.threads)
    if args.engine:
        rushlight.set_engine(args.engine)
    source = _source(args)
    usual = Path("runs") / source.name
    kept = None
    if args.resume:
        out = args.out or results.latest(usual, CHECKPOINT)
        kept = _kept_state(out)
    training = Run(source, _settings(args, source, kept))
    epochs = args.epochs or source.epochs
    if kept is not None:
        training.restore(kept)
    else:
        out = _folder(args, usual)
        rushlight.save(training.state(), out / CHECKPOINT)
    _introduce(training, epochs, out, "" if args.out or out == usual else f" ({usual} holds an earlier training)")
    if not _train_epochs(training, epochs, out):
        return INTERRUPTED
    evaluation = training.evaluate()
    _report(training, evaluation, out)
    return 0


def _folder(args: argparse.Namespace, usual: Path) -> Path:
    """Where a new training keeps its results."""
    chosen = args.out or (usual if args.overwrite else None)
    if chosen is None:
        return results.next_free(usual)
    return results.own(chosen, (MODEL, CHECKPOINT, *PICTURES), args.overwrite, "--resume to go on from there, ")


def _source(args: argparse.Namespace) -> Source:
    from rushlight.datasets.mnist import DatasetMissing
    from rushlight.training import sources

    if args.data is None:
        return sources.digits(args.limit)
    try:
        return sources.folder(args.data, args.limit, args.download)
    except DatasetMissing as problem:
        _, place, _ = str(problem).split("\n")  # its fix is one for programs
        raise RuntimeError(message("Dataset not found", place, fix="--download, or another --data")) from None


def _kept_state(out: Path) -> dict:
    from rushlight.training.run import check_state

    path = out / CHECKPOINT
    if not path.is_file():
        raise ValueError(f"--resume: there is no {path}\nTry: the --out of the training to go on with")
    return check_state(rushlight.load(path))


def _settings(args: argparse.Namespace, source: Source, kept: dict | None) -> Settings:
    """What the command line says, else what the kept training had, else the defaults."""
    from rushlight.training.run import Settings

    base = {"batch_size": source.batch_size, "lr": DEFAULT_LR, "seed": DEFAULT_SEED} | (
        kept["settings"] if kept else {}
    )
    asked = {name: getattr(args, name) for name in Settings._fields if getattr(args, name) is not None}
    return Settings(**base | asked)


def _introduce(training: Run, epochs: int, out: Path, note: str) -> None:
    source, settings = training.source, training.settings
    height, width = source.size
    parameters = sum(parameter.numel() for parameter in training.model.parameters())
    print(f"{source.name}: {len(source.train):,} training and {len(source.test):,} test images of {height}×{width}")
    print(f"network: {parameters:,} parameters; Adam, learning rate {settings.lr:g}")
    print(f"batches of {settings.batch_size}, seed {settings.seed}")
    print(f"results in {out}{note}")
    if training.epoch:
        print(f"going on after epoch {training.epoch}" + (", all are done" if training.epoch >= epochs else ""))


def _train_epochs(training: Run, epochs: int, out: Path) -> bool:
    """Train up to epoch `epochs`, with a checkpoint after each; False where Ctrl-C ended it."""
    from rushlight.training.progress import Progress

    progress, kept = Progress(epochs, len(training.batches)), training.epoch
    try:
        for epoch in range(kept + 1, epochs + 1):
            started = time.perf_counter()
            for _ in progress.follow(epoch, training.train_epoch()):
                pass
            rushlight.save(training.state(), out / CHECKPOINT)
            kept = epoch
            progress.epoch_done(epoch, training.history[-1], started)
    except KeyboardInterrupt:
        _say_interrupted(kept, out / CHECKPOINT)
        return False
    return True


def _say_interrupted(kept: int, checkpoint: Path) -> None:
    held = f"epoch {kept}" if kept else "the start, before the first epoch"
    print(f"\nInterrupted. {checkpoint} holds {held}.\nThe same command with --resume goes on from there.")


def _report(training: Run, evaluation: Evaluation, out: Path) -> None:
    from rushlight.training.report import confusion, confusion_text

    classes = training.source.classes
    print(f"\nTest accuracy {evaluation.accuracy:.1%} ({evaluation.correct:,} of {len(evaluation.labels):,} images)\n")
    print(confusion_text(confusion(evaluation.labels, evaluation.predicted, len(classes)), classes))
    rushlight.save(training.model.state_dict(), out / MODEL)
    files = [MODEL, CHECKPOINT, *_draw(training, evaluation, out)]
    print(f"\nIn {out}: {', '.join(files)}")


def _draw(training: Run, evaluation: Evaluation, out: Path) -> list[str]:
    """The pictures' names; none, with a word about it, where matplotlib is not installed."""
    from rushlight.training import pictures

    images = [image._array for image, _ in training.source.test]
    title = f"{training.source.name}: {evaluation.accuracy:.1%} of the test images right"
    try:
        curve, wrong = (out / name for name in PICTURES)
        pictures.loss_curve(curve, training.history, title)
        pictures.misclassified(wrong, images, evaluation.labels, evaluation.predicted, training.source.classes)
    except ImportError:
        print(f"\nNo pictures: matplotlib is not installed.\nTry: {how_to_install('matplotlib')}")
        return []
    return [*PICTURES]
