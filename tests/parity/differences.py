"""Where Rushlight's errors differ from PyTorch's, and why: the one list of them.

`RAW` are texts of PyTorch that name no rule of the call, so that only the phase and the kind are compared; `CUT`
keeps the part of a text that does; `KNOWN` are single calls with another outcome.
"""

import re

RAW = {
    r"received an invalid combination of arguments": "lists C++ signatures",
    r"argument '\w+'|missing \d+ required|unexpected keyword|takes .* positional": "the parser's own wording",
    r"could not create a primitive|could not construct a memory|dimensions are invalid": "backend text without a rule",
    r"\"\w+\" not implemented for": "names a kernel, not the operation",
    r"SymIntArrayRef|INTERNAL ASSERT|/__w/|Overflow when unpacking|without overflow": "internals",
    r"Storage size calculation|DefaultCPUAllocator|integer multiplication overflow": "sizes follow in words instead",
    r"Expected one of cpu, cuda, ipu|Torch not compiled with CUDA": "names devices that are not here",
    r"object has no attribute|has no len\(\)": "the trace of a missing check",
    r"narrow\(\): length": "names an operation that the user did not call",
    r"Only zero batch or zero channel": "written for one backend; its shape carries an extra axis",
    r"expected scalar type": "from the backend; the rule is that of the other convolutions",
    r"resulted in a negative output size, which is invalid. Check dimension": "the sum wrapped around",
    r"Output size is too small.*-\d{6}|\(-\d{6,}": "the sizes wrapped around",
}
CUT = {
    r", but got \w*(height|depth|dilationH).*": "speaks of heights and widths that the user did not write",
    r" \(for an input of .*": "the input's size follows with the other facts",
    r"<(method|function) .*": "names an address or a C type",
    r" be one of \{.*": "prints a set, whose order changes from run to run",
    r"at dimension 0 , expected.*": "a bound of the implementation",
}
KNOWN: dict[str, str] = {}


def sentence(text: str) -> str:
    """The part of PyTorch's first line that Rushlight's text begins with; empty where only the kind counts."""
    line = text.split("\n")[0].strip()
    if any(re.search(pattern, line) for pattern in RAW):
        return ""
    for pattern in CUT:
        line = re.sub(pattern, "", line)
    return line.rstrip(" .,")


def known(case: str) -> str | None:
    """The reason why this case's outcome is another one, or None where it must be PyTorch's."""
    return next((reason for pattern, reason in KNOWN.items() if re.search(pattern, case)), None)
