# rcgc: make demo, make test. `make help` lists the targets.
#
# demo and test work as the first command on a new machine with Rust, gcc and make: scripts/need installs
# what else they need (Debian and relatives) or names it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
DESTDIR ?=
export PREFIX DESTDIR
CC ?= cc
CFLAGS ?= -O2 -g
DEMO := build/demo
WARNINGS := -std=c11 -Wall -Wextra -Wpedantic

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

demo: $(DEMO)/cargo_graph ## the crates this project is built from, as objects in rings
	cargo metadata --format-version 1 | $(DEMO)/cargo_graph

test: ## all tests; the last line is "N passed, N failed"
	@scripts/need $(TEST_NEEDS)
	@scripts/test

test-full: ## all tests, with the slow sweeps
	@scripts/need $(TEST_NEEDS) clang-22 tcc abidiff libglib2.0-dev libjansson-dev python3-dev
	@scripts/test --full

bench: lib ## the benchmarks, beside malloc and mimalloc; writes the tables of README and docs with UPDATE=1
	@benches/run $(if $(UPDATE),--update-readme)

bench-peers: ## beside other engines, under an hour; into docs/benchmarks with UPDATE=1
	@benches/peers/run $(if $(UPDATE),--update-docs)

port-quickjs: build/lib/librcgc.a ## QuickJS-ng moved onto rcgc, as build/ports/qjs, and the original beside it
	@scripts/need cargo cc python3
	@ports/quickjs/build

port-jrsonnet: ## jrsonnet on rcgc, as build/ports/jrsonnet-port, and the original beside it
	@scripts/need cargo cc python3
	@ports/jrsonnet/build

test-ports: port-quickjs port-jrsonnet tool ## the tests of QuickJS and jrsonnet on rcgc, beside the originals
	@scripts/need python3 valgrind
	@ports/quickjs/tests/run
	@ports/jrsonnet/tests/run --crates

bench-ports: port-quickjs port-jrsonnet ## both ports beside the originals, time and memory; into docs/ports.md with UPDATE=1
	@ports/quickjs/bench/run $(if $(UPDATE),--update-docs)
	@ports/jrsonnet/bench/run $(if $(UPDATE),--update-docs)

build/lib/librcgc.a:
	@$(MAKE) lib

lib: ## librcgc.a and librcgc.so in build/lib
	@scripts/need cargo cc ld ar objcopy readelf
	scripts/build-libs build/lib

tool: ## the rcgc tool, which reads dumps, as build/rcgc
	@scripts/need cargo cc
	cargo build --profile tool -p librcgc-tool --target-dir build/cargo
	@cp build/cargo/tool/rcgc build/rcgc

install: ## headers, libraries, the tool, CMake package, rcgc.pc into DESTDIR and PREFIX (/usr/local)
	@scripts/need cc cmake
	@scripts/install

headers: ## rewrites include/rcgc/<area>.h and cmake/rcgc.symbols from src/capi/<area>.rs
	@scripts/need cargo cc
	cargo run --quiet -p librcgc-headers

readme: ## puts examples/quickstart.c into README.md
	@scripts/readme

tool-manual: ## puts what their examples give into docs/tool.md and docs/tutorial-leaks.md
	@c-tests/tool/run.py --write-manual

misuse-table: ## writes docs/misuse.md, what each function gives for each kind of wrong argument
	@scripts/misuse-table

TEST_NEEDS := cargo cc c++ ld ar objcopy readelf python3 cmake ctest pkg-config valgrind

$(DEMO)/cargo_graph: examples/cargo_graph.c lib | $(DEMO)
	$(CC) $(WARNINGS) $(CFLAGS) -Iinclude $< build/lib/librcgc.a -o $@

$(DEMO):
	@mkdir -p $@

.PHONY: help demo test test-full bench bench-peers port-quickjs port-jrsonnet test-ports bench-ports lib tool install headers readme tool-manual misuse-table
