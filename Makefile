# Prerequisites: Go 1.26, and for the tests of the web UI Chromium. `make run` and
# `make test` install what else they need, as root on Debian or Ubuntu: the Docker
# engine, PostgreSQL, redis-server and Chromium from the distribution's packages.

SHELL   := /bin/bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
N       ?= 10000
T       ?= 30s
export CGO_ENABLED ?= 0

.PHONY: help run dev build test test-short race sim mutants e2e fuzz bench lint cover clean

help: ## list the verbs
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## ?/\t/' | expand -t 14

run: build ## build all and run Pacer with examples/hello on this machine's Docker
	@scripts/run.sh

dev: build ## run a whole platform here, on SQLite
	bin/pacer dev

build: ## bin/pacer, static, with the web UI inside
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/pacer ./cmd/pacer

test: lint ## every test; installs or starts what it needs
	go test -p 1 -timeout 20m ./...

test-short: lint ## the tests that need neither Docker nor a browser
	go test -short -timeout 5m $(shell go list ./... | grep -vE '/(e2e|testbed|docker|ui|examples)(/|$$)')

race: ## the same with the race detector
	CGO_ENABLED=1 go test -race -short -timeout 15m $(shell go list ./... | grep -vE '/(e2e|testbed|docker|ui|examples)(/|$$)')

sim: ## live N=10000 simulated histories; SEED=… lives one
	@go test ./sim -run '^TestHistories$$' -count=1 -v -timeout 6h $(if $(SEED),-seed=$(SEED),-seeds=$(N)) | grep -v '^=== ' | grep -vE '^(PASS|ok)'; exit $${PIPESTATUS[0]}

mutants: ## plant faults in the core, one at a time, and see which test finds each
	go run ./sim/mutants

e2e: ## the binary on real Docker engines, PostgreSQL and NATS
	go test -count=1 -v -timeout 20m ./e2e

fuzz: ## each fuzz target for T=30s
	@go list ./... | while read pkg; do \
	  go test -list '^Fuzz' $$pkg | grep '^Fuzz' | while read f; do \
	    echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(T) $$pkg || exit 1; done || exit 1; done

bench: build ## the tables of the README, side by side with the raw engine
	go run ./bench

lint: ## gofmt, go vet
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	go vet ./...

cover: ## where the tests have not been
	go test -short -coverprofile=bin/cover.out ./... && go tool cover -func=bin/cover.out | tail -1

clean: ## remove what was built
	rm -rf bin
