# Stepcast: build, test, measure. `make help` lists the targets.
#
# One folder per configuration (BUILD=build/asan), so that no clean is needed
# between them. Sources are found by wildcard: a new file is built by itself.
# V=1 shows whole command lines; WERROR=0 is for compilers we do not know.

BUILD  ?= build
OPT    ?= -O2 -g
SAN    ?=
FUZZ_S ?= 30
FUZZ_SEED ?= 0
PREFIX ?= /usr/local
WERROR ?= 1
JOBS   ?= 2
DEMO   ?= $(BUILD)/stepcast simulate scenarios/published/gpt3-175b-64xa100.yaml
VALIDATE ?= $(BUILD)/stepcast validate

ifeq ($(V),1)
Q :=
else
Q := @
endif
say = @printf '  %-8s %s\n' $(1) $(2)

# ==== tools and flags ====

ifeq ($(origin CC),default)
CC := gcc
endif
NVCC ?= $(firstword $(wildcard $(shell command -v nvcc 2>/dev/null) /usr/local/cuda/bin/nvcc))
OMP  ?= -fopenmp
ifneq ($(MPI),0)
HAVE_MPI := $(shell pkg-config --exists ompi-c 2>/dev/null && echo yes)
endif
ifeq ($(HAVE_MPI),yes)
MPI_CFLAGS := -DSTC_WITH_MPI=1 $(patsubst -I%,-isystem %,$(shell pkg-config --cflags ompi-c))
MPI_LIBS   := $(shell pkg-config --libs ompi-c)
MPI_LINE   := mpi: OpenMPI found, searches may span nodes
else
MPI_LINE   := mpi: no OpenMPI, one node at a time
endif

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion \
  -Wformat=2 -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
  -Wcast-qual -Wwrite-strings -Wpointer-arith -Wimplicit-fallthrough
ifeq ($(WERROR),1)
WARN += -Werror
endif
ifeq ($(OMP),)
WARN += -Wno-unknown-pragmas
endif
# Goldens must not move with the compiler's taste for fused multiply-add.
NUM      := -ffp-contract=off
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CFLAGS   ?=
ALL_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L -I. $(OPT) $(WARN) $(NUM) $(OMP) $(SANFLAGS) \
  -fno-common -fPIC -fvisibility=hidden -MMD -MP $(CFLAGS)
# Check's macros are not written for our warnings.
LDLIBS   := -lyaml -ljansson -lz -lsqlite3 -lgsl -lgslcblas -lm
ALL_LDFLAGS = $(OMP) $(SANFLAGS) -Wl,--as-needed $(LDFLAGS)
CHECK_LIBS := -lcheck_pic -lsubunit -lrt -lm -pthread

# ==== what is built from what ====

# DIRS="sim/base hw" builds and tests some rooms while others are under repair.
DIRS ?= sim/base sim/engine hw models kernels scenarios scenarios/* calib sim/run sim/study \
  reports reports/launch sim
LIB_SRC  := $(sort $(wildcard $(addsuffix /*.c,$(DIRS))))
CLI_SRC  := $(sort $(wildcard sim/cli/*.c))
TEST_SRC := $(sort $(wildcard tests/test_*.c))
# Other files of tests/ (references, builders) are there for every test.
HELP_SRC := $(sort $(filter-out $(TEST_SRC) tests/embed.c,$(wildcard tests/*.c)))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/bench_*.c))
HEADERS  := $(sort $(wildcard $(addsuffix /*.h,$(DIRS)) sim/cli/*.h tests/*.h))
FORMATTED := $(LIB_SRC) $(CLI_SRC) $(TEST_SRC) $(HELP_SRC) $(FUZZ_SRC) $(BENCH_SRC) $(HEADERS)
EMBEDDED := $(sort $(wildcard hw/data/*.yaml models/data/*.yaml models/stacks/*.yaml calib/data/*.yaml \
  calib/data/*.csv calib/schema.sql scenarios/*.yaml scenarios/*/*.yaml))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIB_OBJ  := $(call obj,$(LIB_SRC)) $(BUILD)/obj/embed_data.o
CLI_OBJ  := $(call obj,$(CLI_SRC))
HELP_OBJ := $(call obj,$(HELP_SRC))
TESTS    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
REPLAYS  := $(patsubst tests/fuzz/%.c,$(BUILD)/replay/%,$(FUZZ_SRC))
BENCHES  := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(BENCH_SRC))
PROGRAM  := $(if $(CLI_SRC),$(BUILD)/stepcast)
LIB      := $(BUILD)/libstepcast.a
# Published measurements of kernels and collectives, as a store.
MEASURED := $(sort $(wildcard tests/data/truth/micro/*.csv))
STORE    := $(if $(CLI_SRC),$(if $(MEASURED),$(BUILD)/stepcast.db))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run check asan tsan bench fuzz truth validate held-out fit-steps check-layers check-headers \
  format-check format lint golden cuda install man clean gate deps help FORCE \
  check-after-deps run-after-deps fuzz-build fuzz-run tests

## all: build the library, the program and the default store of measurements
all: $(LIB) $(BUILD)/libstepcast.so $(PROGRAM) $(STORE)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(if $(findstring mpi,$(notdir $<)),$(MPI_CFLAGS)) -c $< -o $@

# A list that changes only when its words do, so that a file that was added or
# removed is noticed as well as one that was edited.
define list_rule
$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' $(2) | cmp -s - $$@ || printf '%s\n' $(2) > $$@
endef
$(eval $(call list_rule,$(BUILD)/lib.list,$(LIB_OBJ)))
$(eval $(call list_rule,$(BUILD)/embed.list,$(EMBEDDED)))

$(LIB): $(LIB_OBJ) $(BUILD)/lib.list
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(LIB_OBJ)
	@echo '  $(MPI_LINE)'

$(BUILD)/libstepcast.so: $(LIB_OBJ) $(BUILD)/lib.list
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,libstepcast.so.0 $(ALL_LDFLAGS) $(LIB_OBJ) $(LDLIBS) $(MPI_LIBS) -o $@

$(BUILD)/stepcast: $(CLI_OBJ) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(CLI_OBJ) $(LIB) $(LDLIBS) $(MPI_LIBS) -o $@

# Made anew when the tables, their forms or the schema change, not with every program.
$(BUILD)/stepcast.db: $(MEASURED) calib/schema.sql calib/forms.def | $(PROGRAM)
	$(call say,STORE,$@)
	$(Q)rm -f $@.new $@.new-wal $@.new-shm
	$(Q)$(BUILD)/stepcast calibrate import --db $@.new $(MEASURED) > $(BUILD)/store.log
	$(Q)mv $@.new $@

# The assembler copies the files in (.incbin): no megabytes of C to compile.
$(BUILD)/embed_data.c: $(BUILD)/embed.list $(EMBEDDED) tests/embed_gen.sh
	$(call say,EMBED,$@)
	$(Q)sh tests/embed_gen.sh $(BUILD)/embed.list > $@

$(BUILD)/obj/embed_data.o: $(BUILD)/embed_data.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

# ==== tools that must be there ====

PACKAGES := gcc make libc6-dev pkg-config libyaml-dev libjansson-dev zlib1g-dev libsqlite3-dev \
  libgsl-dev check libsubunit-dev gnuplot-nox

## deps: install what the build needs (Debian, by apt-get; else print the list)
deps: $(BUILD)/deps.stamp
$(BUILD)/deps.stamp:
	@mkdir -p $(@D)
	@if ! command -v dpkg >/dev/null 2>&1; then \
	  echo "deps: not a Debian system; this is needed: $(PACKAGES)"; \
	else \
	  missing=; for p in $(PACKAGES); do \
	    dpkg -s $$p 2>/dev/null | grep -q '^Status: install ok installed' || missing="$$missing $$p"; done; \
	  if [ -n "$$missing" ]; then \
	    echo "deps: installing$$missing"; \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    $$sudo apt-get update -q && \
	    $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing || \
	    { echo "deps: could not install:$$missing" >&2; exit 1; }; \
	  fi; \
	fi
	@touch $@

# ==== run and test ====

## run: build, then simulate one published training step
run: deps
	$(Q)$(MAKE) --no-print-directory run-after-deps
run-after-deps: all
	$(DEMO)

## check: run every test (unit, transcripts, fuzz corpora, layers)
check: deps
	$(Q)$(MAKE) --no-print-directory check-after-deps
check-after-deps: tests
	$(Q)BUILD=$(BUILD) JOBS=$(JOBS) bash tests/run_tests.sh $(TESTS)
## tests: build the tests without running them
tests: all $(TESTS) $(REPLAYS)

$(BUILD)/libtests.a: $(HELP_OBJ)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $(HELP_OBJ)

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/libtests.a $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $< $(BUILD)/libtests.a $(LIB) $(CHECK_LIBS) $(LDLIBS) $(MPI_LIBS) -o $@

## asan: the tests under AddressSanitizer and UBSan (tsan: ThreadSanitizer)
asan:
	$(Q)$(MAKE) check BUILD=build/asan SAN=address,undefined,float-divide-by-zero,float-cast-overflow OPT='-O1 -g'
tsan:
	$(Q)$(MAKE) check BUILD=build/tsan SAN=thread OPT='-O1 -g'

$(BUILD)/replay/%: tests/fuzz/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -DFUZZ_STANDALONE=1 $< $(ALL_LDFLAGS) $(LIB) $(LDLIBS) $(MPI_LIBS) -o $@

## fuzz: libFuzzer on every parser for FUZZ_S seconds each, FUZZ_SEED 0: another walk every time (needs clang)
fuzz:
	$(Q)$(MAKE) --no-print-directory fuzz-run BUILD=build/fuzz-clang CC=clang OMP= MPI=0 WERROR=0 \
	  SAN=address,undefined OPT='-O1 -g' CFLAGS=-fsanitize=fuzzer-no-link
fuzz-run: $(FUZZERS)
	$(Q)set -e; for f in $(FUZZERS); do n=$${f##*/fuzz_}; \
	  mkdir -p $(BUILD)/corpus/$$n tests/fuzz/corpus/$$n; \
	  dict=tests/fuzz/$$n.dict; [ -f $$dict ] && dict=-dict=$$dict || dict=; \
	  echo "fuzz $$n: $(FUZZ_S) s"; \
	  $$f -seed=$(FUZZ_SEED) -max_total_time=$(FUZZ_S) -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=0 \
	    -verbosity=0 -artifact_prefix=$(BUILD)/crash-$$n- $$dict $(BUILD)/corpus/$$n tests/fuzz/corpus/$$n; done
$(BUILD)/fuzz/%: tests/fuzz/%.c $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $< $(ALL_LDFLAGS) $(LIB) $(LDLIBS) -o $@

## bench: time the queue, the solver and the step; rows go to build/bench.csv
bench: all $(BENCHES)
	$(Q)BUILD=$(BUILD) bash tests/run_bench.sh $(BENCHES)
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libtests.a $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $< $(BUILD)/libtests.a $(LIB) $(LDLIBS) $(MPI_LIBS) -o $@

## validate: forecast every published measurement and print the errors
validate: all
	$(VALIDATE)

## held-out: the same of published runs that nothing was ever fitted on
held-out: all
	$(VALIDATE) tests/data/held_out/training.csv

## fit-steps: numbers of GPU generations and stacks from whole runs, into calib/data
fit-steps: all
	$(BUILD)/stepcast calibrate fit-steps tests/data/truth/training.csv calib/data
	$(Q)$(MAKE) --no-print-directory all

## truth: copy the published measurements into tests/data/truth (TRUTH=DIR)
truth:
	@[ -n "$(TRUTH)" ] || { echo "truth: say where from: make truth TRUTH=DIR" >&2; exit 2; }
	@mkdir -p tests/data/truth
	$(Q)cd "$(TRUTH)" && tar cf - README.md training.csv course.csv flows_*.csv serving.csv \
	  inference.csv micro/*.csv hf_configs | (cd "$(CURDIR)/tests/data/truth" && tar xf -)

## golden: rewrite the expected output of transcripts and of README's examples
golden: all
	$(Q)STEPCAST=$(BUILD)/stepcast bash tests/readme.sh --write
	$(Q)STEPCAST=$(BUILD)/stepcast bash tests/cli/run.sh --golden

# ==== form ====

## check-layers: no include against the order of the folders
check-layers:
	$(Q)bash tests/check_layers.sh
## check-headers: every header compiles alone
check-headers:
	$(Q)CC="$(CC)" CFLAGS="-std=c11 -D_POSIX_C_SOURCE=200809L -I. $(filter-out -Werror,$(WARN)) -Werror $(OMP)" \
	  bash tests/check_headers.sh $(HEADERS)
## format-check: clang-format agrees
format-check:
	$(Q)clang-format --dry-run -Werror $(FORMATTED)
## format: let clang-format rewrite what it wants otherwise
format:
	$(Q)clang-format -i $(FORMATTED)
## lint: clang-tidy and cppcheck
lint:
	$(Q)if command -v clang-tidy >/dev/null; then \
	  printf '%s\n' $(or $(LINT),$(LIB_SRC) $(CLI_SRC)) | xargs -P $(JOBS) -I{} \
	  clang-tidy --quiet {} -- -std=c11 -D_POSIX_C_SOURCE=200809L -I. ; \
	  else echo "lint: no clang-tidy"; fi
	$(Q)if command -v cppcheck >/dev/null; then \
	  cppcheck --quiet -j $(JOBS) --std=c11 --enable=warning,performance,portability --inline-suppr \
	  --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
	  --error-exitcode=1 -I. -D_POSIX_C_SOURCE=200809L \
	  $(or $(LINT),$(LIB_SRC) $(CLI_SRC)); else echo "lint: no cppcheck"; fi

# ==== optional: CUDA ====

## cuda: build the GPU benches of kernels/cuda (needs nvcc)
# That folder stands alone and has a Makefile of its own.
ifeq ($(NVCC),)
cuda:
	@echo 'cuda: no nvcc, kernels/cuda left out'
else
cuda:
	$(Q)$(MAKE) -C kernels/cuda BUILD=$(abspath $(BUILD))/cuda NVCC=$(NVCC)
endif

# ==== install, clean ====

## man: the manual page and shell completion, into the build folder
man: $(PROGRAM)
	$(Q)$(BUILD)/stepcast help man > $(BUILD)/stepcast.1
	$(Q)$(BUILD)/stepcast help completion > $(BUILD)/stepcast.bash
	@echo '  $(BUILD)/stepcast.1 $(BUILD)/stepcast.bash'

## install: library, header, program, manual, completion, pkg-config under PREFIX
install: all man
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/stepcast/sim/base
	install -m 644 $(LIB) $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(BUILD)/libstepcast.so $(DESTDIR)$(PREFIX)/lib/libstepcast.so.0
	ln -sf libstepcast.so.0 $(DESTDIR)$(PREFIX)/lib/libstepcast.so
	install -m 644 sim/stepcast.h $(DESTDIR)$(PREFIX)/include/stepcast/
	install -m 644 sim/base/err.h $(DESTDIR)$(PREFIX)/include/stepcast/sim/base/
	printf '%s\n' 'Name: stepcast' 'Description: forecasts the step of a GPU cluster' 'Version: 0.1' \
	  'Cflags: -I$(PREFIX)/include/stepcast' 'Libs: -L$(PREFIX)/lib -lstepcast' \
	  'Libs.private: $(LDLIBS) $(OMP)' > $(DESTDIR)$(PREFIX)/lib/pkgconfig/stepcast.pc
	$(if $(PROGRAM),install -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/)
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 $(BUILD)/stepcast.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 $(BUILD)/stepcast.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/stepcast

## clean: remove the build folder
clean:
	rm -rf $(BUILD)

## gate: everything that must hold before a change goes in
gate: format-check check-layers check-headers check
	$(Q)$(MAKE) check BUILD=build/clang CC=clang OMP= MPI=0 WERROR=0
	$(Q)$(MAKE) asan lint validate
	$(Q)$(MAKE) fuzz FUZZ_S=30

## help: list these targets
help:
	@sed -n 's/^## \([a-z-]*\): /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

-include $(patsubst %.o,%.d,$(LIB_OBJ) $(CLI_OBJ) $(HELP_OBJ) $(call obj,$(TEST_SRC) $(BENCH_SRC)))
-include $(addsuffix .d,$(REPLAYS) $(FUZZERS))
