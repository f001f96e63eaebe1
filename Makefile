# The door: what a person types. Meson builds (meson.build), scripts do the rest.

PREFIX ?= /usr/local
BUILD ?= build
# Warnings are errors where nobody would read them.
WERROR ?= $(if $(CI),true,false)
export PREFIX BUILD WERROR

help:
	@echo 'make run                 build kin and show what it does'
	@echo 'make test                build it twice, plain and with sanitizers, and test both'
	@echo 'make bench               build and run the benches'
	@echo 'make lint                check layers, formats, headers, and look for bugs'
	@echo 'make install PREFIX=DIR  install (default: $(PREFIX); DESTDIR is honoured)'
	@echo 'make clean               remove what was built'
	@echo
	@echo 'scripts/test WORD runs the test files with WORD in their names.'

run:
	@scripts/setup build
	@scripts/build release kin
	@scripts/demo $(BUILD)/release

test:
	@scripts/setup build test
	@scripts/test

bench:
	@scripts/setup build
	@scripts/build bench
	@bench/run $(BUILD)/bench
	@bench/command $(BUILD)/bench

lint:
	@scripts/setup lint
	@scripts/lint

install:
	@scripts/setup build
	@scripts/build install
	@meson install -C $(BUILD)/install --no-rebuild --quiet
	@echo 'kin is installed in $(DESTDIR)$(PREFIX)'

clean:
	rm -rf $(BUILD)

.PHONY: help run test bench lint install clean
