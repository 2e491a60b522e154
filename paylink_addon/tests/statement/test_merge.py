from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged

from ..common import PaylinkCommon

GROUPS = "paylink_addon.group_paylink_user,base.group_partner_manager"


@tagged("post_install", "-at_install")
class TestMerge(PaylinkCommon, HttpCase):
    """Customers that are merged by Odoo's own wizard: nothing of ours is in its way, and nothing gets lost."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.twin = cls._customer("Marie Duboys", email="marie@example.com")
        cls.seller, cls.colleague = (cls._user(login, GROUPS) for login in ("seller", "colleague"))

    def _statement(self, partner, company=None, user=None, issue=True):
        Statement = self.env["paylink.statement"].with_company(company or self.company)
        statement = Statement.with_user(user or self.env.user)._for_customers(partner).with_env(self.env)
        if issue:
            statement._activate()
        return statement

    def _page(self, statement):
        return self.url_open(f"/account/{statement.access_token}")

    # === BY REFLECTION === #

    def test_nothing_of_ours_is_unique_by_partner_without_being_merged(self):
        """Odoo moves what refers to a partner in SQL: what a unique index or a check holds fast it can't, or deletes.

        But for tables of pairs, which it knows how to merge.
        """
        self.env.cr.execute(
            """
            SELECT i.indexrelid::regclass::text, c.relname
              FROM pg_index i
              JOIN pg_class c ON c.oid = i.indrelid
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
              JOIN pg_constraint fk ON fk.conrelid = c.oid AND fk.contype = 'f' AND fk.conkey = ARRAY[a.attnum]
             WHERE i.indisunique AND fk.confrelid = 'res_partner'::regclass AND c.relname ~ '^(paylink|loyalty_card)'
               AND c.relnatts > 2
             UNION
            SELECT con.conname, c.relname
              FROM pg_constraint con
              JOIN pg_class c ON c.oid = con.conrelid
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(con.conkey)
              JOIN pg_constraint fk ON fk.conrelid = c.oid AND fk.contype = 'f' AND fk.conkey = ARRAY[a.attnum]
             WHERE con.contype IN ('c', 'u') AND fk.confrelid = 'res_partner'::regclass
               AND c.relname ~ '^(paylink|loyalty_card)'
            """
        )
        found = {table for _name, table in self.env.cr.fetchall()}
        self.assertEqual(found, {"paylink_statement", "paylink_autopay_page", "paylink_stripe_customer"})
        for table in found:
            model = table.replace("_", ".")
            self.assertTrue(hasattr(self.env[model], "_merge_customers"), model)

    def test_every_reference_to_a_partner_of_ours_follows(self):
        """Also those that only tables of many to many have."""
        models = [model for name, model in self.env.items() if name.startswith("paylink.") and model._auto]
        wanted = {
            (field.relation if field.type == "many2many" else model._table, getattr(field, "column2", 0) or field.name)
            for model in models
            for field in model._fields.values()
            if field.store and field.comodel_name == "res.partner" and field.type in ("many2one", "many2many")
        }
        moved = set(self.env["base.partner.merge.automatic.wizard"]._get_fk_on("res_partner"))
        self.assertTrue(wanted)
        self.assertFalse(wanted - moved)

    # === STATEMENTS === #

    def test_both_addresses_show_the_account_of_the_merged_customer(self):
        for target in ("marie", "twin"):
            with self.subTest(target=target), self.env.cr.savepoint() as savepoint:
                pages = self._statement(self.marie), self._statement(self.twin)
                invoices = self._invoice(self.marie, 100), self._invoice(self.twin, 20)
                customer = getattr(self, target)
                self._merge(self.marie | self.twin, customer)
                for page in pages:
                    answer = self._page(page)
                    self.assertEqual(answer.status_code, 200)
                    for invoice in invoices:
                        self.assertIn(invoice.name, answer.text)
                self.assertEqual(self._statement(customer), pages[0] if target == "marie" else pages[1])
                savepoint.rollback()

    def test_three_pages_in_two_companies(self):
        """In each company one page goes on: one that is alive."""
        other = self._other_company()
        third = self._customer("M. Dubois", email="marie@example.com")
        pages = {
            (partner, company): self._statement(partner, company)
            for partner in (self.marie, self.twin, third)
            for company in (self.company, other)
        }
        pages[self.marie, other].action_revoke()
        self._merge(self.marie | self.twin, self.marie)
        self._merge(self.marie | third, third)
        self.assertEqual(self._statement(third), pages[third, self.company])
        self.assertEqual(self._statement(third, other), pages[third, other])
        for (partner, company), page in pages.items():
            with self.subTest(partner=partner.id, company=company.name):
                revoked = (partner, company) == (self.marie, other)
                self.assertEqual(self._page(page).status_code, 410 if revoked else 200)

    def test_who_revokes_the_page_closes_all_its_addresses(self):
        mine, theirs = self._statement(self.marie, user=self.seller), self._statement(self.twin, user=self.colleague)
        self._merge(self.marie | self.twin, self.marie)
        with self.assertRaises(AccessError):
            theirs.with_user(self.colleague).action_revoke()
        mine.with_user(self.seller).action_revoke()
        self.assertEqual({self._page(page).status_code for page in (mine, theirs)}, {410})
        self._statement(self.marie)
        self.assertEqual((self._page(mine).status_code, self._page(theirs).status_code), (200, 410))

    def test_all_addresses_of_a_page_have_one_limit(self):
        self.env["ir.config_parameter"].sudo().set_param("paylink_addon.max_attempts_per_hour", "1")
        pages = self._statement(self.marie), self._statement(self.twin)
        invoices = self._invoice(self.marie, 100), self._invoice(self.twin, 20)
        self._merge(self.marie | self.twin, self.marie)
        pages[0].sudo()._pay_link(set(self._items(invoices[0]).ids))
        with self.assertRaisesRegex(UserError, "Too many attempts"):
            pages[1].sudo()._pay_link(set(self._items(invoices[1]).ids))

    # === WHAT ELSE IS A CUSTOMER'S === #

    def test_links_promises_reminders_and_messages_follow(self):
        link = self._link(self._invoice(self.twin))
        hold = self.env["paylink.reminder.hold"].create(
            {"kind": "objection", "partner_id": self.twin.id, "note": "Broken"}
        )
        transaction = self._attempt(link)
        self._merge(self.marie | self.twin, self.marie)
        self.assertEqual({record.partner_id for record in (link, hold, transaction)}, {self.marie})
        self.assertTrue(self.marie.paylink_has_objection)
        transaction._set_done()
        transaction._post_process()
        self.assertEqual(link.state, "paid")
        self.assertEqual(transaction.payment_id.partner_id, self.marie)

    def test_who_becomes_a_contact_takes_promises_to_the_company(self):
        """Promises and objections are commercial entities'."""
        company = self._customer("Menuiserie SA", is_company=True)
        contact = self._customer("Marie", parent_id=company.id, email="marie@example.com")
        self.env["paylink.reminder.hold"].create(
            {"kind": "promise", "partner_id": self.marie.id, "date_until": fields.Date.add(fields.Date.today(), days=5)}
        )
        self._merge(self.marie | contact, contact)
        self.assertTrue(company.paylink_promise_until)
