# make reproduce: environment, pipeline, tables, proof.   make test: the tests.   make help: the rest.
# PYTHON=/path/to/python3.12 names the interpreter (3.11-3.13) that the environment is made from.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help reproduce test lint format experiments gate docs env lock bench-curves bench-features bench-mae bench-segmentation torture clean

export PYTHON
# dvc's stages call `python` and `phenoprot`: those of the environment
IN_ENV := PATH="$(CURDIR)/.venv/bin:$$PATH" PYTHONHASHSEED=0

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

reproduce: env ## build the environment, run the pipeline, print the tables, compare them with git's
	@$(IN_ENV) dvc repro
	@$(IN_ENV) phenoprot tables
	@printf 'page to pass on: %s\n' reports/*.html
	@$(IN_ENV) phenoprot verify

test: env ## run the tests on two workers (ARGS=... goes to pytest)
	@$(IN_ENV) pytest -n 2 --dist worksteal --durations=15 --durations-min=5 $(ARGS)

lint: env ## ruff and mypy
	@$(IN_ENV) ruff check .
	@$(IN_ENV) ruff format --check .
	@$(IN_ENV) mypy

format: env ## let ruff sort, fix and format; params.yaml in the layout of DVC
	@$(IN_ENV) ruff check --fix .
	@$(IN_ENV) ruff format .
	@$(IN_ENV) python scripts/params_layout.py

experiments: env ## dvc's experiments: what was varied, and what of the headline changed
	@$(IN_ENV) dvc exp show --only-changed --drop '.*/|params\.yaml|stages'

gate: env ## are dvc.lock and the metrics in git in step with code, data and parameters?
	@$(IN_ENV) python scripts/gate.py

docs: env ## write dvc.yaml and the generated parts of README.md, CONTRIBUTING.md and docs/
	@$(IN_ENV) phenoprot pipeline write
	@$(IN_ENV) python -m phenoprot.pipeline.parameters
	@$(IN_ENV) python -m phenoprot.validation.docs
	@$(IN_ENV) python -m phenoprot.pipeline.docs
	@$(IN_ENV) python scripts/readme_table.py

env: ## .venv from requirements.lock; nothing to do when nothing changed
	@scripts/bootstrap.sh

lock: ## write requirements.lock from pyproject.toml, by uv (ARGS=--upgrade for new versions)
	@command -v uv >/dev/null || { echo "phenoprot: make lock needs uv: pip install uv" >&2; exit 1; }
	@uv pip compile pyproject.toml --extra dev --extra ray --universal --python-version 3.11 --generate-hashes \
	    --no-config --no-emit-index-url --no-annotate --no-header --quiet \
	    --output-file requirements.lock $(ARGS)

bench-curves: env ## time the curve engine
	@$(IN_ENV) python benchmarks/curves/bench_curves.py

bench-features: env ## time the CellProfiler features
	@$(IN_ENV) python benchmarks/features/bench_features.py

bench-mae: env ## time a training step of the masked autoencoder, and Hugging Face's (ARGS='--preset poster')
	@$(IN_ENV) python benchmarks/mae/bench_mae.py savings $(ARGS)
	@$(IN_ENV) python benchmarks/mae/bench_mae.py rival $(ARGS)

bench-segmentation: env ## nuclei on images from elsewhere (downloads mnfinder), the phantom and CPJUMP1
	@$(IN_ENV) python benchmarks/segmentation/run.py $(ARGS)

torture: env ## damaged inputs, random kills, full disks; writes docs/reliability.md (ARGS='--seed 1')
	@$(IN_ENV) python benchmarks/torture/run.py $(ARGS)

clean: ## remove the environment, the work folder and caches (not dvc's)
	rm -rf .venv .phenoprot .pytest_cache .mypy_cache .ruff_cache .hypothesis build src/*.egg-info
	find src stages scripts tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
