"""One spatial axis of a convolution as a gather: which source coordinates a block of results needs.

In: the integers of one axis of a ConvSpec. Out: `Phase`s (the residue classes of a transposed axis; one phase
for a forward axis) and `PackedAxis` (how the needed coordinates lie next to each other in a packed tile). Next:
`plan.blocking` chooses block sizes, `kernels` iterate over the packed indices.

Forward, result position t and tap k read the source at `step·t + offset[k]`. Along a transposed axis the
results fall into `stride` residue classes, each of which is a forward gather with step 1 over its own taps,
written at that stride: no zero is ever inserted and no useless tap is multiplied.

A block of results [t0, t0 + block) is packed once into packed indices such that *for every tap* the results t0, t0+1, …
read consecutive packed indices `base[k], base[k]+1, …`, whatever the stride or dilation: coordinates of one residue
class modulo `step` are neighbours, intervals that several taps share are stored once, and coordinates that no tap reads
are not stored. The machine code therefore knows neither stride nor dilation. First layers, whose few channels make
short sums, keep the source's order instead: results then have a stride of `step`, and all taps of a row
are one sum.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..rules.in_bounds import in_bounds


class Phase(NamedTuple):
    """One residue class of the results along an axis.

    Result position t in [begin, end) is element `target_step·t + target_start` of the result axis and reads the
    source axis at `step·t + offsets[j]` for its j-th tap, which is tap `taps[j]` of the weight.
    """

    taps: tuple[int, ...]
    offsets: tuple[int, ...]
    step: int
    begin: int
    end: int
    target_step: int
    target_start: int


class PackedAxis(NamedTuple):
    """The packed order of one axis for blocks of `block` results.

    Packed index j holds source coordinate `step·t0 + coordinates[j]`; tap j of phase p finds result t0 + r in packed
    index `base[p][j] + r·stride`.
    """

    block: int
    step: int
    coordinates: tuple[int, ...]
    base: tuple[tuple[int, ...], ...]
    stride: int = 1


def forward_phase(taps: int, stride: int, dilation: int, lo: int, out: int) -> Phase:
    """The single phase of an axis of `fprop` (and of `wgrad`, which reads the same coordinates).

    >>> forward_phase(taps=3, stride=2, dilation=1, lo=1, out=28).offsets
    (-1, 0, 1)
    """
    offsets = tuple(k * dilation - lo for k in range(taps))
    return Phase(tuple(range(taps)), offsets, stride, 0, out, 1, 0)


def plain_phase(out: int) -> Phase:
    """The phase of an axis that is read as it is."""
    return Phase((0,), (0,), 1, 0, out, 1, 0)


def transposed_phases(taps: int, stride: int, dilation: int, lo: int, size: int) -> tuple[Phase, ...]:
    """The phases of an axis of `dgrad`, whose result axis has `size` elements; phases without results are left out.

    Result i collects y[o] over all (o, k) with `o·stride + k·dilation − lo = i`. With `i + lo = t·stride + r`
    that is `o = t + (r − k·dilation) / stride` for the taps whose `k·dilation` leaves the remainder r.

    >>> [(p.taps, p.offsets) for p in transposed_phases(taps=4, stride=2, dilation=1, lo=1, size=16)]
    [((0, 2), (0, -1)), ((1, 3), (0, -1))]
    """
    phases = []
    for r in range(stride):
        chosen = tuple(k for k in range(taps) if (k * dilation - r) % stride == 0)
        begin, end = in_bounds(r - lo, stride, size)
        if begin < end:
            offsets = tuple((r - k * dilation) // stride for k in chosen)
            phases.append(Phase(chosen, offsets, 1, begin, end, stride, r - lo))
    return tuple(phases)


def results_inside(phase: Phase, offset: int, size: int) -> tuple[int, int]:
    """The results of a phase for which the tap at this offset is inside the source.

    >>> results_inside(forward_phase(taps=3, stride=2, dilation=1, lo=1, out=3), -1, 5)
    (1, 3)
    """
    return in_bounds(offset, phase.step, size, phase.begin, phase.end)


def interior(phase: Phase, size: int) -> tuple[int, int]:
    """The results of a phase all of whose taps are inside the source.

    >>> interior(forward_phase(taps=3, stride=1, dilation=1, lo=1, out=28), 28)
    (1, 27)
    """
    if not phase.offsets:
        return phase.begin, phase.end
    begin = results_inside(phase, min(phase.offsets), size)[0]
    end = results_inside(phase, max(phase.offsets), size)[1]
    return (begin, end) if begin < end else (phase.begin, phase.begin)


def pack_axis_in_order(phase: Phase, block: int) -> PackedAxis:
    """Packed indices in the order of the source: results have a stride of `step`, and neighbouring taps are
    neighbours.

    >>> pack_axis_in_order(forward_phase(3, 2, 1, 1, 28), block=4)
    PackedAxis(block=4, step=2, coordinates=(-1, 0, 1, 2, 3, 4, 5, 6, 7), base=((0, 1, 2),), stride=2)
    """
    least, most = min(phase.offsets), max(phase.offsets) + (block - 1) * phase.step
    base = tuple(offset - least for offset in phase.offsets)
    return PackedAxis(block, phase.step, tuple(range(least, most + 1)), (base,), phase.step)


def pack_axis(phases: Sequence[Phase], block: int, share: bool = True) -> PackedAxis:
    """Lay out the coordinates that blocks of `block` results need, one run of packed indices a tap.

    With `share`, runs of different taps that overlap are merged; without, every tap gets a run of its own, so that
    the rows of a narrow image follow each other without a halo between them.

    >>> pack_axis([forward_phase(3, 1, 1, 1, 28)], block=4).coordinates
    (-1, 0, 1, 2, 3, 4)
    >>> pack_axis([forward_phase(3, 2, 1, 1, 28)], block=4)
    PackedAxis(block=4, step=2, coordinates=(-1, 1, 3, 5, 7, 0, 2, 4, 6), base=((0, 5, 1),), stride=1)
    """
    step = phases[0].step
    wanted = sorted({offset for phase in phases for offset in phase.offsets})
    coordinates: list[int] = []
    first_index: dict[int, int] = {}
    for residue in dict.fromkeys(offset % step for offset in wanted):
        end = wanted[0]  # the run being laid ends before this coordinate
        for offset in (o for o in wanted if o % step == residue):
            start = max(offset, end) if share and offset % step == end % step else offset
            end = offset + block * step
            coordinates.extend(range(start, end, step))
            first_index[offset] = len(coordinates) - block
    base = tuple(tuple(first_index[offset] for offset in phase.offsets) for phase in phases)
    return PackedAxis(block, step, tuple(coordinates), base)
