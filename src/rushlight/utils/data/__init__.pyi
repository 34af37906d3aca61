# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from rushlight.utils.data import collate as collate
from rushlight.utils.data import dataloader as dataloader
from rushlight.utils.data import dataset as dataset
from rushlight.utils.data import failure as failure
from rushlight.utils.data import fetching as fetching
from rushlight.utils.data import iterators as iterators
from rushlight.utils.data import pool as pool
from rushlight.utils.data import sampler as sampler
from rushlight.utils.data import transport as transport
from rushlight.utils.data import worker_process as worker_process
from rushlight.utils.data import workers as workers
from rushlight.utils.data.collate import default_collate as default_collate
from rushlight.utils.data.collate import default_convert as default_convert
from rushlight.utils.data.dataloader import DataLoader as DataLoader
from rushlight.utils.data.dataset import ChainDataset as ChainDataset
from rushlight.utils.data.dataset import ConcatDataset as ConcatDataset
from rushlight.utils.data.dataset import Dataset as Dataset
from rushlight.utils.data.dataset import IterableDataset as IterableDataset
from rushlight.utils.data.dataset import StackDataset as StackDataset
from rushlight.utils.data.dataset import Subset as Subset
from rushlight.utils.data.dataset import TensorDataset as TensorDataset
from rushlight.utils.data.dataset import random_split as random_split
from rushlight.utils.data.sampler import BatchSampler as BatchSampler
from rushlight.utils.data.sampler import RandomSampler as RandomSampler
from rushlight.utils.data.sampler import Sampler as Sampler
from rushlight.utils.data.sampler import SequentialSampler as SequentialSampler
from rushlight.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from rushlight.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler
from rushlight.utils.data.workers import get_worker_info as get_worker_info


