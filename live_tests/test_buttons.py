"""Everybody may press what they see: every menu, every *New*, every button of every view, in each role, in French.

``PAYLINK_SAMPLES=100`` presses each button on as many records as that, where there are so many that look different.
"""

import json
import re
import unittest
from pathlib import Path

from dev.demo_stripe import fake_stripe
from dev.live import fresh_database, run_script

PRESSER = Path(__file__).parent / "press_buttons.py"
# What is answered with words, since only the press tells that there is nothing to do, or not for this user.
ANSWERED = {
    ": action_settle": "nothing is ticked",
    ": action_run": "reminders are off, for who is to switch them on",
    ": action_run_now": "reminders, or automatic payments, are off",
    "paylink_addon.paylink_charge_now_action": "the customer has stored no payment method",
    "dialog paylink.send: action_send": "all of what was chosen is asked for, paid or invoiced already",
    ": action_mark_read": "others' links among those ticked in the list",
    ": action_bulk_read": "a link of somebody else's, or one that is read",
    ": action_consolidate": "a link that is not paid, or is consolidated",
    "dialog paylink.bulk: action_run": "no reason is given why the consolidation is undone",
    "(list): action_revoke": "others' pages among those ticked in the list",
    ": action_retry": "the reminders ticked in the list were sent",
    ": action_look_up": "neither a customer nor an invoice is chosen",
    ": action_renew": "what the link asked for has been paid otherwise",
    ": action_reject": "what was ticked in the list has been accepted just before",
    ": action_paylink_stripe_connect": "no key of Stripe's has been entered",
    ": action_use": "no key of Stripe's has been entered",
    "dialog paylink.plan.make: action_make": "parts that are smaller than the settings allow, for a seller",
    "dialog paylink.bank.match.choose: action_match": "nothing is chosen, or what does not go together",
}


class TestButtons(unittest.TestCase):
    """Nothing that is shown ends in an error, for a seller, a colleague, an accountant, a manager, an administrator."""

    def test_every_button_every_menu_every_new(self):
        with fresh_database("buttons") as database, fake_stripe() as settings:
            run_script(database, "from dev.demo_data import make\nmake(env)\nenv.cr.commit()\n")
            start = f"os.environ.update({settings!r})\nmain(env)\n"
            output = run_script(database, f"{PRESSER.read_text()}\n{start}")
        found = json.loads(re.search(r"^PRESSED (.+)$", output, re.MULTILINE)[1])
        for role, number in found["pressed"].items():
            self.assertGreater(number, 50, f"{role} has pressed too little for this to say anything")
        faults = {}
        for fault in found["faults"]:
            answers = [name for name in ANSWERED if f"{name} with" in fault["what"]]
            if not any(fault["told"] or "(list)" in name for name in answers):
                faults.setdefault(f"{fault['what']}: {fault['error']}", []).append(fault["role"])
        faults = [f"{what} ({', '.join(roles)})" for what, roles in faults.items()]
        self.assertFalse(faults, "\n".join(faults))
        self.assertFalse(found["missed"], "nobody could press these")


if __name__ == "__main__":
    unittest.main()
