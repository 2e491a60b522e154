# Everything is in dev/: `python3 -m dev --help`. No target needs anything installed but Python 3.10 to 3.13.
PYTHON ?= python3
DEV = @$(PYTHON) -m dev

.DEFAULT_GOAL := help
.PHONY: help demo test lint i18n bench shell setup

help: ## show this list
	@sed -n 's/^\([a-z0-9]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## Odoo with a French demo company (PORT=8070, LISTEN=0.0.0.0, RESET=1 makes the database anew, STRIPE=fake)
	$(DEV) demo $(if $(STRIPE),--stripe $(STRIPE)) $(if $(PORT),--port $(PORT)) $(if $(LISTEN),--host $(LISTEN)) $(if $(RESET),--reset)

test: ## all tests, or T=test_link, T=test_link.TestLink.test_method, T=reminder (a subject), or several of them
	$(DEV) test $(T)

lint: ## style, code, which subject calls which, XML and translations (FIX=1 corrects what it can)
	$(DEV) lint $(if $(FIX),--fix)

i18n: ## export the translation templates and merge them into fr.po
	$(DEV) i18n

bench: ## the benchmarks, or one of them (B=links)
	$(DEV) bench $(B)

shell: ## a Python shell in the demo database (T=database for another one)
	$(DEV) shell $(T)

setup: ## fetch and install everything, start nothing
	$(DEV) setup
