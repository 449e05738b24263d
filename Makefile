# make demo   sets everything up in .venv and stores and recalls ten handwritten digits
# make test   sets everything up in .venv and runs the tests
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# One process a core, four at most: each imports torch and makes the shared fixtures of its files for itself.
PARALLEL ?= --numprocesses logical --maxprocesses 4 --dist loadfile

.PHONY: demo test peers slow tutorials figures bench docs lint types clean

demo: $(VENV)/ready
	$(BIN)/cerebellum run recall --engine both --seed 1 --out runs/demo --force

test: $(VENV)/ready
	$(BIN)/python -m pytest $(PARALLEL)

# Other simulators and readers, so that `make test` runs the tests that want them, too.
peers: $(VENV)/ready
	$(BIN)/python -m pip install -q -c constraints.txt --group peers

# Every tutorial, as a reader would run it.
tutorials: $(VENV)/docs
	$(BIN)/python -m pytest -m slow tests/test_notebooks.py

# The longer evidence: every claim over several seeds, and every property on examples not drawn before.
slow: $(VENV)/ready
	$(BIN)/python -m pytest -m "slow or hypothesis" --hypothesis-profile=fresh

figures: $(VENV)/ready
	$(BIN)/cerebellum figures

bench: $(VENV)/ready
	$(BIN)/python -m pip install -q -c constraints.txt --group bench
	$(BIN)/python -m pytest tests/benchmarks -m "" --benchmark-enable --benchmark-only

# The documentation site; EXECUTE_NOTEBOOKS=true runs the tutorials while it is built.
docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

lint: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/dev
	$(BIN)/mypy

# pip 25.1 is the first that installs dependency groups.
$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade -c constraints.txt pip
	$(BIN)/python -m pip install -q -c constraints.txt --group test -e .
	touch $@

$(VENV)/dev: $(VENV)/ready
	$(BIN)/python -m pip install -q -c constraints.txt --group dev
	touch $@

$(VENV)/docs: $(VENV)/ready
	$(BIN)/python -m pip install -q -c constraints.txt --group docs
	touch $@

clean:
	rm -rf $(VENV) runs dist build site
