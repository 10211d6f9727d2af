# workspace-proxy. `make help` lists what there is.
# BUILD, CC, SANITIZE=1, PREFIX and DESTDIR can be given on the command line.

# ARCH=arm64 builds for another architecture of Debian's, in build/arm64, with its cross compiler and a folder of its
# packages, which tools/sysroot fills.
ARCH    ?=
BUILD   ?= build$(if $(ARCH),/$(ARCH))
SYSROOT ?= $(abspath $(BUILD))/sysroot
TRIPLET_arm64 := aarch64-linux-gnu
TRIPLET := $(TRIPLET_$(ARCH))
ifneq ($(ARCH),)
$(if $(TRIPLET),,$(error ARCH=$(ARCH): expected arm64))
CC      := $(TRIPLET)-gcc --sysroot=$(SYSROOT)
AR      := $(TRIPLET)-gcc-ar
export PKG_CONFIG_SYSROOT_DIR := $(SYSROOT)
export PKG_CONFIG_LIBDIR := $(SYSROOT)/usr/lib/$(TRIPLET)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig
endif
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
PREFIX  ?= /usr/local
JOBS    ?= $(shell nproc)
PYTHON  := /usr/bin/python3
VERSION := 0.1.0
MAKEFLAGS += --no-print-directory --no-builtin-rules
# Git sets these variables for hooks; with them, git commands in tests would use this repository.
unexport $(shell git rev-parse --local-env-vars 2>/dev/null)

PACKAGES := libevent_core libevent_openssl evhtp openssl libcurl jansson libgit2 yaml-0.1 zlib libzstd libnghttp2 libseccomp
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wvla -Wcast-qual -Wwrite-strings -Wformat=2 \
	-Wimplicit-fallthrough -Wundef -Wswitch-enum -Werror
# What the compiler builds for: with a cross compiler, not this machine.
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
HARDENING_x86_64  := -fcf-protection=full
HARDENING_aarch64 := -mbranch-protection=standard
HARDENING := -fstack-protector-strong -fstack-clash-protection -fPIE -fvisibility=hidden \
	-fno-common -fno-strict-overflow -fno-delete-null-pointer-checks $(HARDENING_$(MACHINE))
ifeq ($(SANITIZE),1)
# Reports name files and lines; more debug information would take a fifth of the build's time.
MODE_CFLAGS  := -O1 -gline-tables-only -DSANITIZED -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
MODE_LDFLAGS := -fsanitize=address,undefined
else ifeq ($(SANITIZE),fuzz)
MODE_CFLAGS  := -O1 -g -DSANITIZED -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
MODE_LDFLAGS := -fsanitize=fuzzer,address,undefined
else
MODE_CFLAGS  := -O2 -g -D_FORTIFY_SOURCE=3
MODE_LDFLAGS :=
# The product is linked with link-time optimisation, which makes small requests 5 % cheaper. Its objects also
# contain ordinary code, because the many test programs are linked without it.
IS_CLANG     := $(findstring clang,$(shell $(CC) --version 2>/dev/null))
LTO_CFLAGS   := $(if $(IS_CLANG),,-flto=auto -ffat-lto-objects)
LTO_LDFLAGS  := $(if $(IS_CLANG),,-flto=auto)
# In the product, clang-tidy finds null pointers that are used. In tests it looks less deeply, but gcc finds them,
# where it may remove checks for null.
TEST_CFLAGS  := $(if $(IS_CLANG),,-Wnull-dereference -fdelete-null-pointer-checks)
endif
CPPFLAGS_ALL = -I. -I$(BUILD) -D_GNU_SOURCE -DVERSION='"$(VERSION)"' $(CPPFLAGS)
CFLAGS_ALL   = -std=c17 $(MODE_CFLAGS) $(WARNINGS) $(HARDENING) $(CFLAGS)
LDFLAGS_ALL  = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(MODE_LDFLAGS) $(LDFLAGS)
# For programs that are linked without link-time optimisation.
LDFLAGS_PLAIN = $(LDFLAGS_ALL) -fno-lto
# For the many test programs: mold is several times as fast.
MOLD         := $(shell command -v mold)
# A cross compiler finds it only in the folder where it is called ld.
LDFLAGS_TEST  = $(LDFLAGS_PLAIN) $(if $(MOLD),$(if $(ARCH),-B$(dir $(MOLD))../libexec/mold,-fuse-ld=mold))
LIBS         = -levhtp -levent_openssl -levent_core -levent_extra -lcurl -ljansson -lgit2 -lyaml -lz -lzstd -lnghttp2 -lseccomp -lssl -lcrypto -lm -lpthread

FOLDERS := base auth clone container ssh proxy
# Prints what a recipe does, by make itself: $(call show,CC,FILE).
show = $(info $()  $(1)    $(2))
# Finds files at any depth.
find = $(sort $(shell find $(1) -name '$(2)'))
SOURCES := $(call find,$(FOLDERS),*.c)
MAINS   := proxy/main.c $(patsubst %,proxy/command/main_%.c,connect credential run ssh)
objects  = $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(MAINS),$(filter $(1)/%,$(SOURCES))))
archive  = $(BUILD)/lib$(1).a
# The layers: what each folder may use, in link order. A violation fails to link.
USES_base      :=
USES_auth      := base
USES_clone     := base
USES_container := base
USES_ssh       := base
USES_proxy     := auth clone container ssh base
archives = $(foreach d,$(1) $(USES_$(1)),$(call archive,$(d)))

TEST_SOURCES := $(call find,tests/unit tests/fuzz tests/bench,*.c)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(call find,tests/unit,test_*.c))

.PHONY: all
CONNECT := $(BUILD)/$(if $(MUSL_OPENSSL),static/)workspace-connect
HELPERS := $(BUILD)/git-credential-workspace $(BUILD)/workspace-run $(BUILD)/workspace-ssh
all: $(BUILD)/workspace-proxy $(HELPERS) $(CONNECT) ## builds build/workspace-proxy (the default)

$(BUILD)/workspace-proxy: $(BUILD)/proxy/main.o $(call archives,proxy)
	$(call show,LD,$@)
	@$(CC) $(LDFLAGS_ALL) $(LTO_LDFLAGS) -o $@ $^ $(LIBS)

# The helpers are linked statically, because they run in containers without our libraries. With musl they are a
# tenth of the size that they have with glibc. Sanitizers need dynamic linking.
HELPER_SOURCES := proxy/command/main_credential.c clone/credential/credential.c clone/credential/credential_helper.c \
	$(patsubst %,base/%.c,arena clock crypto/crypto_equal dns_name err net/ip net/ports process/fd secret str url wipe)
MUSL_CC := $(if $(ARCH),$(CC) -specs $(SYSROOT)/musl.specs,$(shell command -v musl-gcc))
HELPER_CC := $(if $(SANITIZE),$(CC),$(or $(MUSL_CC),$(CC)))
# Not with mold, which makes static programs of musl crash at their start.
HELPER_LDFLAGS := $(if $(SANITIZE),,-static -no-pie) -Wl,-z,relro,-z,now,-z,noexecstack \
	$(filter-out -fuse-ld=mold,$(LDFLAGS))
$(BUILD)/git-credential-workspace: $(HELPER_SOURCES) $(call find,base,*.h) clone/credential/credential.h $(BUILD)/flags | $(BUILD)/packages
	$(call show,LD,$@)
	@$(HELPER_CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(HELPER_LDFLAGS) -o $@ $(HELPER_SOURCES)

SSH_HELPER_SOURCES := proxy/command/main_ssh.c ssh/key.c ssh/message.c $(call find,ssh/helper,*.c) \
	$(patsubst %,base/%.c,clock crypto/crypto_equal err process/fd secret str wipe)
$(BUILD)/workspace-ssh: $(SSH_HELPER_SOURCES) $(call find,base ssh,*.h) $(BUILD)/flags | $(BUILD)/packages
	$(call show,LD,$@)
	@$(HELPER_CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(HELPER_LDFLAGS) -o $@ $(SSH_HELPER_SOURCES)

RUN_SOURCES := $(patsubst %,proxy/command/%.c,main_run run) $(patsubst %,base/%.c,clock clock_parse err process/fd str wipe)
$(BUILD)/workspace-run: $(RUN_SOURCES) $(call find,base,*.h) proxy/command/run.h $(BUILD)/flags | $(BUILD)/packages
	$(call show,LD,$@)
	@$(HELPER_CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(HELPER_LDFLAGS) -o $@ $(RUN_SOURCES)

# The client for users' computers: POSIX and OpenSSL alone, so without _GNU_SOURCE. It is linked with the OpenSSL of
# this machine; or statically, with musl, where MUSL_OPENSSL names a folder with an OpenSSL for musl, which
# tools/musl-openssl builds. Debian's own libssl.a is for glibc, whose getaddrinfo(3) can't be linked statically for
# other machines.
CONNECT_SOURCES := proxy/command/main_connect.c ssh/key.c ssh/message.c $(call find,ssh/client,*.c) \
	$(patsubst %,base/%.c,arena clock crypto/crypto crypto/crypto_equal dns_name err process/fd secret str url wipe) \
	$(patsubst %,base/net/%.c,address cidr dial ip ports tls/tls_error) \
	$(patsubst %,base/http/%.c,outgoing_proxy raw_stream system_authorities websocket_frame)
IS_LINUX := $(filter Linux,$(shell uname -s))
CONNECT_CC := $(if $(MUSL_OPENSSL),musl-gcc,$(CC))
CONNECT_FLAGS = -std=c17 -I. -D_XOPEN_SOURCE=700 -DVERSION='"$(VERSION)"' $(CPPFLAGS) \
	$(if $(IS_LINUX),$(MODE_CFLAGS) $(WARNINGS) $(HARDENING),-O2) $(CFLAGS) \
	$(if $(MUSL_OPENSSL),-isystem $(MUSL_OPENSSL)/include,$(shell pkg-config --cflags openssl))
CONNECT_LDFLAGS = $(if $(MUSL_OPENSSL),-static -no-pie -L$(MUSL_OPENSSL)/lib $(filter-out -fuse-ld=mold,$(LDFLAGS)),$(if \
	$(IS_LINUX),$(LDFLAGS_PLAIN),$(LDFLAGS))) $(if $(MUSL_OPENSSL),,$(shell pkg-config --libs-only-L openssl))
.PHONY: workspace-connect
workspace-connect: $(CONNECT) ## the client for users' computers alone (MUSL_OPENSSL=DIR: static)
$(CONNECT): $(CONNECT_SOURCES) $(call find,base ssh,*.h) $(BUILD)/flags
	$(call show,LD,$@)
	@$(CONNECT_CC) $(CONNECT_FLAGS) -o $@ $(CONNECT_SOURCES) $(CONNECT_LDFLAGS) -lssl -lcrypto -lpthread

define folder_rule
$(call archive,$(1)): $(call objects,$(1))
	@rm -f $$@
	@$(AR) rcs $$@ $$^
endef
$(foreach d,$(FOLDERS),$(eval $(call folder_rule,$(d))))

# Intermediate files that make would delete.
.SECONDARY: $(BUILD)/proxy/command/main_credential.o $(BUILD)/proxy/command/main_run.o $(BUILD)/proxy/command/main_ssh.o \
	$(BUILD)/proxy/command/main_connect.o

# Unit tests are compiled with -O2 once, for its warnings. Elsewhere what they test is optimised, and they are not. Those for
# another processor repeat less often what they repeat (tests/unit/emulated.h).
UNIT_CFLAGS := $(if $(filter 1,$(SANITIZE)),-O0,$(if $(ARCH),-Og -DEMULATED))
test_flags_for = $(if $(filter tests/%,$(1)),$(TEST_CFLAGS)) $(if $(filter tests/unit/%,$(1)),$(UNIT_CFLAGS))
# Where little time is spent in tests, code for sanitizers is not optimised either: it takes half the time to compile.
LIGHT_CFLAGS := $(if $(filter 1,$(SANITIZE)),-O0)
light_flags_for = $(if $(filter auth/% container/% ssh/%,$(1)),$(LIGHT_CFLAGS))
lto_for = $(if $(filter $(FOLDERS:%=%/%) tests/bench/unchecked_auth.c,$(1)),$(LTO_CFLAGS))

# Objects are rebuilt when the compiler or its flags change.
$(BUILD)/%.o: %.c $(BUILD)/flags | $(BUILD)/packages
	$(call show,CC,$<)
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(call lto_for,$<) $(call light_flags_for,$<) $(call test_flags_for,$<) \
		-MMD -MP -c -o $@ $<

.PHONY: FORCE
ALL_FLAGS = $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LTO_CFLAGS) $(LIGHT_CFLAGS) $(TEST_CFLAGS) $(UNIT_CFLAGS)
# All objects and programs need this file, so the folders of all of them are made here, at once.
OUTPUT_FOLDERS := $(sort $(dir $(CONNECT) $(UNIT_TESTS) $(SOURCES:%=$(BUILD)/%) $(TEST_SOURCES:%=$(BUILD)/%) $(BUILD)/bench/))
$(BUILD)/flags: FORCE
	@mkdir -p $(@D) $(OUTPUT_FOLDERS)
	@echo '$(subst ','\'',$(ALL_FLAGS))' | cmp -s - $@ || echo '$(subst ','\'',$(ALL_FLAGS))' >$@

$(BUILD)/packages:
	@mkdir -p $(@D)
	@pkg-config --print-errors --exists $(PACKAGES) || \
		{ echo "Libraries are missing: run \`make deps\`, which installs them."; exit 1; }
	@touch $@

# Style sheets and scripts of the pages as string literals, one per line, without licence and comment lines.
$(BUILD)/%.inc: %
	@mkdir -p $(@D)
	@sed -e '/^\/\* SPDX/d' -e '/^[[:space:]]*\/\//d' -e 's/^[[:space:]]*//' -e '/^$$/d' \
		-e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n",/' $< >$@
ASSETS := $(patsubst %,$(BUILD)/%.inc,$(wildcard proxy/pages/assets/*))
$(BUILD)/proxy/pages/pages.o: $(ASSETS)

# tests/unit/<folder>/…/test_<what>.c is linked with what its folder may use.
define unit_rule
$(BUILD)/tests/$(1): $(BUILD)/tests/unit/$(1).o $(call archives,$(firstword $(subst /, ,$(1))))
	$$(call show,LD,$$@)
	@$(CC) $(LDFLAGS_TEST) -o $$@ $$^ -lcmocka $(LIBS)
endef
$(foreach t,$(UNIT_TESTS:$(BUILD)/tests/%=%),$(eval $(call unit_rule,$(t))))

# Linked with replay.c instead of libFuzzer, a fuzz target is a unit test over the inputs in tests/fuzz/seeds.
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAYS := $(addprefix $(BUILD)/tests/,$(FUZZERS))
# The parser that fuzz_differential compares ours with.
LIBS_fuzz_differential := -lhttp_parser
$(REPLAYS): $(BUILD)/tests/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay.o $(call archives,proxy)
	$(call show,LD,$@)
	@$(CC) $(LDFLAGS_TEST) -o $@ $^ $(LIBS) $(LIBS_$*)

.PHONY: unit-programs
unit-programs: $(UNIT_TESTS) $(REPLAYS)

.PHONY: unit
unit: $(UNIT_TESTS) $(REPLAYS) ## builds and runs the unit tests
	@tools/run-unit-tests $(BUILD) $(JOBS) $(UNIT_TESTS) $(REPLAYS)

# Failing inputs are written to build/fuzz/found-…: copy them to tests/fuzz/seeds/<target>/.
FUZZ_SECONDS ?= 60
.PHONY: fuzz fuzz-programs
fuzz: ## fuzzes every target of tests/fuzz with libFuzzer, each for FUZZ_SECONDS
	@$(MAKE) BUILD=$(BUILD)/fuzz SANITIZE=fuzz CC=clang -j$(JOBS) fuzz-programs
	@set -e; for t in $(FUZZERS); do \
		echo "== $$t for $(FUZZ_SECONDS) s"; mkdir -p $(BUILD)/fuzz/corpus/$$t; \
		$(BUILD)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=10 \
			-verbosity=0 -print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/found- \
			$(BUILD)/fuzz/corpus/$$t tests/fuzz/seeds/$$t; done
fuzz-programs: $(addprefix $(BUILD)/,$(FUZZERS))
$(addprefix $(BUILD)/,$(FUZZERS)): $(BUILD)/%: $(BUILD)/tests/fuzz/%.o $(call archives,proxy)
	$(call show,LD,$@)
	@$(CC) $(LDFLAGS_PLAIN) -o $@ $^ $(LIBS) $(LIBS_$*)

# Runs in parallel. PYTEST="-k name -x" selects tests.
.PHONY: e2e
e2e: all ## builds and runs the whole-process tests (PYTEST="-k name" for some)
	@tools/run-e2e-tests $(BUILD) $(JOBS) $(PYTEST)

.PHONY: clone-kills
clone-kills: all ## kills 200 clones with submodules and LFS files at random moments
	@CLONE_KILLS=200 tools/run-e2e-tests $(BUILD) $(JOBS) -n 0 -k test_clone_killed -v -s

# CLONE_COMPARE_SEED repeats from a seed. GIT=/path/to/git is for another version of git, which then also is that of the
# workspace in the tests of the credential helper.
OTHER_GIT := $(abspath $(BUILD))/other-git
.PHONY: clone-compare
clone-compare: all ## compares clones of unusual repositories, and of 2,000 trees with attributes, with those of git, or GIT=path
	@rm -rf $(BUILD)/clone-compare.txt $(OTHER_GIT)
	@if [ -n "$(GIT)" ]; then mkdir -p $(OTHER_GIT) && ln -s "$(abspath $(GIT))" $(OTHER_GIT)/git; fi
	@PATH="$(OTHER_GIT):$$PATH"; git --version; CLONE_COMPARE_TREES=2000 CLONE_COMPARE_SEED=$${CLONE_COMPARE_SEED:-$$(date +%s)} \
		CLONE_COMPARE_REPORT=$(abspath $(BUILD))/clone-compare.txt \
		tools/run-e2e-tests $(BUILD) $(JOBS) -k "test_clone_attributes or test_clone_like_git$(if $(GIT), or test_credential)" -v; code=$$?; \
		echo "clones of unusual repositories, compared with git's (build/clone-compare.txt):"; \
		cut -d: -f1 $(BUILD)/clone-compare.txt | sort | uniq -c; exit $$code

# Measures the proxy and its peers in turn on one core, with the load generator on the other. BENCH_ROUNDS,
# BENCH_SECONDS, BENCH_CASES="small-* websocket-*" and BENCH_PEERS select what runs.
BENCH_PROGRAMS := $(BUILD)/bench/load $(BUILD)/bench/upstream $(BUILD)/bench/relay $(BUILD)/bench/distance
$(BUILD)/bench/load: $(BUILD)/tests/bench/load.o $(BUILD)/tests/bench/load_io.o
$(BUILD)/bench/upstream: $(BUILD)/tests/bench/upstream.o
$(BUILD)/bench/relay: $(BUILD)/tests/bench/relay.o
$(BUILD)/bench/distance: $(BUILD)/tests/bench/distance.o
$(BENCH_PROGRAMS):
	$(call show,LD,$@)
	@$(CC) $(LDFLAGS_PLAIN) -o $@ $^ -lssl -lcrypto
# The product without its session check, to measure the cost of the check. The first definitions win.
$(BUILD)/bench/unchecked: $(BUILD)/proxy/main.o $(BUILD)/tests/bench/unchecked_auth.o $(call archives,proxy)
	$(call show,LD,$@)
	@$(CC) $(LDFLAGS_ALL) $(LTO_LDFLAGS) -Wl,--allow-multiple-definition -o $@ $^ $(LIBS)
.PHONY: bench bench-programs
bench-programs: $(BENCH_PROGRAMS) $(BUILD)/bench/unchecked
bench: $(BUILD)/deps-bench $(if $(BENCH_PAGES),$(BUILD)/deps-bench-pages) ## compares speed and memory with nginx, HAProxy and mod_auth_openidc
	@$(MAKE) -j$(JOBS) all bench-programs
	@WORKSPACE_PROXY_BINARY=$(abspath $(BUILD))/workspace-proxy \
		exec $(PYTHON) -B tests/bench/run.py $(abspath $(BUILD))/bench

# The whole suite. The run with sanitizers uses clang, so that both compilers see all of the code.
.PHONY: test
test: ## installs what is missing, builds, runs all tests, again with sanitizers, and lints beside them
	@tools/run-all $(MAKE) BUILD=$(BUILD)

SANITIZED := BUILD=$(BUILD)/sanitize SANITIZE=1 CC=clang
# For compilers and checkers of LLVM, which allocate much memory: with huge pages they have fewer page faults.
HUGE_PAGES := GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.top_pad=16777216
.PHONY: sanitized-programs sanitized-unit sanitized-e2e
sanitized-programs:
	@$(HUGE_PAGES) $(MAKE) $(SANITIZED) all unit-programs
sanitized-unit: ## the unit tests under ASan and UBSan, in build/sanitize
	@$(MAKE) $(SANITIZED) unit
sanitized-e2e: ## the whole-process tests under ASan and UBSan
	@$(MAKE) $(SANITIZED) e2e

C_FILES := $(SOURCES) $(TEST_SOURCES)
H_FILES := $(call find,$(FOLDERS) tests/unit tests/fuzz tests/bench,*.h)

.PHONY: lint lint-bench lint-layers lint-circles lint-manifests lint-format lint-headers lint-cppcheck lint-docs lint-tidy lint-lints lint-posix
lint: lint-layers lint-circles lint-bench lint-lints lint-format lint-headers lint-posix lint-docs lint-manifests lint-cppcheck lint-tidy ## checks layers, style, docs; clang-tidy, cppcheck
	@echo "lint: all checks passed"
lint-layers:
	@$(PYTHON) tests/lint/layers.py
	@$(PYTHON) tests/lint/declarations.py
	@$(PYTHON) tests/lint/style.py
	@$(PYTHON) tests/lint/documents.py
	@$(PYTHON) tests/lint/log_fields.py
	@$(PYTHON) tests/lint/monitoring.py
lint-circles: $(BUILD)/proxy/main.o $(call archives,proxy)
	@$(PYTHON) tests/lint/circles.py $(BUILD)
# No test runs the benchmarks: here they are imported.
lint-bench: | $(BUILD)/packages
	@$(PYTHON) -B tests/lint/bench_scripts.py
# Tests that every lint rule fails on a violation.
lint-lints: | $(BUILD)/packages
	@$(PYTHON) -B -m pytest -q -p no:cacheprovider tests/lint
lint-format:
	@clang-format --dry-run -Werror $(C_FILES) $(H_FILES)
# Every header compiles by itself. Those that their source includes before anything else are compiled with it.
lint-headers: | $(BUILD)/packages
	@printf '%s\n' $(filter-out tests/%,$(H_FILES)) | \
		grep -vxF "$$(awk '/^ *#/ { own = FILENAME; sub(/c$$/, "h", own); if ($$0 == "#include \"" own "\"") print own; nextfile }' \
			$(filter-out tests/%,$(C_FILES)))" | \
		xargs -P $(JOBS) -I{} $(CC) $(CPPFLAGS_ALL) -std=c17 $(WARNINGS) -fsyntax-only -x c {}
# The client for users' computers builds where there is no Linux.
lint-posix: | $(BUILD)/packages
	@$(PYTHON) tests/lint/posix_client.py "$(CC)" $(CONNECT_SOURCES)
GENERATED_DOCS := configuration metrics
lint-docs: $(BUILD)/workspace-proxy
	@for d in $(GENERATED_DOCS); do $(BUILD)/workspace-proxy docs $$d | diff -u docs/$$d.md - || \
		{ echo "docs/$$d.md is out of date: run \`make docs\`."; exit 1; }; done
	@tools/chart-values table | diff -u docs/helm-values.md - && \
		tools/chart-values yaml | diff -u container/helm/values.yaml - || \
		{ echo "The values of the chart are out of date: run \`make docs\`."; exit 1; }
	@grep -qx 'appVersion: $(VERSION)' container/helm/Chart.yaml || \
		{ echo "container/helm/Chart.yaml: appVersion is not $(VERSION)."; exit 1; }
lint-manifests:
	@$(PYTHON) tests/lint/manifests.py
# cppcheck reads no system headers, but must know the macros of queue(3).
QUEUE_H := $(firstword $(wildcard /usr/include/*/sys/queue.h /usr/include/sys/queue.h))
lint-cppcheck: $(ASSETS)
	@mkdir -p $(BUILD)/cppcheck
	@cppcheck -q -j $(JOBS) --cppcheck-build-dir=$(BUILD)/cppcheck --std=c11 --error-exitcode=1 \
		--enable=warning,performance,portability --inline-suppr --include=$(QUEUE_H) -I. -I$(BUILD) \
		-D_GNU_SOURCE '-DVERSION="$(VERSION)"' $(SOURCES)
# All files of a folder in one call, so that clang-tidy starts once; those that changed are checked again. Files with a
# va_list have a call each: version 14 confuses the va_list of several files.
# The analyzer leaves a function after 75,000 states, a third of its default: in functions that have more, it has seen all
# code and the planted faults by then, and spends three times as long on the rest. In tests it works in its shallow mode:
# it does not know that an assertion ends a test, and would spend most of its time on paths that can't be taken.
ANALYZER_CONFIG = -Xclang -analyzer-config -Xclang $(if $(filter tests/%,$(1)),mode=shallow,max-nodes=75000)
TIDIED := $(patsubst %,$(BUILD)/%tidy,$(sort $(dir $(C_FILES))))
lint-tidy: $(TIDIED)
$(foreach t,$(TIDIED),$(eval $(t): \
	$(patsubst %.c,$(BUILD)/%.o,$(filter $(wildcard $(t:$(BUILD)/%tidy=%*.c)),$(C_FILES)))))
$(TIDIED): .clang-tidy
	$(call show,TIDY,$(@:$(BUILD)/%/tidy=%))
	@files='$(patsubst $(BUILD)/%.o,%.c,$(filter %.o,$(if $(filter .clang-tidy,$?),$^,$?)))'; failed=; mkdir -p $(@D); \
		for call in "$$(grep -Lw va_start $$files)" $$(grep -lw va_start $$files); do \
			[ -z "$$call" ] || $(HUGE_PAGES) clang-tidy --quiet $$call -- -std=c17 $(CPPFLAGS_ALL) \
				$(call ANALYZER_CONFIG,$(@:$(BUILD)/%=%)) 2>$@.log >$@.out || \
				{ failed=1; cat $@.out; grep -v 'warnings generated' $@.log; }; done; [ -z "$$failed" ]
	@touch $@

.PHONY: docs
docs: $(BUILD)/workspace-proxy ## writes docs/configuration.md, docs/metrics.md and the chart's values from their tables
	@set -e; for d in $(GENERATED_DOCS); do \
		$(BUILD)/workspace-proxy docs $$d >$(BUILD)/$$d.md; mv $(BUILD)/$$d.md docs/$$d.md; done
	@tools/chart-values table >$(BUILD)/helm-values.md && mv $(BUILD)/helm-values.md docs/helm-values.md
	@tools/chart-values yaml >$(BUILD)/values.yaml && mv $(BUILD)/values.yaml container/helm/values.yaml

.PHONY: manifests
manifests: ## renders container/kubernetes with kubectl
	@set -e; for d in overlays/ingress overlays/gateway overlays/gitlab-ingress overlays/gitlab-gateway example; do \
		kubectl kustomize container/kubernetes/$$d >$(BUILD)/manifest.yaml; \
		mv $(BUILD)/manifest.yaml container/kubernetes/rendered/$${d##*/}.yaml; done

# DEMO_CHECK=1 runs through the demo in headless Chromium instead of waiting for a user.
DEMO_DEPS := $(BUILD)/deps-$(if $(filter-out 0,$(DEMO_CHECK)),demo-check,demo)
.PHONY: demo
demo: $(DEMO_DEPS) ## a GitLab, an IDE and the proxy on this machine; prints the URL to open
	@$(MAKE) -j$(JOBS) all
	@WORKSPACE_PROXY_BINARY=$(abspath $(BUILD))/workspace-proxy exec $(PYTHON) tests/support/demo.py

# The container image. container/Containerfile describes its other targets.
.PHONY: image image-tree image-test
image-tree: all
	@tools/image-tree $(abspath $(BUILD)) $(VERSION) $(abspath $(BUILD))/image
image: $(BUILD)/deps-image$(if $(ARCH),-cross) ## builds the container image from Debian's packages, in build/image (ARCH=arm64: in build/arm64/image)
	@$(if $(ARCH),tools/sysroot $(ARCH) $(SYSROOT))
	@$(MAKE) -j$(JOBS) all
	@$(if $(ARCH),IMAGE_ROOT=$(SYSROOT) IMAGE_ARCH=$(ARCH) STRIP=$(TRIPLET)-strip) tools/build-image $(BUILD) $(VERSION)
.PHONY: images
images: ## builds the images of amd64 and arm64, and one archive with both, build/image/workspace-proxy-multi.tar
	@$(MAKE) image
	@$(MAKE) image ARCH=arm64 BUILD=$(BUILD)/arm64
	@tools/build-image-list $(BUILD)/image/workspace-proxy-multi.tar $(VERSION) \
		$(BUILD)/image/workspace-proxy.tar $(BUILD)/arm64/image/workspace-proxy.tar
image-test: $(BUILD)/deps-image-test ## builds it and runs it, read-only and without rights, in podman
	@$(MAKE) -j$(JOBS) all
	@tools/run-image-tests $(BUILD) $(VERSION) $(PYTEST)

.PHONY: kubernetes-test
kubernetes-test: $(BUILD)/deps-kubernetes-test ## runs webhook and relay in a real control plane, built from Go modules the first time
	@$(MAKE) -j$(JOBS) all
	@tools/run-kubernetes-tests $(abspath $(BUILD)) $(PYTEST)

.PHONY: deb
deb: $(BUILD)/deps-deb ## builds a Debian package of the last commit, in build/deb; lintian checks it
	@tools/build-deb $(abspath $(BUILD)) $(VERSION)

.PHONY: deps deps-test deps-image-test deps-suite deps-demo deps-bench
deps: $(BUILD)/deps-build ## installs missing Debian packages for the build
deps-test: $(BUILD)/deps-test ## … for the tests
deps-image-test: $(BUILD)/deps-image-test ## … for the tests of the image
deps-suite: $(BUILD)/deps-suite ## … for all that `make test` does
deps-demo: $(BUILD)/deps-demo ## … for the demo
deps-bench: $(BUILD)/deps-bench ## … for the benchmark
$(BUILD)/deps-%: tools/dependencies
	@tools/dependencies $*
	@mkdir -p $(@D)
	@touch $@

.PHONY: install
install: all ## installs the programs (PREFIX, DESTDIR)
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/bin $(BUILD)/workspace-proxy $(HELPERS) $(CONNECT)
	ln -sf git-credential-workspace $(DESTDIR)$(PREFIX)/bin/docker-credential-workspace

.PHONY: clean
clean: ## removes build/
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18
	@echo
	@echo "Variables: BUILD=build CC=gcc SANITIZE=1 PREFIX=/usr/local DESTDIR= JOBS=$(JOBS) FUZZ_SECONDS=60 PYTEST="

-include $(patsubst %.c,$(BUILD)/%.d,$(SOURCES)) $(patsubst %.c,$(BUILD)/%.d,$(TEST_SOURCES))
