"""`rushlight info`: this machine, the engine and the versions, as text for a bug report."""

from __future__ import annotations

import argparse
import os
import platform
from importlib import metadata

from rushlight.core import environment

PACKAGES = ("numpy", "llvmlite", "ml_dtypes", "safetensors", "matplotlib", "tqdm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(args: argparse.Namespace) -> None:
    """Print one line a fact."""
    for name, value in facts().items():
        print(f"{name:<12} {value}")


def facts() -> dict[str, str]:
    """What a bug report needs to say."""
    import rushlight
    from rushlight.compiler import cache
    from rushlight.runtime import get_num_threads

    found = {"rushlight": rushlight.__version__, "python": platform.python_version(), "system": platform.platform()}
    found |= {"processor": _processor(), "cores": _cores(), "threads": str(get_num_threads()), "engine": _engine()}
    found |= {"kernels": cache.described()}
    found |= {"variables": " ".join(f"{name}={value}" for name, value in environment.given().items()) or "none"}
    return found | {package: _version(package) for package in PACKAGES}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as text:
            names = [line.partition(":")[2].strip() for line in text if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} usable of {os.cpu_count()}"


def _engine() -> str:
    from rushlight.backends import registry

    choice = registry.get_engine()
    runs = " then ".join(engine.name for engine in getattr(registry.current(), "engines", ()))
    return f"{choice} ({runs})" if runs else choice


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
