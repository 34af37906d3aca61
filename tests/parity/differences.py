"""Where Rushlight's errors differ from PyTorch's, and why: the one list of them.

`RAW` are texts of PyTorch that name no rule of the call, so that only the phase and the kind are compared; `CUT`
rewrites the part of a text that says something else than the rule; `TEXTS` are calls whose sentence is not compared,
`KNOWN` calls with another outcome.
"""

import re

RAW = {
    r"received an invalid combination of arguments": "lists C++ signatures",
    r"argument '\w+'|missing \d+ required|unexpected keyword|takes .* positional": "the parser's own wording",
    r"could not create a primitive|could not construct a memory|dimensions are invalid": "backend text without a rule",
    r"\"\w+\" not implemented for|n_output_plane": "names a kernel, not the operation",
    r"SymIntArrayRef|INTERNAL ASSERT|/__w/|Overflow when unpacking|without overflow": "internals",
    r"Storage size calculation|DefaultCPUAllocator|integer multiplication overflow": "sizes follow in words instead",
    r"Expected one of cpu, cuda, ipu|Torch not compiled with CUDA": "names devices that are not here",
    r"object has no attribute|has no len\(\)|got an unexpected error": "the trace of a missing check",
    r"narrow\(\): length|^self and mat2|^new\(\): invalid data type": "names an operation that the user did not call",
    r"Only zero batch or zero channel": "written for one backend; its shape carries an extra axis",
    r"expected scalar type": "from the backend; the rule is that of the other convolutions",
    r"resulted in a negative output size, which is invalid. Check dimension": "the sum wrapped around",
    r"Output size is too small.*-\d{6}|\(-\d{6,}": "the sizes wrapped around",
}
CUT = {
    r", but got \w*(height|depth|dilationH).*|, but got: .*TxHxW.*": ("", "heights that the user did not write"),
    r" \(for an input of .*": ("", "the input's size follows with the other facts"),
    r"<(method|function) .*": ("", "names an address or a C type"),
    r" be one of \{.*": ("", "prints a set, whose order changes from run to run"),
    r"at dimension 0 , expected.*": ("", "a bound of the implementation"),
    r"\(1 x (-?\d+)\)": (r"(\1)", "a 1-D call is computed as a 2-D one"),
    r"non-positive dilation is not supported": ("dilation should be greater than zero", "what float64 says"),
    r"[ (]\(?\[?torch\.\w+Tensor.*": ("", "a C++ class and not a dtype"),
    r"array  with .*": ("array", "two spaces"),
    r"float64, float32, float16, complex64.*": ("float64, float32, float16", "complex numbers are not here"),
}
TEXTS = {
    r"ConvTranspose.d\(.*padding_mode='mirror'": "transposed layers have all four padding modes here",
    r"F.conv_transpose.d\(.*2\*\*(31|62)": "PyTorch's step wraps around to one that is not positive",
}
KNOWN = {
    r"F.conv_transpose.d\(.*padding='same'": "transposed layers take 'same' and 'valid' here",
    r"F.unfold\(x, \(2, 2, 2\)\)|F.unfold\(x.unsqueeze\(0\), 2\)": "Unfold has one, two and three spatial axes here",
    r"F.(pad|unfold|fold)\(.*2\*\*6": "PyTorch's sizes wrap around to ones that pass",
    r"F.conv2d\(x, w, dilation=2\*\*63 - 1": "PyTorch's kernel size wraps around to one that passes",
    r"to\('cuda'\)": "PyTorch's builds without CUDA raise an AssertionError; the others a RuntimeError, as here",
    r"share_memory\(\)": "no process shares tensors here",
    r"F.avg_pool2d\(x\[0, 0\]": "PyTorch's is an IndexError from inside; max_pool2d's is the clean one",
    r"nn.Parameter\(\[1.0\]\)|m\(None\)": "PyTorch's is an AttributeError from inside; here it says what was expected",
    r"\(2\*\*63(, 1){0,2}\)|groups=2\*\*63": "PyTorch's parser overflows with one kind or another, by the argument",
}


def sentence(text: str) -> str:
    """The part of PyTorch's first line that Rushlight's text begins with; empty where only the kind counts."""
    line = text.split("\n")[0].strip()
    if any(re.search(pattern, line) for pattern in RAW):
        return ""
    for pattern, (instead, _) in CUT.items():
        line = re.sub(pattern, instead, line)
    return line.rstrip(" .,")


def expected_start(case: str, line: str) -> str:
    """What Rushlight's text of this case begins with, given PyTorch's first line."""
    return "" if any(re.search(pattern, case) for pattern in TEXTS) else sentence(line)


def known(case: str) -> str | None:
    """The reason why this case's outcome is another one, or None where it must be PyTorch's."""
    return next((reason for pattern, reason in KNOWN.items() if re.search(pattern, case)), None)
