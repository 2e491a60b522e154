from contextlib import contextmanager
from datetime import timedelta

from odoo.tests import freeze_time

from ..card.card_common import CardCommon
from ..reminder.reminder_common import TODAY
from .plan_common import PlanCommon

# Days from the plan to its second part, to its third, and from its notice to a charge.
SECOND, THIRD, NOTICE = 31, 61, 3


class PlanStoredCommon(CardCommon, PlanCommon):
    """Plans whose later parts are charged to what their customers have stored."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.marie.lang = "en_US"
        cls.token = cls._saved(cls.marie)
        cls.link, cls.plan = cls._in_parts(cls)
        cls.link, cls.plan = cls.link.sudo(), cls.plan.sudo()

    @classmethod
    def _saved(cls, partner, **values):
        method = {"provider_id": cls.provider.id, "payment_method_id": cls.payment_method_id}
        values = {"payment_details": "4321", "provider_ref": "saved", "demo_simulated_state": "done", **values}
        return cls.env["payment.token"].sudo().create({"partner_id": partner.id, **method, **values})

    def _agree(self, token=None):
        """The first part is paid, and the customer agrees that the later ones are charged."""
        first = self.link._link_of_plan("next")
        tx = self._attempt(first, token_id=(token or self.token).id, paylink_for_later=True)
        tx._set_done()
        tx._post_process()
        return tx

    def _charges(self):
        """The charges of the plan that are stored."""
        domain = [("paylink_by_plan", "=", True), ("paylink_id.plan_part_id.plan_id", "=", self.plan.id)]
        return self.env["payment.transaction"].sudo().search(domain, order="id")

    @contextmanager
    def _on(self, days):
        with freeze_time(f"{TODAY + timedelta(days=days)} 10:00:00"):
            yield

    def _send_charges(self, days):
        """What the jobs do with what is stored."""
        with self._on(days):
            self._run_cron("ir_cron_paylink_send")
            self._run_cron("ir_cron_paylink_book")

    def _until_stored(self):
        """The charge of the second part, as it is stored on its day."""
        self._agree()
        self._follow(SECOND - NOTICE)
        self._follow(SECOND)
        return self._charges()
