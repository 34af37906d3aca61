"""How a call is computed: from a ConvSpec and a Target to loops, blocks and tables, in plain Python.

In: `ops.spec.ConvSpec` and `plan.target.Target`. Out: values that `codegen` emits kernels from and that
`engines.compiled` launches. Nothing here imports NumPy or LLVM, so all of it is tested without either.
"""
