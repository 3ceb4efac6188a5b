# The front door. `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
INSTALLED := .venv/.installed

# AS_OF=YYYY-MM-DD loads that date, JOBS=N runs the tests in N processes, SIZES="32000 580000" are bench's families,
# PARTS="full naive" some of what it measures, FAMILIES and MEMBERS the sizes of bench-validate.
AS_OF ?=
JOBS ?= auto
SIZES ?= 32000 580000
PARTS ?=
FAMILIES ?= 580000
MEMBERS ?= 2100000
# The samples of evaluate-linkage; PERSONS is the size of bench-link, for each of three sources.
SEEDS ?= 2104 7
SCALES ?= 1 2
PERSONS ?= 2100000

.PHONY: help setup run up test test-browser test-spark test-long test-services test-scheduler test-faults soak bench \
	bench-peers bench-report bench-validate bench-link bench-publish evaluate-linkage lint lint-python lint-types lint-sql format audit sbom licences lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## create .venv with everything the project needs (nothing to do where it is up to date)

run: $(INSTALLED) ## load once, end to end, through Airflow: the sample, or the sources your AIRFLOW_CONN_… name
	@$(BIN)/kampungkb run $(if $(AS_OF),--as-of $(AS_OF))

up: $(INSTALLED) ## Airflow's UI and scheduler and the sample sources on this machine, until Ctrl-C
	@$(BIN)/kampungkb up

test: $(INSTALLED) ## all tests; those that need a database server skip where there is none
	$(BIN)/pytest -n $(JOBS) --maxprocesses 4 --dist loadfile

test-browser: $(INSTALLED) ## the page in a browser, the workbook in LibreOffice (installs playwright; needs chromium; some minutes)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/browser.txt
	KAMPUNGKB_TEST_BROWSER=required $(BIN)/pytest -m browser tests/browser

test-spark: $(INSTALLED) ## steps on a Spark cluster of processes, whole loads on Spark, held against DuckDB's (needs Java 17; half an hour)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/spark.txt
	$(BIN)/pytest -m spark tests/spark

test-long: $(INSTALLED) ## a restore on an empty machine, rotations of the key killed, small benchmarks; some fifteen minutes
	$(BIN)/pytest -m long -n $(JOBS) --maxprocesses 2 --dist loadfile

test-services: $(INSTALLED) ## the tests on PostgreSQL and MariaDB servers; fails where a server is absent
	KAMPUNGKB_TEST_SERVICES=required $(BIN)/pytest -m services

test-scheduler: $(INSTALLED) ## the compose file's services as processes, the scheduler killed, a person asked; half an hour
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/image.txt -r requirements/browser.txt
	$(BIN)/pytest -m scheduler
	@$(BIN)/python -m tests.faults.figures

test-faults: KILLS = 100
test-faults: $(INSTALLED) ## every fault: KILLS tasks at random moments, a publication at every statement, …; an hour
	@rm -f var/test-faults/figures.jsonl
	@KAMPUNGKB_TEST_KILLS=$(KILLS) $(BIN)/pytest -m faults -n $(JOBS) --maxprocesses 2 tests/faults; \
		outcome=$$?; $(BIN)/python -m tests.faults.figures; exit $$outcome

soak: NIGHTS = 60
soak: SEED = 1
soak: $(INSTALLED) ## NIGHTS simulated nights in a row, with changes and faults; figures and plot under var/soak
	PYTHONPATH=dags $(BIN)/python -m benchmarks.soak --nights $(NIGHTS) --seed $(SEED)

bench: $(INSTALLED) ## measure whole loads of SIZES families, ours and others', into var/bench/results.json; an hour and more
	$(BIN)/python -m benchmarks.whole $(SIZES) $(if $(PARTS),--parts $(PARTS))

# dlt and dbt have an environment of their own: they want other versions than the product.
PEERS := .venv/peers

$(PEERS)/.installed: requirements/peers.txt $(INSTALLED)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PEERS)
	@$(BIN)/uv pip install --quiet --python $(PEERS)/bin/python --require-hashes -r requirements/peers.txt
	@touch $@

bench-peers: $(PEERS)/.installed ## measure the load of SIZES families by dlt and dbt beside it (installs them)
	$(BIN)/python -m benchmarks.whole $(SIZES) --parts sample peers

bench-report: $(INSTALLED) ## write what bench measured into docs/explanation/performance.md
	$(BIN)/python -m benchmarks.whole --parts report

bench-validate: $(INSTALLED) ## measure all rules on FAMILIES and MEMBERS against GX on pandas, report under var/bench
	$(BIN)/python -m benchmarks.validation --families $(FAMILIES) --members $(MEMBERS)

bench-publish: $(INSTALLED) ## measure the publication of FAMILIES families against psql and pandas, and an unchanged night
	$(BIN)/python -m benchmarks.publication --families $(FAMILIES)

bench-link: $(INSTALLED) ## measure the linkage of PERSONS persons in three sources, in full, with 1 % changed and with nothing
	$(BIN)/python -m benchmarks.linkage --persons $(PERSONS)

evaluate-linkage: FAMILIES = 8000
evaluate-linkage: $(INSTALLED) ## measure the quality of the linkage on samples (SEEDS, SCALES, FAMILIES) and FEBRL
	$(BIN)/python -m benchmarks.linkage_evaluation --families $(FAMILIES) --seeds $(SEEDS) --scales $(SCALES)

lint: lint-python lint-types lint-sql lint-security ## ruff, mypy --strict, sqlfluff and bandit

lint-python: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: $(INSTALLED)
	$(BIN)/mypy

lint-sql: $(INSTALLED)
	$(BIN)/sqlfluff lint --disable-progress-bar include/sql benchmarks

lint-security: $(INSTALLED)
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive plugins dags benchmarks .ci

format: $(INSTALLED) ## let ruff and sqlfluff rewrite what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar --quiet include/sql benchmarks

# The lock holds versions and hashes for Python 3.11 to 3.13 and no address: where packages come from is the
# user's own configuration of pip or uv.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

lock: $(INSTALLED) ## resolve requirements/*.txt anew from pyproject.toml (UPGRADE=--upgrade takes newer versions)
	$(LOCK) $(UPGRADE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(LOCK) $(UPGRADE) requirements/supply.in -o requirements/supply.txt
	$(LOCK) $(UPGRADE) requirements/peers.in -o requirements/peers.txt
	$(LOCK) $(UPGRADE) pyproject.toml -o requirements/run.txt
	$(LOCK) $(UPGRADE) pyproject.toml --extra dev -c requirements/run.txt -o requirements/dev.txt
	$(LOCK) $(UPGRADE) pyproject.toml --extra browser -c requirements/run.txt -o requirements/browser.txt
	$(LOCK) $(UPGRADE) pyproject.toml --extra spark -c requirements/run.txt -o requirements/spark.txt
	$(LOCK) $(UPGRADE) pyproject.toml --extra image -c requirements/run.txt -o requirements/image.txt

# The tools that look at the lock have an environment of their own, so that they are not part of what they list.
SUPPLY := .venv/supply
LOCKED = $$(sed -n 's/^\([a-z0-9.-]*\)==.*/\1/p' requirements/run.txt)

$(SUPPLY)/.installed: requirements/supply.txt $(INSTALLED)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SUPPLY)
	@$(BIN)/uv pip install --quiet --python $(SUPPLY)/bin/python --require-hashes -r requirements/supply.txt
	@touch $@

audit: $(SUPPLY)/.installed ## known vulnerabilities of the locked packages; fails where not every one was looked up
	@mkdir -p var; rm -f var/audit.json
	@$(SUPPLY)/bin/pip-audit --requirement requirements/run.txt --disable-pip --require-hashes --progress-spinner off \
	    --format json --output var/audit.json > var/audit.log 2>&1 || true
	@$(BIN)/python .ci/audit.py var/audit.json

sbom: $(SUPPLY)/.installed ## what it is made of, as CycloneDX: var/sbom.json
	@mkdir -p var
	@$(SUPPLY)/bin/cyclonedx-py requirements requirements/run.txt --pyproject pyproject.toml --output-reproducible \
	    --of JSON --output-file var/sbom.json 2> /dev/null
	@echo "var/sbom.json"

# openlineage_sql says nothing of its licence; it is built from the OpenLineage repository, under Apache-2.0.
STATED_ELSEWHERE := s/^(\| openlineage_sql \|.*) UNKNOWN/\1 Apache-2.0/

licences: $(SUPPLY)/.installed ## list the licences of the locked packages: docs/reference/licences.md
	@{ printf '# Licences\n\nOf the packages of `requirements/run.txt`, as they state them, for Python 3.11 on Linux. Written by\n`make licences`.\n\n'; \
	  $(SUPPLY)/bin/pip-licenses --python $(BIN)/python --format markdown --packages $(LOCKED) \
	    | sed -E 's/ +\|/ |/g; s/-{3,}/---/g; $(STATED_ELSEWHERE)'; } > docs/reference/licences.md

clean: ## remove the environment and the tools' caches; var/ stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find plugins dags tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# pip installs uv, uv the rest: both by hash. uv does not read pip's configuration, so the index is handed over;
# where uv cannot reach what pip can (a proxy, a certificate, a local folder), pip does the work. Both compile what they
# install: a process that must compile Airflow or Great Expectations itself takes twice as long to start.
$(INSTALLED): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@python=$$(for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	    $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	      && echo $$candidate && break; done || true); \
	if [ -z "$$python" ]; then echo "Python 3.11, 3.12 or 3.13 is needed: make setup PYTHON=/path/to/python3" >&2; exit 1; fi; \
	[ -x $(BIN)/python ] || $$python -m venv .venv || { \
	    echo "$$python cannot create environments (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Installing Python packages into .venv (once; a minute on a good line) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@index=$${UV_DEFAULT_INDEX:-$${UV_INDEX_URL:-$${PIP_INDEX_URL:-$$($(BIN)/pip config get global.index-url 2>/dev/null || true)}}}; \
	[ -z "$$index" ] || export UV_DEFAULT_INDEX="$$index"; \
	export VIRTUAL_ENV="$(CURDIR)/.venv"; \
	$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements/dev.txt \
	  || { echo "uv could not install; trying pip, which takes longer ..."; \
	       $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
	@touch $@
