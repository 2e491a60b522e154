"""What customers of the demo company have answered on the pages of their links."""

from datetime import timedelta

from odoo import fields
from werkzeug.datastructures import MultiDict


def make_answers(env, customers):
    """Let a customer say when they will pay."""
    env = env(user=env.ref("base.user_admin"))
    roux, *_others = customers.with_env(env)
    link = env["paylink.link"].create({"partner_id": roux.id, "amount": 340.0, "reference": "Pose de la vitrine"})
    link._issue()
    day = fields.Date.today() + timedelta(days=8)
    link.sudo()._answer_in_turn("promise", MultiDict({"date": str(day)}), None)
