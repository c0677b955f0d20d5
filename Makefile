GO    ?= go
TOOL  := $(GO) tool -modfile=.ci/tools.mod
FUZZ  ?= 500000x
GROWTH ?= 100,1000,10000
GROWTH_SITES ?= 1000x20,3000x20,10000x20,3000x1,3000x5

.PHONY: test check cover fuzz bench growth growth-sites simulate docs dist release

test:
	$(GO) test ./...

check:
	test -z "$$($(TOOL) gofumpt -l cmd internal pkg)" || { $(TOOL) gofumpt -d cmd internal pkg; exit 1; }
	$(GO) vet ./...
	$(TOOL) golangci-lint run ./...
	$(GO) mod tidy -diff
	$(GO) test ./...
	$(GO) test -race -gcflags='modernc.org/sqlite/lib=-race=false' ./...

cover:
	.ci/cover

fuzz:
	FUZZ=$(FUZZ) .ci/fuzz

# One processor: so the order of what happens at the same time, and with it a seed, repeats.
simulate:
	SEED=$(or $(SEED),1) SEEDS=$(or $(SEEDS),200) PHONES=$(or $(PHONES),30) $(GO) test -count=1 -cpu 1 -timeout 24h -run 'TestSimulate(Others)?$$' -v ./pkg/rollout
	SEED=$(or $(SEED),1) SEEDS=$(or $(SEEDS),1000) PHONES=$(or $(PHONES),12) $(GO) test -count=1 -cpu 1 -timeout 24h -run 'TestSimulateSites$$' -v ./pkg/rollout

bench:
	$(GO) test -run '^$$' -bench . -benchtime 20x ./cmd/cpupdate ./pkg/transfer ./pkg/transfer/serve

# Rollouts to more and more phones: prints a table, and draws docs/growth.svg.
growth:
	GROWTH=$(GROWTH) $(GO) test -count=1 -timeout 24h -run 'TestGrowth$$' -v ./cmd/cpupdate

# Rollouts to more and more phones on sites, with a journal on a nats-server: prints a table.
growth-sites:
	GROWTH_SITES=$(GROWTH_SITES) $(GO) test -count=1 -timeout 24h -run 'TestGrowthSites$$' -v ./cmd/cpupdate

docs:
	UPDATE_DOCS=1 $(GO) test -count=1 -run 'TestDocs|TestReadme|TestServersPage|TestRolloutsPage' ./cmd/cpupdate
	UPDATE_DOCS=1 $(GO) test -count=1 -run TestDocsSchema ./cmd/cpupdate/internal/...

dist:
	.ci/dist

# The archives, packages and images of the last commit, in dist/.
release:
	.ci/release
