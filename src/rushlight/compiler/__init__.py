"""From text to code: LLVM compiles a kernel's module, the object file is linked, kept on disk and made callable.

In: what `kernels` emitted and a `Target`. Out: `jit.Code`, whose entries `runtime` launches.
"""
