# make run     run the whole system on this machine, and print curl calls to try it; Ctrl-C stops it
# make test    run the whole test suite, on real servers that it starts itself
# make check   check format, lint, types and import rules
# make chaos   run many rounds of faults under load, and print the cost of each fault
# make docs    write the pages of docs/reference again, from the code
# make bench   measure the numbers of docs/evidence/performance.md, then the peers: installs better-auth (npm) and
#              django-allauth (pip) into .peers
# Each target first sets up .venv if that is not done. You need only Python 3.11 to 3.13 with venv.

.DEFAULT_GOAL := run
.PHONY: run test check chaos docs bench setup embedded dev

run: embedded
	@exec .venv/bin/authsession up

test: setup
	@.ci/test

check: setup
	@.ci/check

chaos: setup
	@CHAOS_ROUNDS=$${CHAOS_ROUNDS:-10} .ci/test --timeout 1800 tests/chaos

docs: setup
	@exec .venv/bin/python -m docs.generate

bench: setup
	@.venv/bin/python -m bench
	@exec .venv/bin/python -m bench.peers

setup: dev

embedded dev:
	@requirements/install $@
