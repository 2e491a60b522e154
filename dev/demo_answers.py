"""What customers of the demo company have answered on the pages of their links."""

from datetime import timedelta

from odoo import Command, fields
from werkzeug.datastructures import MultiDict


def make_answers(env, customers):
    """Let customers say when they will pay, and in which parts."""
    env = env(user=env.ref("base.user_admin"))
    roux, *_others = customers.with_env(env)
    link = env["paylink.link"].create({"partner_id": roux.id, "amount": 340.0, "reference": "Pose de la vitrine"})
    link._issue()
    day = fields.Date.today() + timedelta(days=8)
    link.sudo()._answer_in_turn("promise", MultiDict({"date": str(day)}), None)
    _make_plan(env, roux)


def _make_plan(env, customer):
    """One of them pays an invoice in parts."""
    company = env.company
    company.write({"paylink_plan_parts": 4, "paylink_plan_least": 50})
    invoice = env["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": customer.id,
            "invoice_date": fields.Date.today(),
            "invoice_line_ids": [Command.create({"name": "Réfection du comptoir", "price_unit": 600, "tax_ids": []})],
        }
    )
    invoice.action_post()
    link = env["paylink.link"]._create_for_items([({}, invoice._paylink_open_items())], partner_id=customer.id).sudo()
    link._issue()
    link._answer_in_turn("plan", MultiDict({"plan": link._plan_offers()[1].key}), None)
