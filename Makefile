# Everything a person or CI does with the project. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TRAIN_VENV := .venv-train
TRAIN := $(TRAIN_VENV)/bin/python
WEIGHTS ?= yolo11n.pt
SEED ?= 0
# Of further twins, whose accuracy is quoted beside that of SEED's, such as 1 2.
OTHER_SEEDS ?=
MINUTES ?= 10
OPENCV := $(shell $(PYTHON) tools/opencv_kind.py)
VENV_FLAGS := $(if $(filter system,$(OPENCV)),--system-site-packages)
EXTRA := $(if $(filter-out system,$(OPENCV)),[$(OPENCV)])

export YOLO_OFFLINE ?= true
export YOLO_AUTOINSTALL := false

.NOTPARALLEL:
.PHONY: help venv demo test test-live soak lint check format bench venv-train test-train models teacher classifier detector clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

venv: $(VENV)/.edge ## install the light edge dependencies into .venv

$(VENV)/.edge: setup.cfg pyproject.toml tools/opencv_kind.py
	$(PYTHON) -m venv $(VENV_FLAGS) $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.$(EXTRA)'
	@touch $@

$(VENV)/.dev: $(VENV)/.edge setup.cfg
	$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[dev,web,mqtt,metrics]'
	@touch $@

demo: $(VENV)/.edge ## read the bundled drive: out/demo.mp4 and out/demo.jsonl
	@mkdir -p out
	$(BIN)/python -m edge.run --source demo: -o out/demo.mp4 --events out/demo.jsonl

test: $(VENV)/.dev ## the default test suite
	$(BIN)/python -m pytest -m "not train and not live"

test-live: $(VENV)/.dev ## tests with real servers and a real browser, installed from Debian's packages
	tools/live_setup.sh
	$(BIN)/python -m pytest -m live tests/live

soak: $(VENV)/.dev ## the app on a stream that drops out every 20 s, for MINUTES=10; fails if it leaks
	tools/live_setup.sh
	$(BIN)/python -m tests.live.soak --minutes $(MINUTES)

lint: $(VENV)/.dev ## format, lint and types, nothing changed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test ## format, lint, types, tests

format: $(VENV)/.dev ## put the code into the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.edge ## what each stage costs on this machine
	$(BIN)/python -m edge.bench

venv-train: $(TRAIN_VENV)/.train ## install what training and calibration need (about 4.5 GB)

# PyTorch first and by name: a later package would otherwise bring a build for CUDA along.
$(TRAIN_VENV)/.train: setup.cfg tools/train_requirements.txt
	$(PYTHON) -m venv $(TRAIN_VENV)
	$(TRAIN) -m pip install -qq --disable-pip-version-check torch==2.13.0
	$(TRAIN) -m pip install -qq --disable-pip-version-check --no-deps torchvision==0.28.0
	# A registry whose torchvision is built for CUDA only may need a script of its own here.
	@if [ -n "$$TORCHVISION_FIX" ]; then $(TRAIN) "$$TORCHVISION_FIX"; fi
	$(TRAIN) -m pip install -qq --disable-pip-version-check -r tools/train_requirements.txt
	$(TRAIN) -m pip uninstall -q -y opencv-python opencv-python-headless
	$(TRAIN) -m pip install -qq --disable-pip-version-check opencv-python-headless
	@touch $@

test-train: $(TRAIN_VENV)/.train ## smoke tests of training and calibration
	$(TRAIN) -m pytest -m train --disable-warnings tests/test_train_*.py

models: classifier detector ## train and publish both models from the data

# The same Keras net on PyTorch, which trains it about twice as fast on a processor with bf16. The
# shipped net learns from all signs; its twin, which holds some out, is what its figures are of.
TRAIN_CLASSIFIER := KERAS_BACKEND=torch $(TRAIN) -m training.classifier
# Each imitates two teachers that know what it may know.
TEACHER := --architecture residual --epochs 15
STUDENT := --epochs 32
FURTHER := $(filter-out $(SEED),$(OTHER_SEEDS))
TWIN_TEACHERS := --teachers runs/teacher-train-10,runs/teacher-train-11
teacher: $(TRAIN_VENV)/.train ## train the larger nets that the classifier imitates
	for parts in train all; do for seed in 10 11; do \
	  $(TRAIN_CLASSIFIER) $(TEACHER) --seed $$seed --parts $$parts \
	    --run runs/teacher-$$parts-$$seed || exit 1; done; done

classifier: teacher ## train and publish the classifier and its held-out twin
	$(TRAIN_CLASSIFIER) $(STUDENT) --seed $(SEED) $(TWIN_TEACHERS) --run runs/twin
	$(TRAIN_CLASSIFIER) $(STUDENT) --seed $(SEED) --parts all \
	  --teachers runs/teacher-all-10,runs/teacher-all-11 --run runs/classifier
	for seed in $(FURTHER); do $(TRAIN_CLASSIFIER) $(STUDENT) --seed $$seed $(TWIN_TEACHERS) \
	  --run runs/twin-$$seed || exit 1; done
	$(TRAIN) -m calibration.publish classifier --run runs/twin --name classifier-twin \
	  $(if $(FURTHER),--seeds $(FURTHER:%=runs/twin-%))
	$(TRAIN) -m calibration.publish classifier --run runs/classifier --twin classifier-twin
	if [ -f models/detector.json ]; then \
	  $(TRAIN) -m calibration.publish pair && $(TRAIN) -m calibration.golden; fi

detector: $(TRAIN_VENV)/.train ## train the detector, publish its three sizes; WEIGHTS=FILE.pt to start from
	YOLO_OFFLINE=false $(TRAIN) -m training.detector --seed $(SEED) --weights $(WEIGHTS) --run runs/detector
	@# One that loses too much as int8 is refused and stays as it was; the others are published.
	@refused=; for each in detector:1152x640 detector-fast:672x384 detector-accurate:1408x800; do \
	  $(TRAIN) -m calibration.publish detector --run runs/detector --name $${each%:*} \
	    --size $${each#*:} || refused="$$refused $${each%:*}"; done; \
	$(TRAIN) -m calibration.golden && \
	if [ -n "$$refused" ]; then echo "not published:$$refused"; exit 4; fi

clean: ## remove what was built; runs/ and data/ stay
	rm -rf out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
