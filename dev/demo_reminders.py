"""Reminder rules of the demo company, what they have sent, and a promise to pay."""

from datetime import timedelta

from odoo import Command, fields

# name, values, the days and their tones
RULES = [
    ("Facture en retard", {"condition": "after"}, ((3, "1"), (10, "2"), (30, "3"))),
    ("Avant l'échéance", {"condition": "before", "amount_min": 1000}, ((5, "1"),)),
    ("Lien non payé", {"kind": "link", "active": False}, ((3, "1"), (7, "2"))),
]


def make_reminders(env, customers):
    """Make the rules, note a promise, and let the run of today take place."""
    env = env(user=env.ref("base.user_admin"))
    company = env.ref("base.main_company")
    company.write({"paylink_reminders": True, "paylink_reminder_catchup_days": 30})
    rules = env["paylink.reminder.rule"].create(
        [
            {
                "name": name,
                "step_ids": [Command.create({"days": day, "tone": tone}) for day, tone in days],
                **values,
            }
            for name, values, days in RULES
        ]
    )
    env["paylink.reminder.hold"].create(
        {
            "kind": "promise",
            "partner_id": customers[5].id,
            "date_until": fields.Date.today() + timedelta(days=10),
            "note": "Mme Peeters, par téléphone",
        }
    )
    rules._run(company)
    company.paylink_reminder_catchup_days = 7
