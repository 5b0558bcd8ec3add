# Two commands on a fresh machine with Python 3.11 and make: `make demo [CLIP=path]` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test fuzz lanes check docs format clean

$(STAMP): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	# Its own list of dependencies names the other OpenCV; without it one parity test is skipped.
	-$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps trackeval tabulate
	touch $@

# Without CLIP: the clip of two people that the package sports2d ships, 9 MB from the package index (BSD 3-Clause; the
# credit lies beside it). Without a network: one made of the portrait that matplotlib ships. Results go to demo/.
CLIP ?=
demo: $(STAMP)
	mkdir -p demo
ifeq ($(CLIP),)
	$(BIN)/videopose demo -o demo || \
		{ $(BIN)/python tests/demo_clip.py demo/made.mp4 && $(BIN)/videopose demo -o demo --clip demo/made.mp4; }
else
	$(BIN)/videopose demo -o demo --clip $(CLIP)
endif

test: $(STAMP)
	# Two runs side by side, each with one thread: two cores are then busy all the time.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "" -rs tests/unit & unit=$$!; \
		OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "" -rs tests --ignore=tests/unit; rest=$$?; \
		wait $$unit && exit $$rest
	$(BIN)/python -m pytest --doctest-modules videopose

# Damaged inputs of every kind and killed runs, some minutes; docs/reliability.md holds the figures.
fuzz: $(STAMP)
	$(BIN)/python tests/fuzz/fuzz.py
	$(BIN)/python tests/fuzz/kills.py

# The wheel in fresh environments of Python 3.11 to 3.14, as far as they are here; needs the package index.
lanes: $(STAMP)
	$(BIN)/python tests/install_lanes.py

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/site/build.py

# The site of the documentation, into build/docs/site; fails on a link that leads nowhere.
docs: $(STAMP)
	$(BIN)/python docs/site/build.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info demo
