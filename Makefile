# The verbs of those who develop; users need none of them (README.md).
.PHONY: setup lint test quickstart clean

setup:
	./setup.sh --test

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	PATH="$(CURDIR)/.venv/bin:$$PATH" pyright
	.venv/bin/lint-imports

test:
	bash tests/run.sh

quickstart:
	bash exp_scripts/quickstart.sh

# Caches alone; results, data and .venv stay.
clean:
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info .coverage*
	find . -name __pycache__ -not -path "./.venv/*" -prune -exec rm -rf {} +
