# Every command a person types. `make` alone prints them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCAL := HTTPS_ONLY=false ALLOWED_HOSTS=127.0.0.1,localhost
PORT ?= 8000
# Of the tests, which wait a good deal; each takes two gigabytes.
WORKERS ?= 3

.PHONY: help setup demo run test lint fix types contracts check migrations texts benchmark screenshots clean

help:  ## print this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(VENV)/.ready  ## make the environment in .venv; quick when nothing changed

$(VENV)/.ready: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

demo: setup  ## a clinic with real mammograms at http://127.0.0.1:8000; CHECK=1 asserts it and ends
	$(LOCAL) MFA_REQUIRED=false $(BIN)/python manage.py demo --port $(PORT) $(if $(CHECK),--check)

run: setup  ## the empty application on this machine: database, worker and web server
	$(LOCAL) $(BIN)/python manage.py serve --port $(PORT)

test: setup  ## all tests, on a real database and a real worker
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: setup  ## style and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

fix: setup  ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: setup  ## static types
	$(BIN)/mypy

check: setup  ## Django's checks on production's settings, and that migrations are complete
	ALLOWED_HOSTS=mammotrack.example.org \
	    $(BIN)/python -m mammotrack.embedded $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python -m mammotrack.embedded $(BIN)/python manage.py makemigrations --check --dry-run

migrations: setup  ## write migrations for changed models
	$(BIN)/python -m mammotrack.embedded $(BIN)/python manage.py makemigrations

texts: setup  ## gather what pages say into locale/, and compile it
	$(BIN)/python -m mammotrack.catalogue

benchmark: setup  ## how the comparison does beside the paper's, on the research images
	$(BIN)/python -m benchmarks.comparison

screenshots: setup  ## the pictures in docs/screenshots; takes a quarter of an hour
	$(BIN)/python docs/screenshots/take.py

clean:  ## remove the demo's data; the environment stays
	rm -rf var
