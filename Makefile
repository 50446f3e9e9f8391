# `make demo` and `make test` need Python 3.10 or newer, git and make; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: fuzz guided kills demo test quick lint docs samples pictures soak-recordings soak-server soak-archive clean

demo: $(VENV)/.core
	$(BIN)/thermend enhance samples --out demo --compare --overwrite
	@echo "Before/after pictures: $(CURDIR)/demo/*.compare.png"

test: $(VENV)/.dev
	$(BIN)/python -m pytest

quick: $(VENV)/.dev ## the fast half of the tests, in a minute
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests samples benchmarks docs recipes fuzz
	$(BIN)/ruff format --check src tests samples benchmarks docs recipes fuzz
	$(BIN)/mypy

samples: $(VENV)/.core ## draw the sample images again
	$(BIN)/python samples/draw.py

pictures: $(VENV)/.dev ## draw the pictures of README and docs again
	$(BIN)/python docs/pictures.py

soak-recordings: $(VENV)/.dev ## long recordings: speed and memory, into docs/recordings.md
	cd benchmarks && ../$(BIN)/python recordings.py --soak --methods classical.chain deal ppfn dual-decoder hidra --page ../docs/recordings.md

MINUTES ?= 1
KILLS ?= 20
kills: $(VENV)/.dev ## the command killed at random moments, into docs/robustness.json
	cd fuzz && ../$(BIN)/python kills.py --kills $(KILLS) --record ../docs/robustness.json --page ../docs/robustness.md

fuzz: $(VENV)/.dev ## spoiled files through every reader and loader, into docs/robustness.json
	cd fuzz && ../$(BIN)/python run.py --minutes $(MINUTES) --record ../docs/robustness.json --page ../docs/robustness.md

guided: $(VENV)/.dev ## the same, guided by coverage (Atheris), into docs/robustness.json
	$(PIP) --editable '.[fuzz]'
	cd fuzz && ../$(BIN)/python guided.py --minutes $(MINUTES) --record ../docs/robustness.json --page ../docs/robustness.md

soak-server: $(VENV)/.dev ## a thousand uploads from fifty clients, into docs/server.md
	$(BIN)/python benchmarks/server.py --page docs/server.md

soak-archive: $(VENV)/.dev ## archives: fifty kills, 500 images, 100,000 files, into docs/archives.md
	cd fuzz && ../$(BIN)/python archive.py --kills 50 --record ../docs/robustness.json --page ../docs/robustness.md
	$(BIN)/python benchmarks/archive.py speed --record docs/archives.json
	$(BIN)/python benchmarks/archive.py small --record docs/archives.json
	$(BIN)/python benchmarks/archive.py page --record docs/archives.json --page docs/archives.md

$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("thermend needs Python 3.10 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 10) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) --editable '.[dev,train,hidra]' --editable ./packages/thermend-weights
	touch $@

docs: $(VENV)/.docs ## the site, into site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The site: $(CURDIR)/site/index.html"

$(VENV)/.docs: $(VENV)/.dev
	$(PIP) --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) demo site
