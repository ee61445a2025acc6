# Every target sets up what it needs. PYTHON chooses the interpreter, 3.10 or newer.
PYTHON ?= python3
PORT ?= 4566

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help setup demo test e2e nightly bench mutants cloud docs lint format check compatibility audit dist clean

help:  ## list the targets
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup:  ## install everything into this folder
	@$(PYTHON) tools/setup.py

demo: setup  ## watch cdk deploy register a connector and move its registration
	@python -m tools.demo

# In four processes on any machine: most tests wait for programs that they have started.
test: setup  ## run all tests
	python -m pytest -n 4 --maxschedchunk 1 --cov=connector_registration --cov-branch --cov-fail-under=100

e2e: setup  ## run the end-to-end tests on the local cloud, or with TARGET=aws in an AWS account
	@E2E_TARGET=$(TARGET) E2E_CONFIRM=$(CONFIRM) python -m pytest -s tests/end_to_end

nightly: setup  ## follow random lives of a resource for an hour, deploy 200 connectors, play AWS
	HYPOTHESIS_PROFILE=nightly python -m pytest -m "" \
	    tests/handler/test_lifecycle_invariants.py tests/end_to_end/test_many_connectors.py \
	    tests/end_to_end/test_target.py

bench: setup  ## measure the handler beside what people would write or use instead
	@python -m tools.benchmarks

mutants: setup  ## change the handler in a thousand ways and see what no test notices
	@python -m tools.mutants $(MODULES)

cloud: setup  ## serve the local cloud on PORT (default 4566)
	@exec python -m appflow_local_cloud --port $(PORT)

docs: setup  ## build the documentation into build/docs
	@python -m tools.docs

lint: setup  ## check style, types and the workflows
	ruff format --check .
	ruff check .
	mypy
	node_modules/.bin/pyright
	zizmor --offline --quiet .github

format: setup  ## apply the style
	ruff format .
	ruff check --fix .

check: lint test docs  ## everything that has to be green

compatibility: setup  ## test every Python that there is, and the oldest CDK, or the SESSIONS named
	nox $(addprefix -s ,$(SESSIONS))

audit: setup  ## look for known vulnerabilities and check the workflows, on the internet
	nox -s audit actionlint

dist: setup  ## build what is published, into dist
	rm -rf dist
	python -m build --no-isolation

clean:  ## remove everything that setup and builds made
	rm -rf .venv .nox node_modules build dist cdk.out
