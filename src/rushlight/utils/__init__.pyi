# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from rushlight.utils import checkpoint as checkpoint
from rushlight.utils import data as data
from rushlight.utils import dlpack as dlpack


