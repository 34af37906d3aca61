"""Write the page of what is here of PyTorch and what is not.

    python docs/make_supported.py

PyTorch's names come from `rushlight.core.absent`, ours from the package itself; a test compares the committed page with
what it says now.
"""

import importlib
import textwrap
from pathlib import Path

from rushlight.core import absent

PAGE = Path(__file__).parent / "supported.md"
HEAD = """# What is here of PyTorch, and what is not

For each of PyTorch {version}'s modules: how many of its public names Rushlight has, which, and which not. A name that
is missing says so when it is used, with what there is in its place. Where a name is here, its arguments, results and
errors are PyTorch's ([CONTRIBUTING.md](../CONTRIBUTING.md)).

Written by `python docs/make_supported.py`.
"""
# What they are, where the name does not say it; in the order of the page.
MODULES = {
    "torch.nn": "layers and containers",
    "torch.nn.functional": "functions",
    "torch.nn.init": "initial values",
    "torch.nn.utils": "functions on parameters",
    "torch.nn.Module": "methods of a layer",
    "torch.optim": "optimisers",
    "torch.optim.lr_scheduler": "learning rates",
    "torch.utils": "packages",
    "torch.utils.data": "data loading",
    "torch.Tensor": "methods and attributes of a tensor",
    "torch": "functions, types and packages",
    "torch.autograd": "differentiation",
    "torch.profiler": "where time and memory go",
    "torch.random": "random state",
    "torch.testing": "comparing",
    "torch.cuda": "answers that there is none",
    "torch.accelerator": "answers that there is none",
    "torch.backends": "answers that there is none",
}

OTHERS = {"torch.backends.cpu", "torch.compiler", "torch.ops"}  # packages of our own that happen to be called so


def page() -> str:
    """The whole page."""
    rows, sections = [], []
    for place, what in MODULES.items():
        names = sorted(absent.names()[place], key=lambda name: (name.lower(), name))
        owner = owner_of(place)
        here = [name for name in names if f"{place}.{name}" not in OTHERS and hasattr(owner, name)]
        missing = [name for name in names if name not in here]
        anchor = f"#{place.lower().replace('.', '')}"
        rows.append(f"| [{place}]({anchor}) | {what} | {len(here)} of {len(names)} |")
        sections += ["", f"## {place}", "", "**Here:** " + listed(here)]
        sections += ["", "**Not here:** " + listed(missing)] if missing else []
    instead = [f"| {start} | {text} |" for start, text in absent.INSTEAD.items() if text]
    table = ["| module | what it has | here |", "|---|---|---|", *rows]
    other = ["", "## In place of", "", "| of PyTorch | here |", "|---|---|", *instead]
    return "\n".join([HEAD.format(version=absent.version()), *table, *other, *sections, ""])


def owner_of(place: str) -> object:
    """Our module or class of that name."""
    ours = place.replace("torch", "rushlight", 1)
    try:
        return importlib.import_module(ours)
    except ModuleNotFoundError:
        module, _, name = ours.rpartition(".")
        return getattr(importlib.import_module(module), name)


def listed(names: list[str]) -> str:
    """Names in lines of 120."""
    return textwrap.fill(", ".join(f"`{name}`" for name in names) or "nothing", 120, break_on_hyphens=False).lstrip()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {len(page().splitlines())} lines")
