# The front door. `make` prints the doors; everything lives in .venv, nothing outside this folder.

PROFILE ?= profiles/quickstart.yaml
ARGS    ?=
ROUNDS  ?= 5
PYTHON  ?= python3.14 python3.13 python3.12 python3.11 python3

venv  := .venv
pip   := $(venv)/bin/python -m pip --disable-pip-version-check install -q
# Whether .venv belongs to this folder and its Python is still there.
is_home = test -x $(venv)/bin/python && test "$$(cat $(venv)/home 2>&1)" = "$$(pwd -P)"

# The candidates that are new enough, and those of them that can make a virtual environment
# (Debian and Ubuntu ship that part, ensurepip, as a package of its own).
recent = $(shell for p in $(PYTHON); do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p; done)
able   = $(shell for p in $(recent); do $$p -c 'import ensurepip, venv' 2>/dev/null && echo $$p; done)
python = $(firstword $(able))

.PHONY: help run test check fix bench scenarios golden clean
.DEFAULT_GOAL := help

help: ## print this list
	@echo 'tw-bench measures at what rate a service runs out of TCP ports.'
	@echo
	@sed -n 's/^\([a-z]*\):.*## /  make \1;/p' Makefile | while IFS=';' read -r door what; \
	  do printf '%-14s %s\n' "$$door" "$$what"; done
	@echo
	@echo 'More: make run PROFILE=profiles/x.yaml ARGS="--json"   make test ARGS="-k capacity"'

run: $(venv)/run-ready ## measure: the quick start takes half a minute, PROFILE=... another
	@$(venv)/bin/tw-bench run $(PROFILE) $(ARGS)

test: $(venv)/dev-ready ## run all tests, 25 minutes; ARGS=tests/unit takes two
	$(venv)/bin/pytest $(ARGS)

check: $(venv)/dev-ready ## format, lint, types and layers, as CI asks
	$(venv)/bin/ruff format --check .
	$(venv)/bin/ruff check .
	$(venv)/bin/mypy
	$(venv)/bin/lint-imports

fix: $(venv)/dev-ready ## mend format and lint where a tool can
	$(venv)/bin/ruff check --fix .
	$(venv)/bin/ruff format .

bench: $(venv)/dev-ready ## measure the harness, and generators beside it: ROUNDS=5 of a minute each
	$(venv)/bin/pytest tests/bench $(ARGS)
	$(venv)/bin/python -m tests.bench.generators --rounds $(ROUNDS)

scenarios: $(venv)/dev-ready ## play every claim of profiles/scenarios and write docs/scenarios.md
	$(venv)/bin/python -m tests.bench.scenarios_page

golden: $(venv)/dev-ready ## rewrite the texts in tests/golden and tw_bench/schemas (then read the diff)
	$(venv)/bin/pytest --update-golden tests/unit $(ARGS)
	@git diff --stat tests/golden tw_bench/schemas 2>/dev/null || true

clean: ## remove .venv, caches and build leftovers; results stay
	rm -rf $(venv) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	rm -rf .hypothesis
	find tw_bench tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says "complete". It is removed before anything changes and written last, so a set-up
# that was interrupted starts afresh; so does a .venv that was copied here with its folder (its
# scripts point at the old place) or whose Python has gone.
ifneq ($(shell $(is_home) && echo yes),yes)
.PHONY: $(venv)/run-ready $(venv)/dev-ready
endif

$(venv)/run-ready: requirements.txt pyproject.toml
	$(call set_up,requirements.txt)
	@touch $@

$(venv)/dev-ready: requirements-dev.txt requirements.txt pyproject.toml
	$(call set_up,requirements-dev.txt)
	@touch $(venv)/run-ready $@

# `python` is looked for here, when it is first needed: a ready .venv costs nothing.
define set_up
$(if $(recent),,$(error found no Python 3.11 or newer (looked for: $(PYTHON)). \
  Run: sudo apt install python3 python3-venv (then make again)))
$(if $(python),,$(error $(firstword $(recent)) lacks ensurepip and cannot make a virtual \
  environment. Run: sudo apt install $(notdir $(firstword $(recent)))-venv (then make again)))
@echo 'Setting up $(venv) with $(python) and $(1) (once)' >&2
@{ test -f $(venv)/run-ready && $(is_home); } || $(python) -m venv --clear $(venv)
@rm -f $(venv)/run-ready $(venv)/dev-ready
@$(pip) -r $(1)
@$(pip) --no-deps --no-build-isolation -e .
@pwd -P > $(venv)/home
endef
