# make demo, make test: from nothing to a table, and the tests. make check: lint, types, import layers, plain words. make docs: site/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := $(BIN)/bench
# Python compiles what it imports when it first does; compiling all 30,000 files at once takes a minute.
# Where an environment forbids that, every new process compiles again for eight seconds.
unexport PYTHONDONTWRITEBYTECODE
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# uv is several times faster; where it finds no index (it does not read pip's settings), pip installs.
UV = $(if $(shell command -v uv 2>/dev/null),uv pip install --quiet --python $(BIN)/python $(1) ||)

.PHONY: demo test slow every-test check docs install clean

demo: $(VENV)/.installed
	$(BENCH) run --method kmerl,random-vit --task ptbxl-super --mode zeroshot --replicates 1
	@echo; echo "The board, as a file:"; $(BENCH) leaderboard render zeroshot
	@echo; echo "All boards, methods and tasks, as a site:"; $(BENCH) leaderboard site
	@echo "Next: $(BENCH) methods; $(BENCH) run --help; and on real recordings:"
	@echo "  $(BENCH) run --method kmerl,merl --task 'ptbxl-*' --mode zeroshot,linear --data-root ptbxl=FOLDER"

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" --budgets

# The longest files first, so that one of the two processes is not left alone with them at the end.
LONGEST := tests/real tests/services tests/bench/runner/test_faults.py tests/bench/runner/test_executors.py tests/docs \
	tests/hostile tests/leaderboards/test_rows_can_be_built.py tests/tasks/test_ukb_end_to_end.py tests/methods/test_contract.py \
	tests/bench/tracking tests/bench/sweep
slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow --durations=15 $(LONGEST) tests

# Both in one run: one collection, and no process waits for the other between them.
every-test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --budgets --durations=25 $(LONGEST) tests

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/plain_words
	$(BIN)/python .ci/kind_and_mode_names

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

install: $(VENV)/.installed

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("bench needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(call UV,--editable .) $(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.installed
	$(call UV,--editable '.[dev]') $(PIP) --editable '.[dev]'
	@touch $@

# For the tests marked browser, which need a Chromium too.
$(VENV)/.installed-browser: pyproject.toml $(VENV)/.installed-dev
	$(call UV,--editable '.[browser]') $(PIP) --editable '.[browser]'
	@touch $@

$(VENV)/.installed-docs: pyproject.toml $(VENV)/.installed
	$(call UV,--editable '.[site]') $(PIP) --editable '.[site]'
	@touch $@

clean:
	rm -rf $(VENV) site bench-workspace .mypy_cache .ruff_cache
