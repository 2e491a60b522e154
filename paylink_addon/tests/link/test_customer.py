from lxml import etree
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools.safe_eval import safe_eval

from ..common import PaylinkCommon

GROUPS = "paylink_addon.group_paylink_user,base.group_partner_manager"


@tagged("post_install", "-at_install")
class TestCustomer(PaylinkCommon):
    """Customers show their newest link, as invoices do, without anything being stored on them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.firm = cls._customer("Lambert & Fils", is_company=True, email="firm@example.com")
        cls.clerk = cls._customer("Clerk", parent_id=cls.firm.id)
        cls.quiet = cls._customer("Quiet")
        cls.seller, cls.colleague = (cls._user(login, GROUPS) for login in ("seller", "colleague"))

    def _read(self, partner, user=None):
        partner = partner.with_user(user or self.env.user)
        partner.invalidate_recordset()
        return partner.paylink_link_id, partner.paylink_status, partner.paylink_link_count

    def _groups(self, user=None):
        Partner = self.env["res.partner"].with_user(user or self.env.user)
        domain = [("id", "in", (self.marie + self.firm + self.clerk + self.quiet).ids)]
        return dict(Partner._read_group(domain, ["paylink_status"], ["__count"]))

    def test_newest_link_is_shown(self):
        nothing = self.env["paylink.link"]
        self.assertEqual(self._read(self.quiet), (nothing, False, 0))
        first = self._free_link()
        self.assertEqual(self._read(self.marie), (first, "not_opened", 1))
        second = self._free_link()
        second._mark_opened()
        self.assertEqual(self._read(self.marie), (second, "opened", 2))
        self._pay(second)
        self.assertEqual(self._read(self.marie), (second, "paid", 2))
        self.assertEqual((self.marie.paylink_open_link_count, self.marie.paylink_is_live), (1, False))

    def test_what_is_out_comes_before_drafts(self):
        """Also in lists and filters; a draft shows where there is nothing else."""
        sent = self._free_link()
        drafts = self.env["paylink.link"].create(
            [{"partner_id": partner.id, "amount": 10} for partner in (self.marie, self.quiet)]
        )
        self.assertEqual(self._read(self.marie), (sent, "not_opened", 2))
        self.assertEqual(self._read(self.quiet), (drafts[1], "draft", 1))
        self.assertEqual(self._groups(), {"draft": 1, "not_opened": 1, False: 2})

    def test_sales_receipts_are_found_like_invoices(self):
        """By each filter of ours, in the columns of lists, and where an invoice is chosen."""
        receipts = {move_type: self._invoice(move_type=move_type) for move_type in ("out_receipt", "out_invoice")}
        Move = self.env["account.move"]
        search = etree.fromstring(Move.get_view(view_type="search")["arch"])
        domains = {
            one.get("name"): safe_eval(one.get("domain"))
            for one in search.iter("filter")
            if (one.get("name") or "").startswith("paylink_") and one.get("domain")
        }
        fields_ = (
            self.env["paylink.reminder.hold"]._fields["move_id"],
            self.env["paylink.reminder.lookup"]._fields["move_id"],
        )
        for move_type, move in receipts.items():
            with self.subTest(move_type=move_type):
                self.assertTrue(move.paylink_can_send)
                self.assertIn("paylink_none", self._filters_with(domains, move))
                for field in fields_:
                    self.assertIn(move, Move.search(safe_eval(field.domain)))
                link = self._link(move)
                self.assertTrue(link.line_ids.is_invoice)
                self.assertEqual(self._filters_with(domains, move), {"paylink_waiting"})
                self._pay(link)
                self.assertEqual(self._filters_with(domains, move), {"paylink_paid"})

    def _filters_with(self, domains, move):
        return {name for name, domain in domains.items() if move in self.env["account.move"].search(domain)}

    def test_company_shows_its_contacts_links(self):
        """Up the hierarchy, not down: the company's, also of an archived contact, is not the contact's."""
        of_firm = self._free_link(partner_id=self.firm.id)
        of_clerk = self._free_link(partner_id=self.clerk.id)
        self.assertEqual(self._read(self.firm), (of_clerk, "not_opened", 2))
        self.assertEqual(self._read(self.clerk), (of_clerk, "not_opened", 1))
        of_clerk.action_cancel()
        self.clerk.active = False
        self.assertEqual(self._read(self.firm), (of_clerk, "cancelled", 2))
        Partner = self.env["res.partner"].with_context(active_test=False)
        both = Partner.search([("paylink_link_id", "in", (of_firm + of_clerk).ids), ("id", "child_of", self.firm.id)])
        self.assertEqual(both, self.firm + self.clerk)

    def test_search_and_group(self):
        self._free_link()
        self._free_link(partner_id=self.clerk.id)._mark_opened()
        Partner = self.env["res.partner"]
        ours = self.marie + self.firm + self.clerk + self.quiet
        cases = [
            ([("paylink_status", "=", "not_opened")], self.marie),
            ([("paylink_status", "in", ("opened", "paid"))], self.firm + self.clerk),
            ([("paylink_status", "not in", ("opened", "paid"))], self.marie + self.quiet),
            ([("paylink_status", "=", False)], self.quiet),
            ([("paylink_status", "!=", False)], self.marie + self.firm + self.clerk),
            ([("paylink_link_id", "=", False)], self.quiet),
            ([("paylink_link_id.state", "=", "open")], self.marie + self.firm + self.clerk),
            ([("parent_id.paylink_status", "=", "opened")], self.clerk),
        ]
        for domain, expected in cases:
            with self.subTest(domain=domain):
                self.assertEqual(Partner.search([("id", "in", ours.ids), *domain]), expected.sorted())
        with self.assertQueryCount(1):  # no ids of links go back and forth
            Partner.search([("paylink_link_id.state", "=", "open")])
        self.assertEqual(self._groups(), {"not_opened": 1, "opened": 2, False: 1})
        ordered = Partner.search([("id", "in", ours.ids)], order="paylink_status, id")
        self.assertEqual(ordered[0], self.marie)
        grouped = Partner.web_read_group([("id", "in", ours.ids)], ["paylink_status"], ["__count"])
        self.assertEqual(sum(group["__count"] for group in grouped["groups"]), 4)

    def test_colleagues_and_other_companies_links_do_not_show(self):
        """Customers are shared: who may not see a link doesn't see its status on the customer either."""
        self._free_link(user_id=self.colleague.id)
        other = self._other_company()
        self.env["paylink.link"].create(
            {"company_id": other.id, "partner_id": self.quiet.id, "amount": 5, "user_id": self.seller.id}
        )
        for partner in (self.marie, self.quiet):
            self.assertEqual(self._read(partner, self.seller)[1:], (False, 0))
        self.assertEqual(self._read(self.marie, self.colleague)[1:], ("not_opened", 1))
        self.assertEqual(self._groups(self.seller), {False: 4})
        self.assertEqual(self._groups(self.colleague), {False: 3, "not_opened": 1})
        Partner = self.env["res.partner"].with_user(self.seller)
        self.assertFalse(Partner.search([("paylink_status", "!=", False)]))

    def test_employees_without_the_right_see_nothing(self):
        self._free_link()
        employee = self._user("employee", "base.group_user")
        Partner = self.env["res.partner"].with_user(employee)
        for read in (
            lambda: self.marie.with_user(employee).read(["paylink_status"]),
            lambda: Partner.search([("paylink_status", "=", "not_opened")]),
            lambda: Partner._read_group([], ["paylink_status"], ["__count"]),
            lambda: Partner.search([], order="paylink_status"),
        ):
            with self.assertRaises(AccessError):
                read()
        self.assertNotIn("paylink_status", Partner.get_view(self.env.ref("base.view_partner_form").id)["arch"])

    def test_actions_are_those_of_the_newest_link(self):
        self._free_link()
        newest = self._free_link()
        self.assertEqual(self.marie.action_paylink_open()["res_id"], newest.id)
        self.assertEqual(self.marie.action_paylink_copy()["params"]["text"], newest.url)
        self.assertEqual(self.marie.action_paylink_send()["context"]["active_ids"], self.marie.ids)
        for action in ("action_paylink_open", "action_paylink_copy"):
            with self.assertRaisesRegex(UserError, "No collection link has been made for Quiet"):
                getattr(self.quiet, action)()

    def test_form_stands_while_it_is_edited(self):
        self._free_link()
        with Form(self.marie) as form:
            form.name = "Marie Dupont"
            self.assertEqual(form.paylink_status, "not_opened")

    def test_lists_take_few_queries(self):
        """The same number for 5 customers and for 50."""
        partners = self.env["res.partner"].create([{"name": f"Customer {n}"} for n in range(50)])
        self.env["paylink.link"].create(
            [{"partner_id": partner.id, "amount": 5, "user_id": self.seller.id} for partner in partners] * 2
        )._issue()
        fields = ["paylink_status", "paylink_sent_at", "paylink_link_count"]
        counts = []
        for some in (partners[:1], partners[:5], partners):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            some.with_user(self.seller).read(fields)
            counts.append(self.env.cr.sql_log_count - before)
        # The first reading also learns the user's rights.
        self.assertEqual(counts[1], counts[2])
        self.assertEqual(set(partners.with_user(self.seller).mapped("paylink_link_count")), {2})

    def test_invoices_still_show_everyones(self):
        """An invoice's status is known to all who see the invoice, for a colleague's link too; it groups likewise."""
        invoice = self._invoice(self.john)
        self._link(invoice, user_id=self.colleague.id)
        self.seller.group_ids |= self.env.ref("account.group_account_invoice")
        seen = invoice.with_user(self.seller)
        self.assertEqual((seen.paylink_status, seen.paylink_is_readable), ("not_opened", False))
        groups = dict(seen._read_group([("id", "=", invoice.id)], ["paylink_status"], ["__count"]))
        self.assertEqual(groups, {"not_opened": 1})
