# Everything a contributor or a curious stranger types. The targets set up what they need themselves (.venv, locked packages).
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: help demo up down status mail tenant test browser pictures lint format docs synth verify lock break-glass restore drill-restore bench soak clean

help: ## Print these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.local ## The main job: a tenant's quarter, an attack, two evidence bundles, verified offline
	@$(RUN) -m infra.local.assembly
	@$(RUN) -m infra.local.demo

up: $(VENV)/.local ## Start the local stage with the demo tenant and keep it serving
	@$(RUN) -m infra.local.assembly
	@$(RUN) -m infra.local.demo_stage

down: $(VENV)/.local ## Stop the local stage
	@$(RUN) -m infra.local.stage down

status: $(VENV)/.local ## Say what runs, and where
	@$(RUN) -m infra.local.stage status

tenant: $(VENV)/.local ## Make a tenant and invite its first owner: make tenant NAME="Acme" EMAIL=owner@acme.example [TENANT=id] [STACK=Muniment]
	@$(RUN) -m infra.tenant --name "$(NAME)" --email "$(EMAIL)" $(if $(TENANT),--tenant "$(TENANT)") $(if $(STACK),--stack "$(STACK)")

mail: $(VENV)/.local ## List the mails that the stage has sent; make mail N=3 or SUBJECT="reset" shows one
	@$(RUN) -m infra.local.mail $(if $(N),--number "$(N)") $(if $(SUBJECT),--subject "$(SUBJECT)")

# Bytecode is kept even where the environment says otherwise: each of the processes would compile all tests anew.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.dev ## All tests; needs nothing that is not installed here
	@$(RUN) -m infra.local.assembly
	@$(RUN) -m pytest -n auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder

browser: export PYTHONDONTWRITEBYTECODE =
browser: $(VENV)/.dev ## The console alone, in a real browser: the part of make test that needs Chromium
	@$(RUN) -m infra.local.assembly
	@$(RUN) -m pytest -n auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder tests/browser

pictures: $(VENV)/.dev ## Take the README's pictures of the console, of the stage that make up serves; look at them before you commit
	@MUNIMENT_STAGE=.muniment MUNIMENT_PICTURES=docs $(RUN) -m pytest -q -n0 tests/browser/test_pictures.py

lint: $(VENV)/.dev ## ruff (format and rules), mypy --strict
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy

format: $(VENV)/.dev ## Let ruff format and repair what it can
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

docs: $(VENV)/.dev ## Write the tables and policies of docs/ as the code says them; make test compares
	@$(RUN) -m tests.architecture.rendered

synth: $(VENV)/.local ## Synthesize the production stage into cdk.out; cdk-nag and cfn-lint must find nothing
	@$(RUN) -m infra.app
	@$(VENV)/bin/cfn-lint --ignore-checks W3005 -- cdk.out/*.template.json # W3005: CDK's own redundant DependsOn
	@echo "cdk.out: synthesized; cdk-nag and cfn-lint found nothing"

verify: ## Verify a bundle offline: make verify BUNDLE=path [KEY=fingerprint[,fingerprint]]
	@test -n "$(BUNDLE)" || { echo "usage: make verify BUNDLE=path/to/bundle.zip [KEY=fingerprint[,fingerprint]]" >&2; exit 64; }
	@$(PYTHON) shared/evidence/verify_bundle.py $(if $(KEY),--key-fingerprint $(KEY)) "$(BUNDLE)"

break-glass: $(VENV)/.local ## Suspend all address rules of a tenant, as an operator: make break-glass TENANT=id [RESUME=1] [STACK=Muniment]
	@test -n "$(TENANT)" || { echo "usage: make break-glass TENANT=id [RESUME=1]" >&2; exit 64; }
	@$(RUN) -m infra.break_glass "$(TENANT)" $(if $(RESUME),--resume) $(if $(STACK),--stack "$(STACK)")

restore: $(VENV)/.local ## Start the log again after a loss, as an operator: make restore REASON=table_lost [PREVIOUS_TABLE=..] [RESTORED_TO=..] [APPLY=1]
	@test -n "$(REASON)" || { echo "usage: make restore REASON=table_lost|table_restored|state_restored (docs/operations.md)" >&2; exit 64; }
	@$(RUN) -m infra.restore --reason "$(REASON)" $(if $(PREVIOUS_TABLE),--previous-table "$(PREVIOUS_TABLE)") \
	  $(if $(RESTORED_TO),--restored-to "$(RESTORED_TO)") $(if $(APPLY),--apply) $(if $(STACK),--stack "$(STACK)")

drill-restore: $(VENV)/.local ## Lose and restore the tables of a stage of its own, start its log again, and prove what holds
	@$(RUN) -m infra.local.assembly
	@$(RUN) -m infra.local.drill

bench: $(VENV)/.dev ## Benchmarks beside their peers; prints figures, asserts none; writes docs/benchmarks.md: make bench [PARTS="requests evidence ledger"]
	@BENCH_PARTS="$(PARTS)" $(RUN) -m tests.benchmarks.budgets
	@$(if $(PARTS),,$(RUN) -m pytest tests/benchmarks -q -o python_files='bench_*.py')

soak: $(VENV)/.dev ## Races and lives with large counts, a bundle of five million events, about 45 minutes: make soak [COUNT=100]
	@COUNT="$(COUNT)" $(RUN) -m tests.soak.campaign
	@$(RUN) -m tests.soak.ledger_writers
	@$(RUN) -m tests.soak.five_million

lock: $(VENV)/.dev ## Compile requirements/*.txt from pyproject.toml, with hashes, for every platform
	@$(RUN) -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-annotate --custom-compile-command "make lock" --extra dev pyproject.toml -o requirements/dev.txt
	@for group in hot cold infra local; do \
	  $(RUN) -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-annotate --custom-compile-command "make lock" -c requirements/dev.txt --extra $$group pyproject.toml -o requirements/$$group.txt || exit 1; \
	done

clean: ## Remove what the targets made (not the state of a running stage: make down first)
	@rm -rf $(VENV) cdk.out .muniment/cdk.out .muniment/code .muniment/layers .pytest_cache .mypy_cache .ruff_cache .hypothesis

# --- set-up -------------------------------------------------------------------------------------------------------------

$(VENV)/.tools:
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "Python 3.11 or later is needed: install it, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed, $(PYTHON) is older: say make PYTHON=python3.11" >&2; exit 1; }
	@command -v node >/dev/null 2>&1 || { echo "Node 20 or later is needed (aws-cdk-lib runs on it): install it from your package manager" >&2; exit 1; }
	@node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' || { echo "Node 20 or later is needed, this is $$(node --version)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python -m venv failed: on Debian and Ubuntu, install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.local: $(VENV)/.tools requirements/local.txt
	@echo "installing the locked packages of the local stage (once)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/local.txt 2>$(VENV)/pip.log || { cat $(VENV)/pip.log >&2; exit 1; }
	@touch $@

$(VENV)/.dev: $(VENV)/.tools requirements/dev.txt
	@echo "installing the locked packages for development (once)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt 2>$(VENV)/pip.log || { cat $(VENV)/pip.log >&2; exit 1; }
	@touch $@ $(VENV)/.local
