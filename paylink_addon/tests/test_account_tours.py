from odoo.tests import HttpCase, tagged

from .common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestAccountTours(PaylinkCommon, HttpCase):
    """A seller in front of a customer's account, in a real browser, in French."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("web.base.url", cls.base_url())
        cls.seller = cls._french_user("paylink_addon.group_paylink_user,base.group_partner_manager")

    def test_settle_an_account(self):
        """Account of the customer, two of three items ticked, asked for."""
        invoices = self._invoice(amount=100) + self._invoice(amount=50)
        self._invoice(amount=7)
        self.start_tour(f"/odoo/res.partner/{self.marie.id}", "paylink_account", login="camille")
        link = self.env["paylink.link"].search([("partner_id", "=", self.marie.id)])
        self.assertEqual((link.amount, link.line_ids.move_id, link.user_id), (150, invoices, self.seller))
        self.assertEqual(len(self._customer_mails(link)), 1)

    def test_send_statements(self):
        """From the customers' list to the page, which is then revoked."""
        self._invoice()
        self.marie.email = "marie@gmial.com"
        self.start_tour(f"/odoo/res.partner/{self.marie.id}", "paylink_statement", login="camille")
        statement = self.env["paylink.statement"].search([("partner_id", "=", self.marie.id)])
        self.assertEqual((bool(statement.sent_at), statement.state), (True, "revoked"))
