from odoo.tests import tagged

from ..browser_common import ToursCommon


@tagged("post_install", "-at_install")
class TestTours(ToursCommon):
    """What users do in the backend and in the portal, in a real browser, in French."""

    seller_groups = "account.group_account_invoice"

    def test_send_from_an_invoice(self):
        invoice = self._invoice(amount=120)
        self.start_tour(f"/odoo/customer-invoices/{invoice.id}", "paylink_send_invoice", login="camille")
        link = invoice.paylink_link_id
        self.assertEqual((link.state, link.amount, link.user_id), ("open", 120, self.seller))
        self.assertEqual(len(self._customer_mails(link)), 1)

    def test_send_from_the_list(self):
        invoices = self._invoice() + self._invoice(self.john)
        self.start_tour("/odoo/customer-invoices", "paylink_send_list", login="camille")
        self.assertEqual(invoices.mapped("paylink_status"), ["not_opened", "not_opened"])

    def test_ask_a_customer(self):
        self.start_tour(f"/odoo/res.partner/{self.john.id}", "paylink_ask_customer", login="camille")
        link = self.env["paylink.link"].search([("partner_id", "=", self.john.id)])
        self.assertEqual((link.kind, link.amount, link.reference), ("free", 250, "Contrat 7"))

    def test_ask_a_customer_in_another_currency(self):
        foreign = self.setup_other_currency("CAD")
        self.seller.group_ids |= self.env.ref("base.group_multi_currency")
        self._invoice(self.john, amount=80)
        self._invoice(self.john, amount=30, currency_id=foreign.id)
        self.start_tour(f"/odoo/res.partner/{self.john.id}", "paylink_ask_in_currency", login="camille")
        link = self.env["paylink.link"].search([("partner_id", "=", self.john.id)])
        self.assertEqual((link.kind, link.amount, link.currency_id), ("free", 45, foreign))

    def test_send_an_overlapping_link_again(self):
        invoice = self._invoice()
        link = self._link(invoice + self._invoice(amount=50), user_id=self.seller.id)
        self.start_tour(f"/odoo/customer-invoices/{invoice.id}", "paylink_send_overlapping", login="camille")
        self.assertEqual(invoice.paylink_link_id, link)
        self.assertEqual(len(self._customer_mails(link)), 1)

    def test_long_sms(self):
        invoice = self._invoice()
        self.start_tour(f"/odoo/customer-invoices/{invoice.id}", "paylink_long_sms", login="camille")
        sms = self.env["sms.sms"].sudo().search([("mail_message_id.res_id", "=", invoice.paylink_link_id.id)])
        self.assertEqual(sms.body, "x" * 170)

    def test_type_an_address_among_many(self):
        self.seller.group_ids |= self.env.ref("base.group_partner_manager")
        nobody = self._customer("Nobody")
        self._invoice(nobody)
        self._invoice()
        self.start_tour("/odoo/customer-invoices", "paylink_type_address", login="camille")
        self.assertEqual(nobody.email, "new@example.com")

    def test_customers_by_status(self):
        self._invoice(self.john)
        self._link(self._invoice(), user_id=self.seller.id)
        self.start_tour("/odoo/customers", "paylink_customers", login="camille")

    def test_follow_links(self):
        """List, search, form, copy and cancel, as the owner uses them."""
        link = self._link(self._invoice(), user_id=self.seller.id)
        self.start_tour("/odoo/action-paylink_addon.paylink_link_action", "paylink_follow", login="camille")
        self.assertEqual(link.state, "cancelled")

    def test_new_link(self):
        self.start_tour("/odoo/action-paylink_addon.paylink_link_action", "paylink_new_link", login="camille")
        link = self.env["paylink.link"].search([("partner_id", "=", self.john.id)])
        self.assertEqual((link.kind, link.amount, link.reference, link.state), ("free", 250, "Contrat 7", "open"))
        self.assertEqual(len(self._customer_mails(link)), 1)

    def test_settings(self):
        self.start_tour("/odoo/action-paylink_addon.paylink_config_action", "paylink_settings", login="admin")

    def test_portal(self):
        user = self._create_new_portal_user(login="client")
        user.partner_id.parent_id = self.marie
        self._link(self._invoice())
        self.start_tour("/my", "paylink_portal", login="client")


@tagged("post_install", "-at_install")
class TestToursPhone(ToursCommon):
    """The same on a phone, where lists are cards."""

    seller_groups = "account.group_account_invoice"

    browser_size = "390x844"
    touch_enabled = True

    def test_correct_an_address_among_many(self):
        foreign = self.setup_other_currency("CAD")
        self._invoice(amount=80)
        self._invoice(amount=30, currency_id=foreign.id)
        self.start_tour(f"/odoo/res.partner/{self.marie.id}", "paylink_phone_address", login="camille")
        links = self.env["paylink.link"].search([("partner_id", "=", self.marie.id)])
        self.assertEqual(sorted(links.mapped("email")), ["marie@example.com", "new@example.com"])
        self.assertEqual(sorted(links.mapped("amount")), [30, 80])


@tagged("post_install", "-at_install")
class TestSmallScreen(ToursCommon):
    """A small screen has room for all our menus, and for the titles of our lists, in French, for who sees most."""

    browser_size = "1280x720"
    seller_groups = "base.group_system,account.group_account_manager,paylink_addon.group_payment_manager"

    def test_no_menu_is_left_for_another_one(self):
        self.seller.company_ids |= self.env["res.company"].create({"name": "Établissements Lambert et Fils"})
        self.start_tour("/odoo/action-paylink_addon.paylink_link_action", "paylink_menu_bar", login="camille")

    def test_titles_and_statuses_are_not_cut(self):
        """In the list of each menu, as it is at first: widths that follow from others are known to browsers only."""
        self.start_tour("/odoo/action-paylink_addon.paylink_link_action", "paylink_titles", login="camille")
