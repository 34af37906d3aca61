# make demo   set up and train a network on real images
# make test   set up and pass the tests
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Tests of the layer family itself, which pass on both engines.
FAMILY = tests/rules tests/ops tests/nn tests/autograd tests/parity tests/examples_test tests/fuzz/test_identities.py
# Tests of the kernels, which plan and emit otherwise for each instruction set.
KERNELS = $(foreach name,bias compiled depthwise_channels depthwise_rows normalization overlap ownership pooling wgrad \
	winograd winograd_guard,\
	tests/backends/test_$(name).py) tests/fuzz/test_engines.py tests/fuzz/test_found.py
DATA ?=

.PHONY: demo test check parity targets typing package sweep sweep-math explore plans bench zoo clean

demo: $(VENV)/train.stamp
	$(BIN)/rushlight train $(if $(DATA),--data $(DATA))

test: check
	$(BIN)/python -m pytest -n 2 -m "not live and not long"
	RUSHLIGHT_ENGINE=reference $(BIN)/python -m pytest -n 2 -m "not live and not long" $(FAMILY)

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The tests that compare with PyTorch while it runs; it is installed beside the package, never by it. (Its samples of
# operations import expecttest.)
parity: $(VENV)/test.stamp
	$(BIN)/python -m pip install -q "torch==2.13.0" expecttest
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "live and not long"

# The kernels on the instruction sets below this machine's, and on those that it imitates (16 lanes, say).
targets: $(VENV)/test.stamp
	for isa in $$($(BIN)/python -m tests.instruction_sets); do echo "RUSHLIGHT_TARGET=$$isa"; \
	RUSHLIGHT_TARGET=$$isa $(BIN)/python -m pytest -n 2 -k "not leaves_its_arrays" \
	-m "not live and not long" $(KERNELS) || exit 1; done

# The stubs, read by mypy and pyright.
typing: $(VENV)/test.stamp
	$(BIN)/python -m pip install -q -e ".[typing]"
	$(BIN)/python -m pytest tests/typing

# The wheel and the sdist, each installed in an empty environment and used there.
package: $(VENV)/test.stamp
	$(BIN)/python -m tests.package

# The models of torchvision and timm on Rushlight, beside PyTorch: an environment of its own, in which PyTorch lies in a
# folder that only its own process sees. ZOO="--large 'torchvision/vit*'" chooses; docs/zoo.md is written of all.
ZOO ?=
zoo: .venv-zoo/stamp
	ZOO_PYTORCH=.venv-zoo/pytorch .venv-zoo/bin/python -m tests.zoo $(ZOO)

.venv-zoo/stamp: pyproject.toml
	$(PYTHON) -m venv .venv-zoo
	.venv-zoo/bin/python -m pip install -q -e . pillow pyyaml
	.venv-zoo/bin/python -m pip install -q --no-deps "torchvision==0.28.*" "timm==1.0.31"
	.venv-zoo/bin/python -m pip install -q --target .venv-zoo/pytorch "torch==2.13.0"
	touch $@

# Long sweeps with a larger budget.
sweep: $(VENV)/test.stamp
	RUSHLIGHT_SWEEP=10 $(BIN)/python -m pytest -n 2 -m "long or live"

# Every float32 number through every vector function, against float64: the better part of an hour.
sweep-math: $(VENV)/test.stamp
	$(BIN)/python -m tests.kernels.sweep_mathematics

# Layers that nobody tried, from a fresh seed, on every instruction set of this machine; SECONDS of them.
SECONDS ?= 60
explore: $(VENV)/test.stamp
	$(BIN)/python -m tests.fuzz.explore --seconds $(SECONDS)

# Plans of layers that nobody tried, for machines of every kind, in SECONDS; nothing is compiled.
plans: $(VENV)/test.stamp
	$(BIN)/python -m tests.fuzz.plans --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz.plans --seconds $(SECONDS) --rules

bench: $(VENV)/train.stamp
	$(BIN)/rushlight bench

$(VENV)/train.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -e ".[all]"
	touch $@

$(VENV)/test.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -e ".[test]"
	touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip

clean:
	rm -rf $(VENV) .venv-zoo build dist .pytest_cache .ruff_cache .hypothesis
