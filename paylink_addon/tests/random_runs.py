"""How the tests that do random things are run: here alone."""

import os

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from odoo.tools import SQL

# What grows while they run.
GROWING = (
    "account_full_reconcile",
    "account_move",
    "account_move_line",
    "account_partial_reconcile",
    "account_payment",
    "mail_message",
    "paylink_event",
    "paylink_link",
    "paylink_link_line",
    "payment_transaction",
    "res_partner",
)


def random_settings(name, runs, **values):
    """Hypothesis' settings: what fails is shown as it was found, since each example takes a while.

    :param str name: as in ``PAYLINK_<name>_RUNS``, by which more runs can be asked for
    :param int runs: how many there are by default
    """
    return settings(
        max_examples=int(os.environ.get(f"PAYLINK_{name}_RUNS") or runs),
        deadline=None,
        database=None,
        print_blob=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        **values,
    )


def run_machine(machine, test, name, runs, steps, first=0):
    """Run a state machine as a part of ``test``, which it finds in its attribute ``test``.

    For more and other runs: ``PAYLINK_<name>_RUNS=200 PAYLINK_<name>_SEED=1``; longer ones: ``PAYLINK_<name>_STEPS``.

    :param int first: the seed by default
    """
    machine.test = test
    seed(int(os.environ.get(f"PAYLINK_{name}_SEED") or first))(machine)
    steps = int(os.environ.get(f"PAYLINK_{name}_STEPS") or steps)
    run_state_machine_as_test(machine, settings=random_settings(name, runs, stateful_step_count=steps))


def analyze(env):
    """Nobody else sees the rows of a long transaction: the planner would take the tables for empty, and need seconds
    for some of Odoo's queries.
    """
    env.flush_all()
    env.cr.execute(SQL("ANALYZE %s", SQL(", ").join(map(SQL.identifier, GROWING))))
