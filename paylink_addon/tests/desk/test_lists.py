from datetime import timedelta
from unittest.mock import patch

from lxml import etree
from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from ..common import PaylinkCommon
from ..filters_common import asked_field, chosen, filter_groups


@tagged("post_install", "-at_install")
class TestLists(PaylinkCommon):
    """What the lists of payments show, and by what they are filtered and grouped."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller, cls.everyone, cls.manager = cls._people("seller", "everyone", "manager")
        yesterday = fields.Date.today() - timedelta(days=1)
        own = {"user_id": cls.seller.id, "send_email": False}
        cls.late = cls._link(cls._invoice(invoice_date_due=yesterday), **own)
        cls.late_and_paid = cls._link(cls._invoice(amount=700, invoice_date_due=yesterday), **own)
        cls._attempt(cls.late_and_paid)._set_error("Not enough money")
        cls._pay(cls.late_and_paid)
        cls.free = cls._free_link(5000, send_sms=True, user_id=cls.seller.id)
        cls.free.action_send()
        cls.draft = cls.env["paylink.link"].create({"partner_id": cls.john.id, "amount": 99, "user_id": cls.seller.id})
        cls.links = cls.late + cls.late_and_paid + cls.free + cls.draft
        cls.env.flush_all()

    def _as(self, user):
        return self.env["paylink.link"].with_user(user).with_context(lang="en_US", tz="Europe/Paris")

    def test_what_is_filtered_by(self):
        paid_by = [("last_provider_name", "ilike", "demo"), ("last_method_id", "=", self.payment_method_id)]
        table = [
            ([("is_late", "=", True)], self.late),
            ([("is_late", "=", False)], self.links - self.late),
            ([("due_on", "<", "today")], self.late + self.late_and_paid),
            ([("channel", "=", "email_sms")], self.free),
            ([("channel", "=", "copied")], self.late + self.late_and_paid),
            ([("channel", "=", False)], self.draft),
            (paid_by, self.late_and_paid),
            ([("last_provider_id", "=", False)], self.links - self.late_and_paid),
            ([("amount_range", "=", "a")], self.draft),
            ([("amount_range", "in", ("b", "c"))], self.late + self.late_and_paid),
            ([("amount_range", "=", "e")], self.free),
            ([("delivery_state", "=", "failed")], self.draft.browse()),
        ]
        for domain, expected in table:
            with self.subTest(domain):
                found = self._as(self.seller).search([*domain, ("id", "in", self.links.ids)])
                self.assertEqual(found.sorted("id"), expected.sorted("id"))

    def test_every_filter_and_group_works_for_who_sees_own_payments_only(self):
        """In SQL: as many queries, whatever there is."""
        Link = self._as(self.seller)
        arch = etree.fromstring(Link.get_view(view_type="search")["arch"])
        names = {node.get("name") for node in arch.iter("filter")}
        wanted = "unread mine overdue by_email by_sms by_copy has_chargeback not_consolidated of_items of_free"
        self.assertLessEqual(set(wanted.split()), names)
        Link.search_count([("is_late", "=", True)])
        groups = set()
        for node in arch.iter("filter"):
            domain = safe_eval(node.get("domain") or "[]", {"uid": self.seller.id})
            group = safe_eval(node.get("context") or "{}").get("group_by")
            groups.add(group)
            with self.subTest(node.get("name")), self.assertQueryCount(6, flush=False):  # names of groups are read
                if group:
                    found = Link.formatted_read_group([], [group], ["__count"])
                    self.assertEqual(sum(own["__count"] for own in found), len(self.links))
                else:
                    Link.search_count(domain)
        grouped = "status kind channel last_provider_id last_method_id amount_range is_late has_chargeback consolidated"
        self.assertLessEqual({*grouped.split(), "unread", "user_id", "partner_id"}, groups)

    def test_filters_narrow_each_other(self):
        Link = self._as(self.seller)
        arch = Link.get_view(view_type="search")["arch"]
        own = self.late + self.late_and_paid + self.free
        self.late.sudo().unread, self.late_and_paid.sudo().unread = True, False
        table = [
            (("mine",), own + self.draft),
            (("mine", "unread"), self.late),
            (("waiting", "overdue"), self.late),
            (("waiting", "of_free"), self.free),
            (("waiting", "of_free", "of_items"), self.late + self.free),
            (("paid", "draft", "not_consolidated"), self.late_and_paid),
            (("paid", "not_opened", "failed_attempts"), self.late_and_paid),
            (("paid", "not_opened"), own),
        ]
        for names, expected in table:
            with self.subTest(names):
                found = Link.search(chosen(arch, names, self.seller.id) & Domain("id", "in", self.links.ids))
                self.assertEqual(found.sorted("id"), expected.sorted("id"))

    def test_each_kind_and_channel_can_be_filtered_by(self):
        arch = self._as(self.seller).get_view(view_type="search")["arch"]
        nodes = [node for group in filter_groups(arch) for node in group]
        for name, more in (("kind", set()), ("channel", {"email_sms"})):
            known = {value for field, values in map(asked_field, nodes) if field == name for value in values}
            with self.subTest(name):
                self.assertEqual(known | more, set(self.links._fields[name].get_values(self.env)))

    def test_customers_do_not_sort_by_what_staff_see(self):
        portal = self._user("portal", "base.group_portal")
        for name in ("is_late", "due_on"):
            with self.subTest(name), self.assertRaises(AccessError):
                self._as(portal).search([], order=name)

    def test_due_date_is_that_of_what_is_asked_for(self):
        """Not the day of a credit; of a payment plan that of the next part, and of the link of a part its own."""
        today = fields.Date.today()
        soon, ago, month = (today + timedelta(days=days) for days in (20, -60, 30))
        late = self._invoice(amount=200, invoice_date=ago, invoice_date_due=ago)
        credit = self._invoice(amount=50, move_type="out_refund", invoice_date=ago, invoice_date_due=ago)
        link = self._link(self._invoice(invoice_date_due=soon) + credit)
        self.assertEqual((link.due_on, link.is_late), (soon, False))
        self.assertEqual(self._link(credit).due_on, ago)
        link = self._link(late).sudo()
        self.assertTrue(link.is_late)
        plan = link._agree_on_plan([(today, 100.0), (month, 100.0)])
        parts = plan.part_ids._with_links().link_id
        self.assertEqual([one.due_on for one in link + parts], [today, today, month])
        self.assertEqual((link + parts).mapped("is_late"), [False] * 3)
        self._pay(parts[0])
        self.assertEqual([one.due_on for one in link + parts], [month, today, month])
        plan._end("ended", "")
        self.assertEqual((link.due_on, link.is_late), (ago, True))

    def test_calendar_names_what_is_asked_for(self):
        """As lists do: once, not what was canceled, nor credits."""
        self._entries(self.marie, 2)
        entries = self._items(self.env["account.move"].search([("line_ids.name", "=", "Opening")])).move_id
        canceled, invoice = self._invoice(), self._invoice()
        credit = self._invoice(amount=10, move_type="out_refund")
        link = self._link(entries + canceled + invoice + credit, partner_id=self.marie.id)
        self.assertIn(canceled.name, link.calendar_documents)
        canceled.button_draft()
        canceled.button_cancel()
        self.assertEqual(sorted(link.calendar_documents.split(", ")), sorted([invoice.name, "Opening"]))

    def test_views_of_both_menus(self):
        for name in ("paylink_link_action", "paylink_link_action_all"):
            action = self.env.ref(f"paylink_addon.{name}")
            with self.subTest(name):
                modes = action.view_mode.split(",")
                self.assertLessEqual({"list", "kanban", "calendar", "pivot", "graph"}, set(modes))
                views = self._as(self.seller).get_views([(False, mode) for mode in [*modes, "search"]])["views"]
                self.assertEqual(etree.fromstring(views["calendar"]["arch"]).get("date_start"), "expires_on")
                self.assertEqual(etree.fromstring(views["kanban"]["arch"]).get("default_group_by"), "status")

    def test_what_is_done_with_what_is_ticked_is_done_from_cards_too(self):
        types = {}
        for kind in ("ir.actions.server", "ir.actions.act_window", "ir.actions.report"):
            actions = self.env[kind].sudo().search([("binding_model_id", "!=", False)])
            for action in actions:
                name = action.get_external_id()[action.id]
                types |= {name: action.binding_view_types.split(",")} if name.startswith("paylink_addon") else {}
        self.assertIn("list", types["paylink_addon.action_paylink_link_remind"])
        self.assertFalse([name for name, views in types.items() if "list" in views and "kanban" not in views])

    def test_cards_stand_below_each_other_on_phones(self):
        for mobile, expected in ((False, "status"), (True, None)):
            views = self._as(self.seller).get_views([(False, "kanban")], {"mobile": mobile})["views"]
            self.assertEqual(etree.fromstring(views["kanban"]["arch"]).get("default_group_by"), expected)

    def test_groups_of_statuses_stand_in_the_order_of_a_link_s_life(self):
        groups = self._as(self.seller).with_context(read_group_expand=True).web_read_group([], ["status"])["groups"]
        self.assertEqual([group["status"] for group in groups], ["draft", "not_opened", "paid"])

    def test_each_attempt_and_its_reason(self):
        link = self.late_and_paid.with_user(self.seller)
        self.assertEqual(link.attempt_display, "paid at the 2nd attempt")
        failed, paid = link.attempt_detail.splitlines()
        self.assertIn("Not enough money", failed)
        self.assertIn("Paid", paid)
        self.assertEqual((self.late.attempt_display, self.late.attempt_detail), (False, False))
        links = self._as(self.seller).browse(self.links.ids)
        self.env.invalidate_all()
        with self.assertQueryCount(12):
            links.mapped("attempt_detail")

    def test_who_left_and_may_come_back_has_tried(self):
        link = self._link(self._invoice(), user_id=self.seller.id)
        self._attempt(link)._set_error("Not enough money")
        left = self._attempt(link)
        with patch.object(type(left), "_paylink_page_lasts", lambda _tx: True):
            left._paylink_abandon()
        self.assertEqual((left.state, link.attempt_count), ("draft", 2))
        for lang, said in (("en_US", "left without paying"), ("fr_FR", "parti sans payer")):
            with self.subTest(lang):
                told = link.with_user(self.seller).with_context(lang=lang).attempt_detail
                self.assertEqual(len(told.splitlines()), 2)
                self.assertIn(said, told.splitlines()[-1])

    def test_list_shows_it_to_who_may_not_read_providers(self):
        names = ("attempt_count", "attempt_detail", "channel", "calendar_title", "calendar_documents")
        specification = {name: {} for name in names}
        specification |= {"last_provider_id": {"fields": {"display_name": {}}}}
        row = self.late_and_paid.with_user(self.seller).web_read(specification)[0]
        self.assertEqual(row["last_provider_id"]["display_name"], self.provider.name)
        self.assertIn("Marie Dubois", row["calendar_title"])
        self.assertEqual(row["calendar_documents"], self.late_and_paid.line_ids.move_id.name)
