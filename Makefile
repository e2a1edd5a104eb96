# make demo: fit, certify and save a model with the light core alone.
# make test: everything, on every backend, with and without the kernels.
# make plots: the pictures of docs/plots.md.
# make docs: the documentation site in build/site; three minutes of a core, no network.
# make links: whether links to other sites lead somewhere.
# make gallery: the numbers and pictures of docs/gallery.md.
# make examples: the backends of docs/examples, installed from wheels and checked.
# make release-check: what a release needs, beside the tests: see docs/policy.md.
# make rmt-figures: the figures of the random-matrix papers, theory beside simulation.
PYTHON ?= python3
DEMO = .venv-demo
DEV = .venv
EXAMPLES = .venv-examples
NATIVE = backends/native
NATIVE_SOURCES = $(wildcard $(addprefix $(NATIVE)/,CMakeLists.txt pyproject.toml src/* python/*/*.py))
PYTEST = EIGCORE_REQUIRE=numpy,torch,jax $(CURDIR)/$(DEV)/bin/python -m pytest -n 2 --dist worksteal
# without kernels the laws of NumPy all run; torch and JAX leave out what depends on no library: every
# functional in every structure, and float32 but for stored results and hard matrices
WITHOUT = not strict and not spectral and not singular and not ((torch or jax) and (float32 and not golden and not hard \
  or (tridiagonal or diagonal or banded) and (top_sum or bottom_sum or weighted or softmax)))
HAVE_CXX = command -v "$${CXX:-c++}" >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null
NO_CXX = No C++ compiler, so no eigcore-native; all else works, slower. Type: apt install g++ (macOS: xcode-select --install), then: make native
# seconds of fuzzing for each instruction set
SECONDS ?= 120

.PHONY: demo native test check examples sanitize bench bench-gpu accuracy peers golden mutants attack picture plots rmt-figures gallery docs links release-check clean

demo: $(DEMO)/installed
	$(DEMO)/bin/eigcore demo

native: $(DEV)/installed
	@if $(HAVE_CXX); then $(MAKE) --no-print-directory $(DEV)/native; else echo "$(NO_CXX)"; fi

test: native
	$(PYTEST)
	@if test -f $(DEV)/native; then \
	  (cd $(NATIVE) && $(PYTEST)) && EIGCORE_NATIVE=0 $(PYTEST) -k "$(WITHOUT)" tests/testing/test_conformance.py tests/benchmarks/test_drivers.py; \
	else echo "$(NO_CXX)"; fi

check: $(DEV)/installed
	$(DEV)/bin/ruff check
	$(DEV)/bin/ruff format --check
	$(DEV)/bin/codespell
	$(DEV)/bin/pyright

bench: native
	@if test -f $(DEV)/native; then \
	  $(DEV)/bin/python $(NATIVE)/bench.py --threads 1; \
	  $(DEV)/bin/python $(NATIVE)/bench.py --threads 2 --tables dense tridiagonal threads; \
	else echo "$(NO_CXX)"; fi
	$(DEV)/bin/python -m benchmarks

bench-gpu: $(DEV)/installed
	$(DEV)/bin/python -m benchmarks.bench_gpu

accuracy: native
	$(DEV)/bin/python -m pip install --quiet xgboost-cpu catboost lightgbm interpret-core aplr pytabkit bencheval
	$(DEV)/bin/python -m benchmarks.accuracy $(ARGS)

# tests beside packages that do some of the same, or explain and calibrate; scikit-rmt wants an
# older NumPy and SciPy than eigcore, so it gets an environment of its own
peers: $(DEV)/installed
	$(DEV)/bin/python -m pip install --quiet --editable ".[dev,compare]"
	$(PYTHON) -m venv .venv-scikit-rmt
	.venv-scikit-rmt/bin/python -m pip install --quiet scikit-rmt==2.1.1
	EIGCORE_REQUIRE=numpy,torch,jax $(DEV)/bin/python -m pytest tests/rmt/test_peers.py \
	  tests/spectra/test_power_law.py tests/guarantees/test_contributions.py tests/estimators/test_tools.py

# as strangers install them: eigcore and the two distributions, in an environment of their own
examples: $(EXAMPLES)/installed
	$(EXAMPLES)/bin/eigcore backends
	$(EXAMPLES)/bin/eigcore backends check mlx
	$(EXAMPLES)/bin/eigcore backends check tensorflow
	$(EXAMPLES)/bin/python -m pytest -W default tests/docs/test_examples.py docs/examples/eigcore-mlx

# the fuzz driver under AddressSanitizer and UBSan, on each instruction set the machine has
sanitize: $(DEV)/installed
	@$(HAVE_CXX) || { echo "$(NO_CXX)"; exit 1; }
	@command -v cmake >/dev/null || $(DEV)/bin/python -m pip install --quiet cmake
	@export PATH="$$PATH:$(CURDIR)/$(DEV)/bin"; set -e; \
	cmake -S $(NATIVE) -B $(NATIVE)/build-sanitize -DEIGCORE_PYTHON=OFF -DEIGCORE_FUZZ=ON \
	  "-DEIGCORE_SANITIZE=address;undefined"; \
	cmake --build $(NATIVE)/build-sanitize --parallel 2; \
	for isa in baseline avx2 avx512; do \
	  export EIGCORE_NATIVE_ISA=$$isa; driver=$(NATIVE)/build-sanitize/fuzz_driver; \
	  if $$driver 0 | grep -q "^$$isa:"; then $$driver $(SECONDS); fi; \
	done

# deliberate faults in the guarantees, each of which a test must notice; a quarter of an hour
mutants: $(DEV)/installed
	$(DEV)/bin/python tests/guarantees/mutants.py

# ten million pairs of rows against everything that is proven; three minutes of an idle core
attack: $(DEV)/installed
	$(DEV)/bin/python -m benchmarks.attack

golden: $(DEV)/installed
	$(DEV)/bin/python -m eigcore.testing.golden

picture: $(DEV)/installed
	$(DEV)/bin/python docs/picture.py
	$(DEV)/bin/python docs/architecture.py

plots: $(DEV)/installed
	$(DEV)/bin/python docs/plots_pictures.py

rmt-figures: $(DEV)/installed
	$(DEV)/bin/python docs/rmt_figures.py

$(DEV)/docs: $(DEV)/installed
	$(DEV)/bin/python -m pip install --quiet --editable ".[dev,docs]"
	touch $@

gallery: native $(DEV)/docs
	$(DEV)/bin/python docs/gallery_pictures.py

docs: native $(DEV)/docs
	$(DEV)/bin/python -m sphinx -W --keep-going -q -c docs/site -d build/doctrees docs build/site
	@echo "Open build/site/index.html"

# links to other sites; needs a network
links: $(DEV)/docs
	$(DEV)/bin/python -m sphinx -q -b linkcheck -c docs/site -d build/doctrees docs build/links

$(DEMO)/installed: pyproject.toml
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install --quiet --editable ".[cli]"
	touch $@

$(EXAMPLES)/installed: pyproject.toml $(wildcard docs/examples/*/*)
	$(PYTHON) -m venv $(EXAMPLES)
	$(EXAMPLES)/bin/python -m pip install --quiet --editable ".[cli]" pytest hatchling
	$(EXAMPLES)/bin/python -m pip install --quiet --force-reinstall --no-deps docs/examples/eigcore-mlx docs/examples/eigcore-tensorflow
	$(EXAMPLES)/bin/python -m pip install --quiet docs/examples/eigcore-mlx "docs/examples/eigcore-tensorflow[cpu]"
	touch $@

$(DEV)/installed: pyproject.toml
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/python -m pip install --quiet torch==2.13.0
	$(DEV)/bin/python -m pip install --quiet --editable ".[dev]"
	touch $@

# a folder is built anew by pip whatever its version; isolated, so that pip brings all it needs
$(DEV)/native: $(DEV)/installed $(NATIVE_SOURCES)
	CMAKE_BUILD_PARALLEL_LEVEL=2 $(DEV)/bin/python -m pip install --quiet --no-deps ./$(NATIVE)
	touch $@

# distributions, in empty environments, with the oldest and the newest libraries; half an hour
release-check:
	.ci/release-check

clean:
	rm -rf $(DEMO) $(DEV) $(EXAMPLES) .venv-scikit-rmt $(NATIVE)/build $(NATIVE)/build-sanitize
