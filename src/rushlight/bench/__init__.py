"""`rushlight bench`: how fast the layers are, against PyTorch and against the machine's limit.

    cases (which layers) → workers (a process a library, taking turns) → measure (best of rounds) → report

`peak` measures what the machine can do at most, through generated kernels, so that every layer's time can be read
as a share of that.
"""
