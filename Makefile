# make run     the whole system on this machine, with the curl calls to try it; Ctrl-C stops it
# make test    the whole test suite, on real servers that it starts itself
# make check   format, lint, types, import rules
# make chaos   many rounds of faults under load, and the table of what each one cost
# make docs    write the pages of docs/reference anew, from the code
# make bench   the numbers of docs/evidence/performance.md, then the peers: installs better-auth (npm) and django-allauth (pip) into .peers
# Set-up happens inside, once, in .venv: nothing is needed but Python 3.11 to 3.13 with venv.

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
