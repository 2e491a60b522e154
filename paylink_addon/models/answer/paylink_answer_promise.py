"""Stage of ``paylink.answer``: a promise to pay."""

from odoo import models
from odoo.tools import format_date


class PaylinkAnswerPromise(models.Model):
    """What a promise says; what it holds up goes on by itself once its day is over."""

    _inherit = "paylink.answer"

    def _text_promise(self, env):
        return env._("Will pay on %(date)s.", date=format_date(env, self.date_until))

    def _page_text_promise(self, env):
        return env._(
            "You will pay on %(date)s: until then we do not remind you, and charge nothing automatically.",
            date=format_date(env, self.date_until),
        )
