# `make` prints this list. The same targets run in CI.
.DEFAULT_GOAL := help
SHELL := bash

GO ?= go
# Tools are built from source, once, and kept by Go's build cache. golangci-lint
# takes minutes, so check makes do with the two that find most.
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
LINT = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# The packages with goroutines of their own; the race detector costs time and
# memory, and finds nothing in the others.
RACE = ./archive/... ./api/... ./command/... ./query/... ./projector/... ./events/log/...
# The tests that start processes: black box, crashes, power cut.
PROCESS = ./cmd/tidemark/...
# The fuzz tests, one after the other.
FUZZTIME ?= 10s

.PHONY: help build check deps vet lint test race process fuzz peers bench bench-quick smoke instructions instructions-update clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/tidemark, static
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/tidemark ./cmd/tidemark

check: deps vet test smoke ## install what the tests need, then gofmt, vet, staticcheck, all tests, the benchmark's smoke

deps: ## install what the tests need (Debian, as root; says what)
	@deploy/install-test-deps.sh

vet: ## gofmt, go vet and staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...

lint: ## golangci-lint, with what .golangci.yml names
	$(LINT) fmt --diff
	$(LINT) run

test: race process ## all tests, with the race detector where goroutines meet
	$(GO) test -timeout 30m $$($(GO) list ./... | grep -v -x -F -f <($(GO) list $(RACE) $(PROCESS)))

race: ## the tests of packages with goroutines of their own, with the race detector
	$(GO) test -race -timeout 30m $(RACE)

# They build the binary themselves, so Go's test cache would not notice that it
# has changed: -count=1 runs them always.
process: ## only the tests that start the built binary; RACE_BINARY=1 builds it with the race detector
	$(if $(RACE_BINARY),BLACKBOX_BUILD_FLAGS=-race) $(GO) test -count=1 -timeout 30m $(PROCESS)

fuzz: ## each fuzz test for FUZZTIME (10s)
	@set -e; for package in $$($(GO) list ./...); do \
	  for name in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$name"; $(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) $$package; \
	  done; \
	done

# A peer that cannot be installed is named in the results; the rest is measured.
peers:
	@bench/install-peers.sh

bench: peers ## all measurements beside the floor and other stores, three quarters of an hour; results in bench/results.json, charts in bench/charts
	cd bench && $(GO) run . run

bench-quick: peers ## the same in a quarter of an hour, with fewer and shorter rounds
	cd bench && $(GO) run . run --quick

# Redis and PostgreSQL take part where they are installed; where not, they are named.
smoke: ## the benchmark in seconds, all of its scenarios; shows that they work, its figures say nothing
	cd bench && $(GO) vet ./... && $(GO) test -timeout 5m ./... && $(GO) run . run --smoke --out=

instructions: ## count the instructions of fixed workloads (valgrind); fails above 3 % more than kept
	cd bench && $(GO) run . instructions

instructions-update: ## count them, and keep the counts in the repository
	cd bench && $(GO) run . instructions --update

clean: ## remove what build made
	rm -rf bin
