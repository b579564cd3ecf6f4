# Two commands: `make chat` opens the window on a working model, `make test` runs the whole test suite.
# Each does its own set-up first (bootstrap.py) and starts at once when nothing changed.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help chat terminal doctor test test-all test-cpus lint bench screenshots translations chat-model format clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

chat:  ## open the window
	@$(PYTHON) bootstrap.py chat --display && exec $(BIN)/chatbelle

terminal:  ## chat in the terminal
	@$(PYTHON) bootstrap.py chat && exec $(BIN)/belle chat

doctor:  ## look whether everything works on this machine
	@$(PYTHON) bootstrap.py chat && exec $(BIN)/belle doctor

test: lint  ## linter, type checker and every test but the long ones
	@$(BIN)/python -m pytest -n 3 --dist loadfile

test-all: lint  ## the long tests too; installs torch, transformers, peft and GPTQModel to compare with
	@$(PYTHON) bootstrap.py all
	@HYPOTHESIS_PROFILE=new $(BIN)/python -m pytest -n 3 --dist loadfile -m ""

test-cpus: .dev  ## what computes, tested as on other processors: fewer instruction sets, one thread, one core
	@$(BIN)/python -m tests.processors

lint: .dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

bench: .dev  ## measure, print one table, write build/bench.json
	@$(BIN)/python -m tests.bench

screenshots: .dev  ## make the pictures of the README anew
	@$(BIN)/python -m tests.screenshots

translations: .dev  ## extract and compile the window's texts
	@$(BIN)/python -m desktop.i18n.update

chat-model: .dev  ## train the project's own small chat model from its own text (under half an hour on two cores)
	@$(BIN)/python train/chat/make_text.py build/chat/text
	@$(BIN)/belle train train/chat/chat.yaml
	@$(BIN)/belle convert build/chat/model/final -o build/chat/chat-f16.gguf

format: .dev  ## let ruff format and mend the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:  ## remove what was made here; pip's wheel cache stays
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: .dev
.dev:
	@$(PYTHON) bootstrap.py dev
