"""What `make` runs: fetch Odoo, start a database, run, test, lint, measure."""
