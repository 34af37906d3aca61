"""How a call is computed: from a ConvSpec and a Target to loops, blocks and tables, in plain Python.

In: `rules.spec.ConvSpec` and `plan.target.Target`. Out: values that `kernels` emits kernels from and that
`backends.cpu` launches. Nothing here imports NumPy or LLVM, so all of it is tested without either.
"""
