# workspace-proxy. `make help` lists what there is.
# BUILD, CC, SANITIZE=1, PREFIX and DESTDIR can be given on the command line.

BUILD   ?= build
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
PREFIX  ?= /usr/local
VERSION := 0.1.0

PACKAGES := libevent_core libevent_openssl evhtp openssl libcurl jansson libgit2
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wvla -Wcast-qual -Wwrite-strings -Wformat=2 \
	-Wimplicit-fallthrough -Wundef -Wnull-dereference -Wswitch-enum -Werror
HARDENING := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE \
	-fvisibility=hidden -fno-common -fno-strict-overflow -fno-delete-null-pointer-checks
ifeq ($(SANITIZE),1)
MODE_CFLAGS  := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
MODE_LDFLAGS := -fsanitize=address,undefined
else
MODE_CFLAGS  := -O2 -g -D_FORTIFY_SOURCE=3
MODE_LDFLAGS :=
endif
CPPFLAGS_ALL = -I. -I$(BUILD) -D_GNU_SOURCE -DVERSION='"$(VERSION)"' $(CPPFLAGS)
CFLAGS_ALL   = -std=c17 $(MODE_CFLAGS) $(WARNINGS) $(HARDENING) $(CFLAGS)
LDFLAGS_ALL  = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(MODE_LDFLAGS) $(LDFLAGS)
LIBS         = -levhtp -levent_openssl -levent_core -levent_extra -lcurl -ljansson -lgit2 -lssl -lcrypto -lpthread

FOLDERS := base auth clone container proxy
SOURCES := $(foreach d,$(FOLDERS),$(wildcard $(d)/*.c))
objects  = $(patsubst %.c,$(BUILD)/%.o,$(filter-out proxy/main.c,$(wildcard $(1)/*.c)))
archive  = $(BUILD)/lib$(1).a
# What a folder may use, in link order: this is the layering, and the linker holds us to it.
USES_base      :=
USES_auth      := base
USES_clone     := base
USES_container := base
USES_proxy     := auth clone container base
archives = $(foreach d,$(1) $(USES_$(1)),$(if $(wildcard $(d)/*.c),$(call archive,$(d))))

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

.PHONY: all
all: $(BUILD)/workspace-proxy

$(BUILD)/workspace-proxy: $(BUILD)/proxy/main.o $(call archives,proxy)
	@echo "  LD    $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

define folder_rule
$(call archive,$(1)): $(call objects,$(1))
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach d,$(FOLDERS),$(eval $(call folder_rule,$(d))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# Style and script of our pages, each line as a string literal; licence and comment lines stay here.
$(BUILD)/%.inc: %
	@mkdir -p $(@D)
	@sed -e '/^\/\* SPDX/d' -e '/^[[:space:]]*\/\//d' -e 's/^[[:space:]]*//' -e '/^$$/d' \
		-e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n",/' $< >$@
ASSETS := $(patsubst %,$(BUILD)/%.inc,$(wildcard proxy/assets/*))
$(BUILD)/proxy/pages_assets.o: $(ASSETS)

# tests/unit/test_<folder>_<what>.c may use what its folder may use.
define unit_rule
$(BUILD)/tests/$(1): $(BUILD)/tests/unit/$(1).o $(call archives,$(word 2,$(subst _, ,$(1))))
	@mkdir -p $$(@D)
	@echo "  LD    $$@"
	@$(CC) $(LDFLAGS_ALL) -o $$@ $$^ -lcmocka $(LIBS)
endef
$(foreach t,$(notdir $(UNIT_TESTS)),$(eval $(call unit_rule,$(t))))

.PHONY: unit
unit: $(UNIT_TESTS)
	@set -e; for t in $(UNIT_TESTS); do $$t; done

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(patsubst %.c,$(BUILD)/%.d,$(SOURCES)) $(wildcard $(BUILD)/tests/unit/*.d)
