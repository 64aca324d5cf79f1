# Everything that people and CI run. `make` alone lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# REPLICAS is the number of server processes of make up.
REPLICAS ?= 1
# ARGS goes to go test, for example: make test ARGS='-run TestCreate ./internal/store/'
ARGS ?= ./...
# LONGEST are the packages whose tests take longest. With all tests they come first, so that none runs alone in the end.
LONGEST := ./test/e2e/ ./test/apps/ ./internal/connector/...
# FUZZTIME is how long make fuzz runs each target, for example 10m.
FUZZTIME ?= 20s
IMAGE ?= scim-operator:latest

# What `make generate` writes.
GENERATED := api/v1alpha1/zz_generated.deepcopy.go api/v1alpha1/applyconfiguration config/crd/bases charts/scim-operator/files docs/kinds

##@ General

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Look at it

.PHONY: demo
demo: ## Run everything on this machine, replay an Okta session and show who can do what. Needs Go and nothing else.
	@go run ./hack/local demo --replicas=$(REPLICAS)

.PHONY: up
up: ## Start the control plane and the operator in the background (REPLICAS=2 for two servers); writes .local/env.
	@go run ./hack/local up --replicas=$(REPLICAS)

.PHONY: status
status: ## Say what make up started.
	@go run ./hack/local status

.PHONY: down
down: ## Stop what make up started.
	@go run ./hack/local down

##@ Build

.PHONY: build
build: ## Build bin/scim-operator and bin/kubectl-scim.
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

.PHONY: image
image: ## Build the container image IMAGE.
	docker build --build-arg VERSION="$$(git describe --tags --always --dirty)" --build-arg REVISION="$$(git rev-parse HEAD)" --tag $(IMAGE) .

.PHONY: reproducible
reproducible: ## Build the operator twice from nothing, in two folders, for each of PLATFORMS (linux/amd64 linux/arm64), and compare. It takes minutes.
	PLATFORMS="$(PLATFORMS)" hack/reproducible.sh

.PHONY: generate
generate: ## Write what follows from the types: deepcopy functions, CRDs, the chart's copies of these and of the admission policies, the pages of kinds, apply configurations.
	hack/generate.sh

.PHONY: bundle
bundle: ## Write bundle/, for the Operator Lifecycle Manager, from config/, and check it with the Operator Framework's validators.
	hack/bundle.sh

##@ Check

.PHONY: test
test: ## Run all tests, against a real API server and real apps; installs or builds what they need.
	@assets="$$(hack/controlplane/assets.sh)"; helm="$$(hack/helm.sh)"; postgres="$$(hack/postgres.sh)"; scimmy="$$(hack/scimmy.sh)"; slapd="$$(hack/slapd.sh)"; \
		prometheus="$$(hack/prometheus.sh)"; \
		export KUBEBUILDER_ASSETS="$$assets" HELM="$$helm" POSTGRES_BIN="$$postgres" SCIMMY_DIR="$$scimmy" SLAPD_BIN="$$slapd" PROMETHEUS_BIN="$$prometheus"; set -x; \
		go test -timeout=40m $(if $(filter-out ./...,$(ARGS)),,$(LONGEST)) $(ARGS)

.PHONY: e2e
e2e: ## Install IMAGE (after IMAGE_BEFORE by CHART_BEFORE, if given) into the cluster of KUBECONFIG, which nobody uses, and replace and kill its pods while Okta pushes.
	@helm="$$(hack/helm.sh)"; export HELM="$$helm" E2E_IMAGE="$(IMAGE)" E2E_IMAGE_BEFORE="$(IMAGE_BEFORE)" E2E_CHART_BEFORE="$(CHART_BEFORE)"; set -x; \
		go test -tags=e2e -count=1 -timeout=60m -v -run TestCluster ./test/cluster/

.PHONY: chaos
chaos: ## Break each flow in one of STEP (40) ways, race requests, record HISTORIES (100), and break the operator itself to see all that fail. FULL=1 for all; SHARDS=2 at a time; FLOW=... and FAULT=... for some.
	@assets="$$(hack/controlplane/assets.sh)"; postgres="$$(hack/postgres.sh)"; export KUBEBUILDER_ASSETS="$$assets" POSTGRES_BIN="$$postgres" CHAOS=1 FULL="$(FULL)" STEP="$(STEP)" FLOW="$(FLOW)" FAULT="$(FAULT)" SHARDS="$(SHARDS)" HISTORIES="$(HISTORIES)"; set -x; \
		go test -count=1 -timeout=600m -v $(filter-out ./...,$(ARGS)) ./test/chaos/

MINUTES ?= 60

.PHONY: soak
soak: ## Live through MINUTES (60) of everything at once with few faults, and see that no process needs more at the end than at the beginning.
	@assets="$$(hack/controlplane/assets.sh)"; postgres="$$(hack/postgres.sh)"; export KUBEBUILDER_ASSETS="$$assets" POSTGRES_BIN="$$postgres" CHAOS=1 MINUTES="$(MINUTES)"; set -x; \
		go test -count=1 -timeout=$$(($(MINUTES) + 30))m -v -run 'TestSoak$$' ./test/chaos/

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s).
	FUZZTIME=$(FUZZTIME) hack/fuzz.sh

.PHONY: verify
verify: ## Check that generated files and modules are fresh, and lint.
	hack/verify.sh $(GENERATED)

.PHONY: bench
bench: ## Run the benchmarks, each beside what it is to be compared with.
	@assets="$$(hack/controlplane/assets.sh)"; postgres="$$(hack/postgres.sh)"; scimmy="$$(hack/scimmy.sh)"; slapd="$$(hack/slapd.sh)"; \
		export KUBEBUILDER_ASSETS="$$assets" POSTGRES_BIN="$$postgres" SCIMMY_DIR="$$scimmy" SLAPD_BIN="$$slapd"; set -x; \
		go test -timeout=180m -run '^$$' -bench . -benchmem $(ARGS)

.PHONY: figures
figures: ## Measure the SCIM server beside the API server, with 1,000 and 20,000 users (BENCH_LARGE=1: 100,000 too), and write the figures into docs.
	hack/figures.sh

.PHONY: scale
scale: ## Run the test with a group of 20,000 members.
	@assets="$$(hack/controlplane/assets.sh)"; export KUBEBUILDER_ASSETS="$$assets"; set -x; \
		SCALE=1 go test -count=1 -timeout=30m -run TestLargeGroup -v ./test/e2e/

.PHONY: clean
clean: down ## Stop what runs and remove what was built here.
	rm -rf bin .local
