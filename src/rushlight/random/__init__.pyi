# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from rushlight.random import distributions as distributions
from rushlight.random import factories as factories
from rushlight.random import fill as fill
from rushlight.random import generator as generator
from rushlight.random import source as source
from rushlight.random import stream as stream
from rushlight.random.factories import bernoulli as bernoulli
from rushlight.random.factories import multinomial as multinomial
from rushlight.random.factories import normal as normal
from rushlight.random.factories import rand as rand
from rushlight.random.factories import rand_like as rand_like
from rushlight.random.factories import randint as randint
from rushlight.random.factories import randint_like as randint_like
from rushlight.random.factories import randn as randn
from rushlight.random.factories import randn_like as randn_like
from rushlight.random.factories import randperm as randperm
from rushlight.random.generator import Generator as Generator
from rushlight.random.generator import Generator as _Generator
from rushlight.random.generator import fork_rng as fork_rng
from rushlight.random.generator import get_rng_state as get_rng_state
from rushlight.random.generator import initial_seed as initial_seed
from rushlight.random.generator import manual_seed as manual_seed
from rushlight.random.generator import seed as seed
from rushlight.random.generator import set_rng_state as set_rng_state

default_generator: _Generator
