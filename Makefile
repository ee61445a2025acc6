# Every target sets up what it needs. PYTHON names the interpreter, 3.10 or newer.
PYTHON ?= python3
PORT ?= 4566

export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help quick setup demo test e2e nightly bench mutants cloud docs lint format check compatibility audit dist clean

help:  ## list the targets
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

quick: setup  ## run the fast tests of the construct and the handler, in under a minute
	python -m pytest -n 3 -m "not slow and not nightly" tests/contract tests/handler tests/synth/test_validation.py

setup:  ## install everything into this folder
	@$(PYTHON) tools/setup.py

demo: setup  ## watch cdk deploy register a connector and move its registration
	@python -m tools.demo

# Four processes on any machine, since most tests wait for programs that they have started.
test: setup  ## run all tests
	python -m pytest -n 4 --maxschedchunk 1 --cov=connector_registration --cov-branch --cov-fail-under=100

e2e: setup  ## run the end-to-end tests on the local cloud, or with TARGET=aws in an AWS account
	@E2E_TARGET=$(TARGET) E2E_CONFIRM=$(CONFIRM) python -m pytest -s tests/end_to_end

nightly: setup  ## run the tests that take an hour: random lifecycles, all faults, 200 connectors
	HYPOTHESIS_PROFILE=nightly python -m pytest -m "" \
	    tests/handler/test_random_lives.py tests/handler/test_faults.py \
	    tests/end_to_end/test_many_connectors.py tests/end_to_end/test_target.py

bench: setup  ## measure the handler and the construct beside their alternatives
	@python -m tools.benchmarks

mutants: setup  ## change the handler in a thousand ways and list the changes that no test notices
	@python -m tools.mutants $(MODULES)

cloud: setup  ## serve the local cloud on PORT (default 4566)
	@exec python -m appflow_local_cloud --port $(PORT)

docs: setup  ## build the documentation into build/docs
	@python -m tools.docs

lint: setup  ## check style, types and workflows
	ruff format --check .
	ruff check .
	mypy
	node_modules/.bin/pyright
	zizmor --offline --quiet .github

format: setup  ## apply the style
	ruff format .
	ruff check --fix .

check: lint test docs  ## run everything that CI runs

compatibility: setup  ## test each installed Python and the oldest CDK, or the named SESSIONS
	nox $(addprefix -s ,$(SESSIONS))

audit: setup  ## look for known vulnerabilities and check the workflows, on the internet
	nox -s audit actionlint

dist: setup  ## build the published packages into dist
	rm -rf dist
	python -m build --no-isolation

clean:  ## remove what set-up and builds have made
	rm -rf .venv .nox node_modules build dist cdk.out
