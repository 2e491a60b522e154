from contextlib import closing, contextmanager
from unittest.mock import patch

from odoo import Command, fields, sql_db

from odoo.addons.account.models.account_move import AccountMove
from odoo.addons.account.models.chart_template import AccountChartTemplate
from odoo.addons.account_payment.tests.common import AccountPaymentCommon

from ..tools import locks

# Who works with links, each by one right alone (and what that implies).
ROLES = {
    "employee": "base.group_user",
    "seller": "paylink_addon.group_paylink_user",
    "salesperson": "sales_team.group_sale_salesman",
    "everyone": "paylink_addon.group_paylink_all",
    "manager": "paylink_addon.group_payment_manager",
    "invoicing": "account.group_account_invoice",
}
find_charts = AccountChartTemplate._get_chart_template_mapping
CHARTS = {}


def _charts(self, get_all=False):
    """Which charts of accounts there are: looked for once in all tests, since it takes as long as making a company."""
    if get_all not in CHARTS:
        CHARTS[get_all] = find_charts(self, get_all)
    return CHARTS[get_all]


class PaylinkCommon(AccountPaymentCommon):
    """A company that can be paid by links, customers, and short ways to invoices, links and payments."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.env["ir.config_parameter"].set_param("web.base.url", "https://pay.example.com")
        cls.company = cls.company_data["company"]
        cls.bank_account = cls.env["res.partner.bank"].create(
            {
                "acc_number": "FR7630006000011234567890189",
                "partner_id": cls.company.partner_id.id,
                "acc_holder_name": "Menuiserie Lambert",
            }
        )
        cls.company.country_id = cls.env.ref("base.fr")
        cls.dummy_provider.is_published = False
        cls.provider = cls._demo_provider(cls.company)
        cls.payment_method_id = cls.provider.payment_method_ids[:1].id
        cls.marie = cls._customer("Marie Dubois", email="marie@example.com", phone="+33639981234", lang="fr_FR")
        cls.john = cls._customer("John Smith", email="john@example.com", lang="en_US")

    @classmethod
    def _create_company(cls, **create_values):
        with patch.object(AccountChartTemplate, "_get_chart_template_mapping", _charts):
            return super()._create_company(**create_values)

    @classmethod
    def _demo_provider(cls, company):
        """A provider that works without any account: Odoo's own for demonstrations."""
        method = cls.env.ref("payment_demo.payment_method_demo")
        method.active = True
        return (
            cls.env.ref("payment.payment_provider_demo")
            .sudo()
            .copy(
                {
                    "company_id": company.id,
                    "state": "test",
                    "is_published": True,
                    "allow_tokenization": True,
                    "payment_method_ids": [Command.set(method.ids)],
                }
            )
            .with_env(cls.env)
        )

    @classmethod
    def _customer(cls, name, **values):
        return cls.env["res.partner"].create({"name": name, "country_id": cls.env.ref("base.fr").id, **values})

    @classmethod
    def _user(cls, login, groups, company=None, **values):
        """An employee of a company, of ours if none is given, and of no other.

        :param groups: XML ids, with commas between
        """
        company = company or cls.company
        values = {"company_id": company.id, "company_ids": [Command.set(company.ids)], **values}
        return cls._create_new_internal_user(login=login, groups=groups, **values)

    @classmethod
    def _people(cls, *roles):
        """Employees in these :data:`ROLES`, which are their logins."""
        return [cls._user(role, ROLES[role]) for role in roles]

    @classmethod
    def _other_company(cls, **values):
        """A second company, with accounts and journals of its own."""
        return cls.setup_other_company(**values)["company"]

    @classmethod
    def _french_user(cls, groups):
        """Who clicks in tours: Camille, who works in French."""
        return cls._user("camille", groups, name="Camille Lambert", lang="fr_FR", email="camille@example.com")

    @classmethod
    def _invoice(cls, partner=None, amount=100.0, move_type="out_invoice", post=True, **values):
        """An invoice of ``amount`` without taxes, due today unless said otherwise."""
        invoice = cls.env["account.move"].create(
            {
                "move_type": move_type,
                "partner_id": (partner or cls.marie).id,
                "invoice_date": fields.Date.today(),
                "invoice_line_ids": [Command.create({"name": "Work", "price_unit": amount, "tax_ids": []})],
                **values,
            }
        )
        if post:
            invoice.action_post()
        return invoice

    def _entries(self, partner, count):
        """Open items of 10 that no invoice has made, each with an entry of its own."""
        receivable, other = (self.company_data[f"default_account_{name}"] for name in ("receivable", "revenue"))
        values = [
            {
                "journal_id": self.company_data["default_journal_misc"].id,
                "line_ids": [
                    Command.create(
                        {"name": "Opening", "partner_id": partner.id, "account_id": account.id, "balance": value}
                    )
                    for account, value in ((receivable, 10.0), (other, -10.0))
                ],
            }
            for _number in range(count)
        ]
        self.env["account.move"].create(values).action_post()

    @classmethod
    def _items(cls, moves):
        return moves._paylink_open_items()

    @classmethod
    def _link(cls, moves, **values):
        """An issued link for what is open of ``moves``."""
        items = cls._items(moves)
        values = {"partner_id": moves.partner_id[:1].id, **values}
        link = cls.env["paylink.link"]._create_for_items([({}, items)], **values)
        link._issue()
        return link

    @classmethod
    def _free_link(cls, amount=50.0, **values):
        link = cls.env["paylink.link"].create({"partner_id": cls.marie.id, "amount": amount, **values})
        link._issue()
        return link

    @classmethod
    def _attempt(cls, link, amount=None, **values):
        """A draft transaction of ``link``, made as the page makes it."""
        payable = link._payable_amount() if amount is None else amount
        prepared = link.sudo()._start_attempt(payable, cls.provider.id, cls.payment_method_id, None)
        custom = prepared.pop("custom_create_values")
        return (
            cls.env["payment.transaction"]
            .sudo()
            .create(
                {
                    **prepared,
                    **custom,
                    "operation": "online_redirect",
                    "reference": cls.env["payment.transaction"]._compute_reference("none", prefix=link.name),
                    **values,
                }
            )
        )

    @classmethod
    def _pay(cls, link, amount=None):
        """Pay ``link``: attempt, confirmation, booking."""
        transaction = cls._attempt(link, amount)
        transaction._set_done()
        transaction._post_process()
        return transaction

    @classmethod
    def _refund(cls, transaction, amount):
        """Give back what was paid: confirmed by the provider, and booked."""
        refund = transaction._create_child_transaction(amount, is_refund=True)
        refund._set_done()
        refund._post_process()
        return refund

    @classmethod
    def _force_attempt(cls, link, amount):
        """A draft transaction that no check has seen: as a provider's that we can't stop anymore."""
        return (
            cls.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "paylink_id": link.id,
                    "provider_id": cls.provider.id,
                    "payment_method_id": cls.payment_method_id,
                    "amount": amount,
                    "currency_id": link.currency_id.id,
                    "partner_id": link.partner_id.id,
                    "operation": "online_redirect",
                    "reference": cls.env["payment.transaction"]._compute_reference("none", prefix=link.name),
                    "invoice_ids": [Command.set(link.line_ids.move_id.ids)],
                }
            )
        )

    def _wizard(self, records, **values):
        """The sending wizard, as opened on ``records`` (invoices or customers)."""
        return self.env["paylink.send"].with_context(active_model=records._name, active_ids=records.ids).create(values)

    def _sent(self, wizard):
        wizard.action_send()
        return wizard.link_ids

    def _renewed(self, link, **values):
        """The successor of ``link``, sent by the dialog that its button opens."""
        context = link.action_renew()["context"]
        wizard = link.env["paylink.send"].with_context(**context)
        defaults = wizard.default_get(["send_email", "send_sms", "attach_pdf"])
        return self._sent(wizard.create({**defaults, **values}))

    @classmethod
    def _journal_without_entries(cls):
        """The bank journal as Odoo Enterprise sets it up: a payment has no entry until the bank shows the money."""
        cls.startClassPatcher(patch.object(AccountMove, "_get_invoice_in_payment_state", lambda _self: "in_payment"))
        bank = cls.company_data["default_journal_bank"]
        (bank.inbound_payment_method_line_ids | bank.outbound_payment_method_line_ids).payment_account_id = False
        return bank

    def _register(self, moves, amount=None, **values):
        """Register a payment of all these documents by Odoo's dialog: see :meth:`_journal_without_entries`."""
        wizard = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=moves.ids)
            .create({"journal_id": self.company_data["default_journal_bank"].id, "group_payment": True, **values})
        )
        if amount:
            wizard.amount = amount
        payment = wizard._create_payments()
        self.assertFalse(payment.move_id)
        self.assertEqual(payment.state, "in_process")
        self.env.flush_all()
        return payment

    def _merge(self, partners, target):
        """Merge partners by Odoo's own wizard."""
        wizard = (
            self.env["base.partner.merge.automatic.wizard"]
            .with_context(active_model="res.partner", active_ids=partners.ids)
            .create({})
        )
        wizard.dst_partner_id = target
        wizard.action_merge()
        self.env.invalidate_all()
        self.assertEqual(partners.exists(), target)

    def _run_cron(self, name):
        """Run one of our jobs as the scheduler does, commits included."""
        with self.enter_registry_test_mode():
            self.env.ref(f"paylink_addon.{name}").method_direct_trigger()
        self.env.invalidate_all()

    @contextmanager
    def _request(self, record, user=None):
        """``record`` as a request of ``user`` has it: with a cursor that can be committed, and is at the end."""
        self.env.flush_all()
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            yield record.with_env(self.env(cr=cr, user=user or self.env.user))
        self.env.invalidate_all()

    @contextmanager
    def _busy(self, name=None):
        """While others, on a connection of their own, do something slow: as many as may, or that which has a name."""
        with closing(sql_db.db_connect(self.env.cr.dbname).cursor()) as others, patch.object(locks, "THREADS", 1):
            self.assertTrue(locks.take_name(others, name) if name else locks.take_slot(others))
            yield

    def _authorized(self, link, amount=None):
        """An attempt on ``link`` that the provider has authorized, to be captured by hand."""
        self.provider.sudo().capture_manually = True
        transaction = self._attempt(link, amount)
        transaction._set_authorized()
        return transaction

    def _time_line(self, link, name):
        """The lines of the link's timeline of one kind."""
        subtype = self.env.ref(f"paylink_addon.mt_link_{name}")
        return link.message_ids.filtered(lambda message: message.subtype_id == subtype)

    def _receivables(self, payment):
        """The receivable lines of a payment as ``(account, amount)``."""
        lines = payment.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        return sorted((line.account_id.code, line.amount_currency) for line in lines)

    def _customer_mails(self, request):
        sent = [("model", "=", request._name), ("res_id", "=", request.id), ("message_type", "=", "email_outgoing")]
        return self.env["mail.mail"].sudo().search(sent)

    def _assert_nothing_leaks(self, response):
        """A customer's page: not cached, not indexed, not referred, no resource from elsewhere."""
        self.assertEqual(response.headers["Referrer-Policy"], "no-referrer")
        self.assertIn("noindex", response.headers["X-Robots-Tag"])
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertIn("frame-ancestors 'none'", response.headers["Content-Security-Policy"])
        self.assertNotRegex(response.text, r'(?:src|href)="(?:https?:)?//')
