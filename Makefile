# The verbs of this project; `make` alone lists them. They need GNU make, python3 and pip, no more.
# PYTHON=python3.12 chooses the interpreter for .venv (3.11 or later; default python3).
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-test setup-models demo test test-models test-gpu bench soak daw build clean

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif

# Caches stay in the clone, and numpy takes one core, as the audio engine does.
export PYTHON
export MPLCONFIGDIR := build/cache/matplotlib
export MPLBACKEND := Agg
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
unexport PYTHONPATH
unexport PYTHONHOME

help:  ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup:  ## make .venv/ with plugin-bridge in it (downloads about 300 MB the first time)
	@.ci/setup.sh demo

setup-test:
	@.ci/setup.sh test

# System packages first: a part of the extra is compiled.
setup-models: setup-test
	@$(BIN)/python .ci/system_packages.py test-models
	@.ci/setup.sh models

demo: setup  ## separate a generated song; results in build/demo
	@$(BIN)/python -m models.demo

test: setup-test  ## format, lint, types, contracts, tests
	@$(BIN)/python .ci/system_packages.py test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir build/cache/imports
	$(BIN)/python -m pytest --require-system

test-models: setup-models  ## tests of the workshop: training, export, evaluation (needs torch)
	$(BIN)/python -m pytest --require-system tests/workshop

test-gpu: setup-test  ## tests that need an NVIDIA GPU, CUDA and cuDNN
	$(BIN)/python -m pytest tests/gpu

bench: setup-test  ## time and accuracy of one hop, offline speed, memory
	@$(BIN)/python -m tests.bench

soak: setup-test  ## live playing under load, ten minutes at 256 samples and ten at 128; needs jackd
	@$(BIN)/python .ci/system_packages.py test
	@$(BIN)/python -m tests.bench.soak

daw: setup  ## compile the plugin for DAWs into build/daw; needs dpf-source and g++
	@$(BIN)/plugin-bridge daw build

build: setup-test  ## make the sdist and the wheel in dist/
	$(BIN)/python -m build --no-isolation

clean:  ## remove .venv/, build/ and dist/
	rm -rf .venv build dist
