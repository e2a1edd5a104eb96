# make demo: fit, certify and save a model with the light core alone.
# make test: everything, on every backend.
PYTHON ?= python3
DEMO = .venv-demo
DEV = .venv

.PHONY: demo test check bench bench-gpu golden picture clean

demo: $(DEMO)/installed
	$(DEMO)/bin/eigcore demo

test: $(DEV)/installed
	EIGCORE_REQUIRE=numpy,torch,jax $(DEV)/bin/python -m pytest -n 2 --dist worksteal

check: $(DEV)/installed
	$(DEV)/bin/ruff check
	$(DEV)/bin/ruff format --check
	$(DEV)/bin/pyright

bench: $(DEV)/installed
	$(DEV)/bin/python -m benchmarks

golden: $(DEV)/installed
	$(DEV)/bin/python -m eigcore.testing.golden

picture: $(DEV)/installed
	$(DEV)/bin/python docs/picture.py

$(DEMO)/installed: pyproject.toml
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install --quiet --editable ".[cli]"
	touch $@

$(DEV)/installed: pyproject.toml
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/python -m pip install --quiet torch==2.13.0
	$(DEV)/bin/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(DEMO) $(DEV)
