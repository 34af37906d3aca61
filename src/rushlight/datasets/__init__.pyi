# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from rushlight.datasets import digits as digits
from rushlight.datasets import download as download
from rushlight.datasets import idx as idx
from rushlight.datasets import images as images
from rushlight.datasets import mnist as mnist
from rushlight.datasets import resize as resize
from rushlight.datasets.digits import Digits as Digits
from rushlight.datasets.idx import IDXError as IDXError
from rushlight.datasets.idx import read_idx as read_idx
from rushlight.datasets.images import LabelledImages as LabelledImages
from rushlight.datasets.mnist import FashionMNIST as FashionMNIST
from rushlight.datasets.mnist import MNIST as MNIST
from rushlight.datasets.resize import Resize as Resize
from rushlight.utils.data.dataloader import DataLoader as DataLoader
from rushlight.utils.data.dataloader import DataLoader as _DataLoader
import builtins as _b
import os as _os

def load_data_fashion_mnist(batch_size: _b.int, root: _b.str | _os.PathLike = 'data', resize: _b.int | _b.tuple[_b.int, _b.int] | None = None) -> _b.tuple[_DataLoader, _DataLoader]:
    """The train batches (in a new order each time) and the test batches of Fashion-MNIST."""
