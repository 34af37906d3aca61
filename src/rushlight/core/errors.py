"""The wording of errors: one place, so that all of them read alike.

An error begins with PyTorch's own sentence where PyTorch has a good one (people search for it), then says
which call and which axis, both numbers, and the likely fix.
"""


def message(sentence: str, *facts: str, fix: str | None = None) -> str:
    """Join PyTorch's sentence, further facts and the fix into one error text.

    >>> print(message("bad size", "conv1d: axis 2 has 3", fix="use 4"))
    bad size
    conv1d: axis 2 has 3
    Try: use 4
    """
    lines = [sentence, *[fact for fact in facts if fact]]
    if fix:
        lines.append(f"Try: {fix}")
    return "\n".join(lines)


def in_words(problem: Exception) -> str:
    """An error's text for people at a terminal: files come first, and no numbers of the system's.

    >>> in_words(FileNotFoundError(2, "No such file or directory", "a/b.svg"))
    'a/b.svg: No such file or directory'
    """
    if isinstance(problem, OSError) and problem.strerror:
        return ": ".join(str(part) for part in (problem.filename, problem.strerror) if part is not None)
    return str(problem)


def bytes_in_words(count: int) -> str:
    """A number of bytes as people say it.

    >>> bytes_in_words(1536), bytes_in_words(3 * 2**40)
    ('1.5 KiB', '3.0 TiB')
    """
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if size < 1024 or unit == "EiB":
            return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")
