"""What happens at least once, whatever chance brings: a run of the machine of ledgers in which each thing is meant.

Each step is a rule of the machine with its values; -1 picks the newest.
"""

DELIVER = ("deliver", {"limit": None, "order": "fifo", "late": False, "handle": True})


def _run_rule(outcome, days=0, unheard=False, send=True):
    return "run_rule", {"days": days, "outcome": outcome, "unheard": unheard, "send": send}


def _pay(method, outcome):
    return "pay_new_invoice", {"method": method, "outcome": outcome, "save": False}


def _refund(fails):
    return "refund_in_dashboard", {"pick": -1, "amount": 1000, "fails": fails}


def _dispute(won=None):
    return "dispute", {"pick": -1, "amount": None, "inquiry": False, "won": won}


def _ask(kind):
    return "ask_for_method", {"pick": 0, "kind": kind}


def _store(outcome):
    return "store_method", {"pick": -1, "outcome": outcome, "back": True}


WALK = (
    ("begin", {"method": "card", "known": True}),
    # Customers pay; banks and users give back.
    _pay("sepa_debit", "succeed"),
    ("settle_debit", {"pick": -1, "succeed": False}),
    _pay("card", "generic_decline"),
    DELIVER,
    ("pay_in_portal", {"pick": 0, "method": "card", "outcome": "succeed"}),
    _refund(fails=False),
    DELIVER,
    ("booked_refund_fails", {"pick": 0}),
    ("refund_in_odoo", {"pick": 0, "amount": 10}),
    _dispute(),
    DELIVER,
    ("close_dispute", {"pick": -1, "won": True, "fee_back": True}),
    ("charge_saved_method", {"pick": 0, "outcome": "succeed", "unheard": False}),
    ("register_payment", {"pick": 0, "outcome": "succeed", "paid": False}),
    ("switch_on", {"pick": 0, "new": True}),
    # Three invoices are announced: the customer objects to one, a user skips another one, the last one is charged.
    ("change_rule", {"notice": 2, "grouping": "document"}),
    _run_rule("succeed"),
    ("object_or_skip", {"pick": 0, "act": "object"}),
    ("object_or_skip", {"pick": 1, "act": "skip_or_resume"}),
    ("disturb_messages", {"kind": "drop", "times": 2}),
    _run_rule("succeed", days=2, unheard=True),
    ("run_job", {"job": "send"}),
    _refund(fails=True),
    _refund(fails=False),
    ("disturb_messages", {"kind": "duplicate", "times": 4}),
    _dispute(won=0),
    # What was skipped is charged after all: declined, tried again, and paid by the customer, who had to confirm it.
    ("change_rule", {"notice": 0, "grouping": "customer"}),
    ("object_or_skip", {"pick": 1, "act": "skip_or_resume"}),
    _run_rule("insufficient_funds"),
    _run_rule("authentication_required", days=1),
    ("pay_in_second_tab", {"pick": -1, "method": "card"}),
    # The next one is withdrawn before it is sent.
    ("switch_on", {"pick": 0, "new": True}),
    _run_rule("succeed", send=False),
    ("limit_or_switch_off", {"pick": 0, "act": "switch_off"}),
    ("run_job", {"job": "send"}),
    ("switch_on", {"pick": 0, "new": True}),
    ("limit_or_switch_off", {"pick": 0, "act": "limit"}),
    _run_rule("succeed"),
    ("charge_now", {"pick": -1, "outcome": "succeed"}),
    ("run_job", {"job": "send"}),
    # Methods are stored, linked, replaced, removed; requests end.
    _ask("new"),
    _store("generic_decline"),
    _store("succeed"),
    ("link_or_undo", {"pick": 0}),
    ("link_or_undo", {"pick": 0}),
    _ask("update"),
    _store("succeed"),
    ("link_or_undo", {"pick": 0}),
    ("remove_method", {"pick": -1, "by_user": True}),
    _ask("existing"),
    ("end_request", {"pick": -1, "expires": True}),
    _ask("existing"),
    _store("authenticate"),
    ("end_request", {"pick": -1, "expires": False}),
    _ask("existing"),
    ("remove_method", {"pick": 0, "by_user": False}),
)
