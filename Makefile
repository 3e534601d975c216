# BitWake: verbs only. Each one sets up what it needs first; a second call finds it done.
# Every verb exists without make too: .venv/bin/python -m kit <verb> --help

BOARD  ?= netduino2plus
MODEL  ?= scenes-wake
INPUTS ?= 200
JOBS   ?= 2
PYTHON ?=
ARGS   ?=

# Another project's settings would put its packages before ours, or keep Python from starting.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH
# The first that runs: a name on PATH may be the shim of a version that is not there.
STARTER := $(shell unset PYTHONPATH PYTHONHOME; \
             for p in python3 python3.12 python3.11 python3.10 "$(PYTHON)"; \
             do "$$p" -c "" 2>/dev/null && command -v "$$p" && break; done)
ifeq ($(STARTER),)
BOOT := echo "no python3 on PATH runs; do: sudo apt-get install python3 python3-venv" >&2; exit 2;
else
BOOT := "$(STARTER)" kit/setup/bootstrap.py --python "$(PYTHON)"
endif
SMALL := $(BOOT) small
FULL  := $(BOOT) full
UV    := uv pip compile pyproject.toml --quiet --upgrade --universal --fork-strategy fewest \
         --python-version 3.10 --no-annotate --no-header
KIT   := .venv/bin/python -m kit
comma := ,
# What building for BOARD takes besides Python.
TOOLS := $(if $(filter host,$(BOARD)),host-gcc,arm$(comma)qemu)
need   = $(if $($(1)),,$(error $(2)))

.DEFAULT_GOAL := help
.SILENT:
.PHONY: help demo test train convert flash monitor bench kernels validate report sheet supported boards \
        results data lint format lock ci clean distclean

help: ## this list
	sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'
	echo "Settings: BOARD=$(BOARD) MODEL=$(MODEL) RECIPE= DATA= RUN= PYTHON= ARGS='further flags of the verb'"

demo: ## the shipped models on the emulated board; pictures and figures to runs/demo
	$(SMALL) --need arm,qemu && $(KIT) demo $(ARGS)
test: ## all tests; ARGS='-k planner' runs some, JOBS=1 one at a time
	$(FULL) --need arm,qemu,host-gcc && .venv/bin/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)
train: ## RECIPE=… DATA=… trains a model into a run folder
	$(call need,RECIPE,make train needs RECIPE=name; DATA=name replaces the recipe's own data)
	$(FULL) && $(KIT) train --recipe "$(RECIPE)" $(if $(DATA),--data "$(DATA)") $(ARGS)
convert: ## RUN=runs/… turns a run into a checked model.tflite
	$(call need,RUN,make convert needs RUN=folder of a training run)
	$(FULL) && $(KIT) convert --run "$(RUN)" $(ARGS)
flash: ## BOARD=… MODEL=… builds the firmware, prints RAM and flash, uploads
	$(SMALL) --need $(TOOLS) && $(KIT) flash --board "$(BOARD)" --model "$(MODEL)" $(ARGS)
monitor: ## BOARD=… shows the board's serial log
	$(SMALL) --need $(TOOLS) && $(KIT) monitor --board "$(BOARD)" $(ARGS)
bench: ## BOARD=… MODEL=… measures every layer on the board
	$(SMALL) --need $(TOOLS) && $(KIT) bench --board "$(BOARD)" --model "$(MODEL)" $(ARGS)
kernels: ## BOARD=… measures single kernels and compares their answers bit for bit
	$(SMALL) --need $(TOOLS) && $(KIT) kernels --board "$(BOARD)" $(ARGS)
validate: ## BOARD=… MODEL=… INPUTS=200 compares the board bit for bit with the converter's interpreter
	$(FULL) --need $(TOOLS) && $(KIT) validate --board "$(BOARD)" --model "$(MODEL)" --inputs "$(INPUTS)" $(ARGS)
report: ## accuracy against on-device cost, as pictures
	$(SMALL) && $(KIT) report $(ARGS)
results: ## runs what is missing of the experiments behind docs/results.md; ARGS='--only a'
	$(FULL) --need arm,qemu && $(KIT) results $(ARGS)
sheet: ## DATA=… a contact sheet of a data set, to look at
	$(FULL) && $(KIT) sheet $(if $(DATA),--data "$(DATA)") $(ARGS)
data: ## DATA=… downloads and verifies a data set, or says which files to put where
	$(FULL) && $(KIT) data $(if $(DATA),--data "$(DATA)") $(ARGS)
supported: ## the operators that compile, with their rules
	$(SMALL) && $(KIT) supported $(ARGS)
boards: ## the boards, with memory, emulator and camera
	$(SMALL) && $(KIT) boards $(ARGS)

lint: ## format, types and rules of the house
	$(FULL) --need lint && .venv/bin/python -m kit.setup.lint
format: ## formats Python and C in place
	$(FULL) && .venv/bin/python -m kit.setup.lint --fix
lock: ## makes the two lock files anew from pyproject.toml (needs uv on PATH)
	command -v uv >/dev/null || { echo "make lock needs uv; do: pip install uv" >&2; exit 2; }
	$(UV) --extra train --extra check -o requirements-full.lock
	$(UV) -c requirements-full.lock -o requirements-small.lock
ci: ## what the continuous integration runs
	.ci/run
clean: ## removes what builds, tests and the demo wrote; keeps training runs and .venv
	-ls build/*/running.json 2>/dev/null | cut -d / -f 2 | xargs -I {} $(KIT) flash --stop --board {}
	rm -rf build runs/demo .pio .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
distclean: clean ## clean, and removes .venv and PlatformIO's folder
	rm -rf .venv .platformio
