"""The language that kernels are written in: types, values, statements and the text of LLVM that they become."""
