"""What was measured, for people and for programs: a table with bars, a picture, JSON.

In: `Row`s and the machine's `Peak`. Out: lines of text, a PNG or SVG, a JSON file.
"""

import json
import platform
from collections import defaultdict
from pathlib import Path

from ..plan.target import Target
from .measure import Row, geometric_mean
from .peak import Peak

BAR = 14
"""Characters that stand for a ratio of 4 and more."""


def share_of_limit(row: Row, peak: Peak) -> float:
    """The least time that the machine allows (multiply-adds at its peak, or memory at its bandwidth) over the time.

    The count of multiply-adds is the layer's definition; an algorithm that needs fewer (Winograd) can pass 1.
    """
    limit = max(row.macs / peak.macs_per_second, 4 * row.numbers / peak.bytes_per_second)
    return limit / min(row.times.values())


def bar(ratio: float) -> str:
    """A ratio as a bar, with a mark where 1 lies.

    >>> bar(2.0)
    '###|###       '
    """
    filled = min(BAR, round(ratio * BAR / 4))
    one = round(BAR / 4) - 1
    return "".join("|" if i == one and ratio > 1 else "#" if i < filled else " " for i in range(BAR))


def line(row: Row, peak: Peak) -> str:
    """One row of the table."""
    if row.error or not row.times:
        return f"{row.name[:36]:36s} FAILED {row.error}"
    ratios = f"{row.best:6.2f} {row.plain:6.2f}  {bar(row.best)}" if row.best else " " * (15 + BAR)
    return (
        f"{row.name[:36]:36s} {min(row.times.values()) * 1e3:9.3f} ms {ratios} "
        f"{share_of_limit(row, peak):5.0%} {row.first * 1e3:7.1f}"
    )


def heading(peer: str | None) -> str:
    """The line above the table."""
    ratios = f"{'best':>6s} {'plain':>6s}  {f'against {peer}':{BAR}s}" if peer else " " * (15 + BAR)
    return f"{'layer':36s} {'time':>12s} {ratios} {'limit':>5s} {'1st ms':>7s}"


def totals(rows: list[Row], mode: str) -> list[str]:
    """Geometric means by category and over all, and the ten slowest against the peer."""
    known = [row for row in rows if row.best and not row.error]
    if not known:
        return []
    by_category = defaultdict(list)
    for row in known:
        by_category[row.category].append(row)
    lines = [f"{mode}: geometric means of the ratios"]
    for category, members in [*by_category.items(), ("all", known)]:
        best, plain = (geometric_mean(getattr(row, key) for row in members) for key in ("best", "plain"))
        slower = sum(row.best < 1 for row in members)
        lines.append(f"  {category:14s} best {best:5.2f}  plain {plain:5.2f}  below 1: {slower} of {len(members)}")
    worst = sorted(known, key=lambda row: row.best)[:10]
    lines.append("the ten lowest: " + ", ".join(f"{row.name} {row.best:.2f}" for row in worst))
    return lines


def machine(peak: Peak, threads: int) -> dict:
    """The facts about the machine that a figure is worthless without."""
    return dict(
        cpu=_cpu_name(), target=Target.host().isa, threads=threads, python=platform.python_version(),
        gmacs_per_second=round(peak.macs_per_second / 1e9, 1), gb_per_second=round(peak.bytes_per_second / 1e9, 1),
    )  # fmt: skip


def _cpu_name() -> str:
    try:
        for text in Path("/proc/cpuinfo").read_text().splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def write_json(path: str | Path, rows: list[Row], facts: dict) -> None:
    """Rows and facts as one JSON object."""
    table = [
        dict(
            category=row.category, name=row.name, best=row.best, plain=row.plain, first=row.first, error=row.error,
            times={"channels_last" if k else "contiguous": v for k, v in row.times.items()},
            peer={"channels_last" if k else "contiguous": v for k, v in row.peer.items()},
        )
        for row in rows
    ]  # fmt: skip
    Path(path).write_text(json.dumps(facts | {"rows": table}, indent=1) + "\n")


def write_markdown(path: str | Path, rows: list[Row], peak: Peak) -> None:
    """The table as docs/performance.md has it."""
    lines = ["| layer | ms | best | plain | share of limit | first call, ms |", "|---|--:|--:|--:|--:|--:|"]
    for row in rows:
        if row.error or not row.times:
            lines.append(f"| {row.name} | failed: {row.error} | | | | |")
            continue
        best, plain = (f"{ratio:.2f}" if ratio else "" for ratio in (row.best, row.plain))
        lines.append(
            f"| {row.category}: {row.name} | {min(row.times.values()) * 1e3:.3f} | {best} | {plain} "
            f"| {share_of_limit(row, peak):.0%} | {row.first * 1e3:.1f} |"
        )
    Path(path).write_text("\n".join(lines) + "\n")


def draw(path: str | Path, rows: list[Row], facts: dict, mode: str) -> None:
    """The ratios as horizontal bars, a colour a category, in a PNG or SVG (matplotlib, from the extra `train`)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    known = [row for row in rows if row.best][::-1]
    categories = list(dict.fromkeys(row.category for row in rows))
    colours = {c: pyplot.get_cmap("tab20")(i % 20) for i, c in enumerate(categories)}
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.21 * len(known)), layout="constrained")
    axes.barh(range(len(known)), [row.best for row in known], color=[colours[row.category] for row in known])
    axes.axvline(1, color="black", linewidth=1)
    for i, row in enumerate(known):
        axes.text(max(row.best, 1.0) * 1.03, i, f"{row.best:.2f}", va="center", fontsize=7)
    axes.set_yticks(range(len(known)), [row.name for row in known], fontsize=7)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.set_ylim(-0.6, len(known) - 0.4)
    axes.margins(x=0.12)
    kind = {"fwd": "forward", "train": "forward and backward"}[mode]
    axes.set_title(
        f"{kind}: PyTorch's time over Rushlight's (right of 1: Rushlight is faster)\n"
        f"geometric mean {geometric_mean(row.best for row in known):.2f}; {facts['cpu']}, {facts['threads']} threads",
        fontsize=9,
    )
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colours[c]) for c in categories]
    axes.legend(handles, categories, fontsize=7, loc="lower right")
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
