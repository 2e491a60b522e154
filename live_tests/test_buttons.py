"""Everybody may press what they see: every menu, every *New*, every button of every view, in each role, in French."""

import json
import re
import unittest
from pathlib import Path

from dev.live import fresh_database, run_script

PRESSER = Path(__file__).parent / "press_buttons.py"
# What is answered with words, since only the press tells that there is nothing to do.
ANSWERED = {
    "action_settle": "nothing is ticked",
    "action_mark_read": "others' links among those ticked in the list",
    "action_retry": "the reminders ticked in the list were sent",
    "action_paylink_stripe_connect": "no key of Stripe's has been entered",
}
# What asks Stripe first, or shows what came of that: tests/stripe press these.
ASKING = {
    "payment.provider action_paylink_stripe_create_webhook",
    "payment.provider action_paylink_stripe_send_test",
    "payment.transaction action_paylink_view_events",
}


class TestButtons(unittest.TestCase):
    """Nothing that is shown ends in an error, for a seller, a colleague, an accountant, a manager, an administrator."""

    def test_every_button_every_menu_every_new(self):
        with fresh_database("buttons") as database:
            run_script(database, "from dev.demo_data import make\nmake(env)\nenv.cr.commit()\n")
            output = run_script(database, PRESSER.read_text() + "\nmain(env)\n")
        found = json.loads(re.search(r"^PRESSED (.+)$", output, re.MULTILINE)[1])
        for role, number in found["pressed"].items():
            self.assertGreater(number, 50, f"{role} has pressed too little for this to say anything")
        faults = {}
        for fault in found["faults"]:
            if not (fault["told"] and any(f": {name} with" in fault["what"] for name in ANSWERED)):
                faults.setdefault(f"{fault['what']}: {fault['error']}", []).append(fault["role"])
        faults = [f"{what} ({', '.join(roles)})" for what, roles in faults.items()]
        self.assertEqual(set(found["missed"]), ASKING, "nobody could press these")
        self.assertFalse(faults, "\n".join(faults))


if __name__ == "__main__":
    unittest.main()
