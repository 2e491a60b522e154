from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.paylink_addon.tests.common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestOpportunity(PaylinkCommon):
    """Asking for a payment from an opportunity, and what it tells afterwards."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids |= cls.env.ref("sales_team.group_sale_manager")
        cls.tag = cls.env.ref("paylink_addon_crm.crm_tag_paid")
        cls.seller, cls.colleague = (
            cls._user(login, "sales_team.group_sale_salesman,base.group_partner_manager")
            for login in ("crm-seller", "crm-colleague")
        )

    def _lead(self, user=None, **values):
        lead = self.env["crm.lead"].create(
            {"name": "Oak stairs", "type": "opportunity", "user_id": (user or self.seller).id, **values}
        )
        return lead.with_user(user or self.seller)

    def _ask(self, lead, amount=200.0):
        """Ask as the button on the opportunity does."""
        action = lead.action_paylink_send()
        wizard = lead.env["paylink.send"].with_context(**action["context"]).create({"amount": amount})
        wizard.action_send()
        return wizard.link_ids

    def _log(self, lead):
        return [str(body) for body in lead.message_ids.sorted("id").mapped("body")]

    def test_payment_is_told_in_the_language_of_the_company(self):
        """As on the other documents: all colleagues read it, and the job that books it has none."""
        self.company.partner_id.lang = "fr_FR"
        lead = self._lead(partner_id=self.marie.id)
        self._pay(self._ask(lead).with_user(self.env.user))
        self.assertIn("Paiement reçu", self._log(lead)[-1])

    def test_contact_becomes_a_customer(self):
        """As when Odoo converts a lead: the known one, the one with the same e-mail, else a new one."""
        cases = [
            ({"partner_id": self.john.id}, self.john, 0),
            ({"email_from": "Marie <marie@example.com>"}, self.marie, 0),
            ({"contact_name": "Zoé Petit", "email_from": "zoe@example.com"}, None, 1),
            ({"partner_name": "Petit SARL", "contact_name": "Léo Petit", "email_from": "leo@example.com"}, None, 2),
        ]
        Partner = self.env["res.partner"]
        for values, expected, made in cases:
            with self.subTest(values=values):
                lead = self._lead(**values)
                before = Partner.search_count([])
                link = self._ask(lead)
                self.assertEqual(Partner.search_count([]) - before, made)
                self.assertEqual(link.partner_id, lead.partner_id)
                if expected:
                    self.assertEqual(lead.partner_id, expected)
                else:
                    self.assertEqual(lead.partner_id.name, values["contact_name"])
                self.assertEqual((link.kind, link.amount, link.reference), ("free", 200, "Oak stairs"))
                self.assertEqual((link.lead_id, link.user_id), (lead, self.seller))

    def test_payment_shows_on_the_opportunity(self):
        lead = self._lead(partner_id=self.john.id)
        link = self._ask(lead)
        lead.invalidate_recordset()
        self.assertEqual(
            (lead.paylink_link_count, lead.paylink_status, lead.tag_ids), (1, "not_opened", self.tag.browse())
        )
        before = self._log(lead)
        tx = self._pay(link.with_user(self.env.user))
        lead.invalidate_recordset()
        self.assertEqual((lead.paylink_status, lead.tag_ids), ("paid", self.tag))
        (line,) = self._log(lead)[len(before) :]
        self.assertIn(link.name, line)
        tx.is_post_processed = False
        tx._post_process()
        self.assertEqual(len(self._log(lead)), len(before) + 1)

    def test_books_are_those_of_a_free_amount(self):
        link = self._ask(self._lead(partner_id=self.john.id))
        payment = self._pay(link.with_user(self.env.user)).payment_id
        receivable = self.john.property_account_receivable_id
        self.assertEqual(
            sorted((line.account_id, line.debit, line.credit) for line in payment.move_id.line_ids),
            sorted([(payment.outstanding_account_id, 200, 0), (receivable, 0, 200)]),
        )

    def test_part_is_told_but_not_tagged(self):
        link = self._ask(self._lead(partner_id=self.john.id)).with_user(self.env.user)
        link.sudo().allow_partial = True
        lead = link.lead_id
        before = len(self._log(lead))
        self._pay(link, 50)
        self.assertEqual((len(self._log(lead)), bool(lead.tag_ids)), (before + 1, False))
        self._pay(link)
        self.assertEqual((len(self._log(lead)), lead.tag_ids), (before + 2, self.tag))

    def test_refund_is_told(self):
        link = self._ask(self._lead(partner_id=self.john.id)).with_user(self.env.user)
        tx = self._pay(link)
        before = len(self._log(link.lead_id))
        refund = tx.sudo()._create_child_transaction(80, is_refund=True)
        refund._set_done()
        refund._post_process()
        self.assertEqual(len(self._log(link.lead_id)), before + 1)
        self.assertIn("80", self._log(link.lead_id)[-1])

    def test_deleted_tag_is_not_missed(self):
        link = self._ask(self._lead(partner_id=self.john.id)).with_user(self.env.user)
        self.tag.unlink()
        self._pay(link)
        self.assertEqual((link.state, bool(link.lead_id.tag_ids)), ("paid", False))

    def test_colleagues_links_do_not_show(self):
        lead = self._lead(partner_id=self.john.id)
        self._ask(lead)
        theirs = lead.with_user(self.colleague)
        manager = self._user("crm-boss", "sales_team.group_sale_manager,paylink_addon.group_paylink_all")
        with self.assertRaises(AccessError):
            theirs.action_paylink_send()
        boss = lead.with_user(manager)
        self.assertEqual(boss.paylink_link_count, 1)
        shared = self._lead(self.colleague, partner_id=self.marie.id)
        self._ask(shared)
        shared.sudo().user_id = False
        self.env.invalidate_all()
        self.assertEqual(shared.with_user(self.seller).paylink_link_count, 0)

    def test_strangers_cannot_write_on_an_opportunity_by_a_payment(self):
        lead = self._lead(self.colleague, partner_id=self.john.id)
        own = self._ask(self._lead(partner_id=self.john.id))
        with self.assertRaises(AccessError):
            own.lead_id = lead.with_user(self.seller)
        wizard = self.env["paylink.send"].with_user(self.seller)
        wizard = wizard.with_context(active_model="res.partner", active_ids=self.john.ids)
        with self.assertRaises(AccessError):
            wizard.create({"amount": 5, "lead_id": lead.id}).action_send()

    def test_companies_do_not_mix(self):
        other = self._other_company()
        lead = self.env["crm.lead"].create({"name": "Theirs", "type": "opportunity", "company_id": other.id})
        with self.assertRaisesRegex(UserError, "switch to it"):
            lead.action_paylink_send()
        with self.assertRaisesRegex(ValidationError, "belongs to another company"):
            self._free_link(lead_id=lead.id)

    def test_merging_keeps_the_payments(self):
        first, second = (self._lead(partner_id=self.john.id) for _n in range(2))
        links = self._ask(first) | self._ask(second)
        manager = self.env.user
        merged = (first | second).with_user(manager).merge_opportunity()
        self.assertEqual(links.with_user(manager).lead_id, merged)
        self.assertEqual(merged.paylink_link_count, 2)

    def test_list_of_payments(self):
        lead = self._lead(partner_id=self.john.id)
        link = self._ask(lead)
        self._free_link(partner_id=self.john.id)
        action = lead.action_paylink_view_links()
        self.assertEqual(self.env["paylink.link"].search(action["domain"]).ids, link.ids)

    def test_list_takes_a_constant_number_of_queries(self):
        counts = []
        fields = {"name": {}, "paylink_link_count": {}, "paylink_status": {}, "paylink_is_live": {}}
        Lead = self.env["crm.lead"].with_user(self.seller)
        for number in (1, 2, 20):  # the first one fills the caches
            leads = Lead.union(*[self._lead(partner_id=self.john.id, name=f"Stairs {n}") for n in range(number)])
            self.env["paylink.link"].with_user(self.seller).create(
                [{"partner_id": self.john.id, "amount": 5, "lead_id": lead.id} for lead in leads]
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            records = Lead.web_search_read([("id", "in", leads.ids)], fields)["records"]
            counts.append(self.cr.sql_log_count - before)
            self.assertEqual({record["paylink_link_count"] for record in records}, {1})
            self.assertEqual(len(records), number)
        self.assertEqual(counts[2], counts[1])

    def test_payments_that_come_together_are_told_on_each_opportunity(self):
        leads = [self._lead(partner_id=self.john.id) for _n in range(3)]
        links = [self._ask(lead).with_user(self.env.user) for lead in (leads[0], *leads)]
        before = [len(self._log(lead)) for lead in leads]
        transactions = self.env["payment.transaction"].union(*[self._attempt(link) for link in links])
        transactions._set_done()
        transactions._post_process()
        self.assertEqual([len(self._log(lead)) for lead in leads], [count + 1 for count in before])
        for link in links:
            self.assertIn(link.name, self._log(link.lead_id)[-1])
            self.assertEqual(link.lead_id.tag_ids, self.tag)

    def test_forms_stand(self):
        lead = self._lead(partner_id=self.john.id)
        link = self._ask(lead)
        with Form(lead) as form:
            form.name = "Pine stairs"
        with Form(link) as form:
            self.assertEqual(form.lead_id, lead)

    def test_users_without_rights_to_opportunities_work_as_without_them(self):
        """They read, list, export, make, change, send and renew links; of the opportunity they see nothing."""
        groups = "account.group_account_invoice,paylink_addon.group_payment_manager,base.group_allow_export"
        accountant = self._user("crm-accountant", groups)
        with self.assertRaises(AccessError):
            self.env["crm.lead"].with_user(accountant).search([])
        asked = self._ask(self._lead(partner_id=self.john.id))
        Link = self.env["paylink.link"].with_user(accountant)
        link = Link.browse(asked.id)
        link.invalidate_recordset()
        self.assertNotIn("lead_id", link.read()[0])
        listed = Link.web_search_read([("id", "=", link.id)], {field: {} for field in Link.fields_get()})
        self.assertEqual(listed["records"][0]["name"], link.name)
        self.assertEqual(link.export_data(["name", "partner_id/name"])["datas"], [[link.name, "John Smith"]])
        with Form(link) as form:
            form.email = "jack@example.com"
        link.action_cancel()
        self._renewed(link)
        self.assertEqual(asked.renewal_ids.lead_id, asked.lead_id)
        own = Link.create({"partner_id": self.marie.id, "amount": 5})
        own.reference = "C-17"
        wizard = self.env["paylink.send"].with_user(accountant)
        wizard = wizard.with_context(active_model="res.partner", active_ids=self.john.ids)
        self.assertEqual(self._sent(wizard.create({"kind": "free", "amount": 7})).user_id, accountant)

    def test_opportunity_is_hidden_from_users_without_rights_to_it(self):
        link = self._ask(self._lead(partner_id=self.john.id))
        user = self._user("crm-nosy", "paylink_addon.group_payment_manager,base.group_allow_export")
        theirs = link.with_user(user)
        theirs.invalidate_recordset()
        for ask in (
            lambda: theirs.read(["lead_id"]),
            lambda: theirs.search([("lead_id.name", "=like", "Oak%")]),
            lambda: theirs.export_data(["lead_id/name"]),
            lambda: theirs.write({"lead_id": False}),
            lambda: theirs.create({"partner_id": self.john.id, "amount": 5, "lead_id": link.lead_id.id}),
        ):
            with self.subTest(ask=ask), self.assertRaises(AccessError):
                ask()
