"""Kernels as text, and from text to code: a plan and a `Target` come in, callable `jit.Code` goes out to `runtime`.

`ir` is the language (with `types`, `values`, `lanes`, `params`); the kernel files are written in it; `compiler`,
`objects`, `executable` and `cache` make it run; `jit` joins them.
"""
