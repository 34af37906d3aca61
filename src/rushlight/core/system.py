"""What the system tells about itself in files: CPUs, caches, control groups.

In: the path of a file under /proc or /sys. Out: its text.
"""

from __future__ import annotations


def text_of(path: str) -> str:
    """The text of a file, in which any bytes may be; empty where there is none to be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
