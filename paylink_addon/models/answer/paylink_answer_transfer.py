"""Stage of ``paylink.answer``: a transfer that is made, as the customer says."""

from odoo import models
from odoo.tools import format_date


class PaylinkAnswerTransfer(models.Model):
    """What is said of an announced transfer, until the bank shows it."""

    _inherit = "paylink.answer"

    def _text_transfer(self, env):
        return env._(
            "Transfer of %(amount)s on %(date)s, as the customer says. It is paid once the bank shows it.",
            **self._transfer_facts(env),
        )

    def _page_text_transfer(self, env):
        text = env._(
            "You told us about a transfer of %(amount)s on %(date)s. This page says so as soon as it has arrived.",
            **self._transfer_facts(env),
        )
        paused_until = self.link_id._claim_pauses_until()
        if not paused_until:
            return text
        paused = env._("We do not remind you until %(date)s.", date=format_date(env, paused_until))
        return f"{text} {paused}"

    def _transfer_facts(self, env):
        return {"amount": self.link_id._amount_text(self.amount, env), "date": format_date(env, self.date)}

    def _stands_transfer(self):
        return not self.sudo().link_id._claim_has_come()

    def _undo_transfer(self):
        self.link_id._withdraw_claim()
