# gatepost: the two commands are `make demo` and `make test`; the rest is for who works on it.
BUILD  ?= build/main
PREFIX ?= /usr/local
NINJA   = ninja -C

.PHONY: all demo test check fuzz bench install clean gcc clang san
all: gcc

$(BUILD)/build.ninja:
	@scripts/install-deps build
	@CC=gcc meson setup $(BUILD) -Dprefix=$(PREFIX) $$(pkg-config --exists cmocka || echo -Dtests=false) >/dev/null

# What was set up for make demo alone has no tests: cmocka need not have been there.
with_tests = if [ -e $(BUILD)/build.ninja ]; then meson configure $(BUILD) -Dtests=true; fi

gcc: $(BUILD)/build.ninja
	@$(NINJA) $(BUILD) --quiet

# Builds, starts, signs in with curl over TLS, sends, and shows the message as it arrived at a second server.
demo:
	@scripts/install-deps demo
	@$(MAKE) --no-print-directory gcc
	@scripts/demo $(BUILD)/src/app/gatepost

# Everything that proves it: gates, unit tests plain and sanitised with both compilers, transcripts, fuzz targets, end to end, crash.
test:
	@scripts/install-deps test
	@$(with_tests)
	@scripts/test

check:
	@scripts/install-deps test
	@$(with_tests)
	@$(MAKE) --no-print-directory gcc clang
	@GATES=deep scripts/check $(BUILD)

$(BUILD)-clang/build.ninja:
	@CC=clang meson setup $(BUILD)-clang >/dev/null
clang: $(BUILD)-clang/build.ninja
	@$(NINJA) $(BUILD)-clang --quiet

$(BUILD)-san/build.ninja:
	@CC=clang meson setup $(BUILD)-san -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
san: $(BUILD)-san/build.ninja
	@meson configure $(BUILD)-san -Dfuzz=true >/dev/null
	@$(NINJA) $(BUILD)-san --quiet

# Coverage-guided, SECONDS_EACH for every fuzz target.
SECONDS_EACH ?= 60
fuzz:
	@scripts/install-deps test
	@$(MAKE) --no-print-directory san
	@scripts/fuzz seconds $(SECONDS_EACH)

# gatepost beside Postfix + Dovecot in one run; prints ratios.
bench:
	@scripts/install-deps bench
	@$(MAKE) --no-print-directory gcc
	@python3 bench/run.py --gatepost $(BUILD)/src/app/gatepost

# As root, unless PREFIX (and DESTDIR, for packages) is yours to write to.
install: gcc
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD) --quiet

clean:
	@rm -rf build
