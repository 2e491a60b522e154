import inspect

from odoo import Command
from odoo.exceptions import AccessError
from odoo.service.model import get_public_method

from .deposit.deposit_common import DepositCommon

OURS = "paylink."
# Where our classes are, those of the add-ons beside this one too.
MODULES = "odoo.addons.paylink_addon"
# What a client says where a method wants something.
ARGUMENTS = {
    "vals": {},
    "vals_list": [{}],
    "values": {},
    "fields_list": ["display_name"],
    "fields_to_export": ["display_name"],
    "fields": ["display_name"],
    "field_names": [],
    "fields_spec": {"display_name": {}},
    "message": "x",
    "barcode_type": "QR",
    "value": "x",
    "field_name": "name",
    "translations": {"en_US": "x"},
    "figure": "funnel",
    "period": "30",
    "help_message": "x",
}
# Of these models all may be read.
EVERYBODYS = {"res.lang"}
SPACES = str.maketrans("", "", "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE} ")


class RpcCommon(DepositCommon):
    """What is hidden from most users, by who they are, by a record rule, by their company.

    It bears marks (names, addresses, numbers, amounts, tokens) that stand nowhere else.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        invoicing = cls.env.ref("account.group_account_invoice")
        invoicing.implied_ids -= cls.env.ref("paylink_addon.group_paylink_user")
        cls.other = cls._other_company()
        cls.boss = cls._user("rpc-boss", "sales_team.group_sale_salesman,account.group_account_invoice")
        cls._hide()
        cls.env.flush_all()

    @classmethod
    def _hide(cls):
        """Make what is hidden; ``cls.marks`` are its marks, by record: who may read the record may know them."""
        cls.marks = {}
        cls._hide_colleagues()
        cls._hide_payments()
        cls._hide_cards()
        cls._hide_beside()
        cls._hide_other_company()
        cls._hide_contact()
        cls.hidden = {}
        for record in cls.marks:
            cls.hidden.setdefault(record._name, record.browse())
            cls.hidden[record._name] |= record

    @classmethod
    def _mark(cls, record, *marks):
        cls.marks[record.sudo(False)] = {str(mark).translate(SPACES) for mark in marks}

    @classmethod
    def _contact(cls, mark, number, **values):
        contact = cls._customer(
            f"Mark{mark}name", email=f"{mark}@mark.example.com", phone=f"+3363998{number}", lang="en_US", **values
        )
        cls._mark(contact, contact.name, contact.email, contact.phone)
        return contact

    @classmethod
    def _hide_contact(cls):
        """A contact whom a record rule hides, with an invoice, a statement page, and a promise."""
        contact = cls._contact("hidden", 7701, ref="hidden")
        invoice = cls._invoice(contact, 1717.17)
        cls._mark(invoice, contact.name, *cls._amounts("1717.17"))  # an invoice says whose it is
        cls._mark(cls._items(invoice))
        cls._mark(cls.env["paylink.open.item"].search([("move_id", "=", invoice.id)]), *cls._amounts("1717.17"))
        statement = cls.env["paylink.statement"]._for_customers(contact)
        statement._activate()
        cls._mark(statement, statement.access_token)
        hold = cls.env["paylink.reminder.hold"].create(
            {"kind": "objection", "partner_id": contact.id, "note": "Markhiddennote"}
        )
        cls._mark(hold, "Markhiddennote")
        cls._mark(cls.env["paylink.autopay.item"]._of_items(cls._items(invoice)))
        page = cls.env["paylink.autopay.page"]._for_customers(contact, cls.company, cls.boss)
        cls._mark(page, page.access_token)
        cls._hide_family()
        cls.env["ir.rule"].create(
            {
                "name": "Hidden contacts",
                "model_id": cls.env["ir.model"]._get_id("res.partner"),
                "domain_force": "[('ref', '!=', 'hidden')]",
            }
        )

    @classmethod
    def _hide_family(cls):
        """A hidden company that has a contact whom everybody knows, and the other way round."""
        holding = cls._contact("holding", 7705, ref="hidden", is_company=True)
        known = cls._customer("Known contact", parent_id=holding.id)
        # Odoo says the company's name with the contact's.
        cls._mark(holding, holding.email, holding.phone)
        firm = cls._customer("Known company", is_company=True)
        child = cls._contact("child", 7706, ref="hidden", parent_id=firm.id)
        # By the same rule as the first one.
        cls.alike = holding | child
        for partner, amount in ((known, "5757.57"), (child, "6767.67")):
            invoice = cls._invoice(partner, float(amount))
            cls._mark(invoice, *cls._amounts(amount), *(["Markchildname"] if partner == child else []))
            cls._mark(cls._items(invoice))
        hold = cls.env["paylink.reminder.hold"].create(
            {"kind": "promise", "date_until": "2098-07-06", "partner_id": holding.id, "note": "Markholdingnote"}
        )
        cls._mark(hold, "Markholdingnote", "2098-07-06")
        for customer in (holding, firm):
            statement = cls.env["paylink.statement"]._for_customers(customer)
            statement._activate()
            cls._mark(statement, statement.access_token)
        for partner in (known, firm):
            cls._mark(partner)

    @classmethod
    def _hide_colleagues(cls):
        """A colleague's links and order, of a customer whom everybody knows."""
        values = {"user_id": cls.boss.id, "send_sms": True, "email": "link@mark.example.com", "phone": "+33639987702"}
        free = cls._free_link(2727.27, reference="Markreference", **values)
        cls._mark(free, free.access_token, free.email, free.phone, "Markreference", *cls._amounts("2727.27"))
        cls._mark(cls.env["paylink.figure"].browse(free.id))
        cls.invoice = cls._invoice(cls.marie, 90)
        of_invoice = cls._link(cls.invoice, **values)
        cls._mark(of_invoice, of_invoice.access_token)
        answer = cls.env["paylink.answer"].sudo().create({"kind": "objection", "link_id": free.id, "note": "Marknote"})
        cls._mark(answer, "Marknote")
        cls.company.paylink_plan_parts = 2
        in_parts = cls._link(cls._invoice(cls.marie, 8181.82), **values | {"email": False}).sudo()
        plan = in_parts._choose_plan(in_parts._plan_offers()[0].key)
        cls._mark(in_parts.sudo(False), in_parts.access_token)
        cls._mark(plan)  # what is due in all, its invoice tells; when how much of it, the open items of that
        cls._mark(plan.part_ids[0])
        cls._mark(of_invoice.line_ids)
        cls._mark(cls._attempt(free), *cls._amounts("2727.27"))
        order = cls._order(3737.37, user_id=cls.boss.id)
        for record in (order, order.order_line):
            cls._mark(record, *cls._amounts("3737.37"))
        deposit = cls._deposit(order, 1000, user_id=cls.boss.id)
        cls._mark(deposit, deposit.access_token)

    @classmethod
    def _hide_payments(cls):
        """What a colleague's customer has paid and stored, what the bank and Stripe say of it."""
        free = cls._free_link(3838.38, user_id=cls.boss.id)
        invoice = cls._invoice(cls.marie, 80)
        of_invoice = cls._link(invoice, user_id=cls.boss.id)
        cls._mark(free, free.access_token, *cls._amounts("3838.38"))
        cls._mark(of_invoice, of_invoice.access_token)
        paid = cls._pay(free)
        cls._mark(paid, *cls._amounts("3838.38"))
        cls._mark(paid.payment_id)
        cls._mark(cls.env["paylink.link.attempt"].browse(paid.id), *cls._amounts("3838.38"))
        cls._mark(cls.env["paylink.export.file"].sudo().create({"user_id": cls.boss.id, "last_id": 1}))
        cls._pay(of_invoice)
        cls._mark(invoice.line_ids.matched_credit_ids)
        cls._mark(free.message_ids[:1])
        task = free.activity_schedule("mail.mail_activity_data_todo", summary="Markactivity", user_id=cls.boss.id)
        cls._mark(task, "Markactivity")
        cls._hide_provider(paid)
        values = {"date": "2020-01-01", "company_id": cls.company.id, "customer_id": cls.marie.id}
        values |= {"user_id": cls.boss.id, "channel": "email", "link_ids": [Command.set(free.ids)]}
        message = (
            cls.env["paylink.reminder.message"]
            .sudo()
            .create(values | {"partner_id": cls.marie.id, "name": "Markdocument", "email": "reminder@mark.example.com"})
        )
        cls._mark(message, "Markdocument", "reminder@mark.example.com")
        values.pop("link_ids")
        reminder = (
            cls.env["paylink.reminder"]
            .sudo()
            .create(
                values | {"name": "Markreminder", "message_id": message.id, "outcome": "message", "amount": 3939.39}
            )
        )
        cls._mark(reminder, "Markreminder", *cls._amounts("3939.39"))

    @classmethod
    def _hide_provider(cls, paid):
        """A chargeback of a payment, the event that told of it, the customer's stored method."""
        own = {"provider_id": cls.provider.id}
        dispute = {"transaction_id": paid.id, "currency_id": cls.company.currency_id.id, "status": "needs_response"}
        cls._mark(cls.env["paylink.dispute"].sudo().create(own | dispute | {"name": "Markdispute"}), "Markdispute")
        event = {"event_id": "Markevent", "type": "x", "object_key": "Markobject", "payload": {"of": "Markpayload"}}
        cls._mark(cls.env["paylink.event"].sudo().create(own | event), "Markevent", "Markobject", "Markpayload")
        customer = {"partner_id": cls.marie.id, "company_id": cls.company.id, "account": "acct_Mark", "key": "Markkey"}
        customer = cls.env["paylink.stripe.customer"].sudo().create(customer | {"customer": "cus_Mark"})
        cls._mark(customer, "acct_Mark", "Markkey", "cus_Mark")
        method = {"payment_method_id": cls.payment_method_id, "partner_id": cls.marie.id}
        token = own | method | {"provider_ref": "Markprovider", "payment_details": "Markcard"}
        cls._mark(cls.env["payment.token"].sudo().create(token), "Markprovider", "Markcard")

        cls.env.flush_all()
        cls._mark(cls.env["paylink.receipt"].sudo().search([("transaction_id", "=", paid.id)]))
        cls._hide_account()

    @classmethod
    def _hide_account(cls):
        """What another company has at Stripe, and what of it is paid out."""
        balance, payout, move, days = cls._account(cls.other, "acct_Markbalance", "Markpayout", "Markmovement", 3737.37)
        cls._mark(balance, "acct_Markbalance")
        cls._mark(payout, "Markpayout", *cls._amounts("3737.37"))
        cls._mark(move, "Markmovement", *cls._amounts("3737.37"))
        cls._mark(days)

    @classmethod
    def _account(cls, company, name, payout_name, move_name, amount):
        """A company's account at Stripe, with a payout, a movement of it, and their days; in sudo mode."""
        env = cls.env(su=True)
        account = env["account.account"].search([("company_ids", "in", company.ids)], limit=1)
        names = ("outstanding_account_id", "former_account_id", "fee_account_id")
        values = dict.fromkeys(names, account.id) | {"account": name, "company_id": company.id}
        balance = env["paylink.balance"].create(values | {"provider_id": cls.provider.id, "since": "2020-01-01"})
        balance._journal(company.currency_id)
        own = {"balance_id": balance.id, "currency_id": company.currency_id.id, "amount": amount}
        payout = env["paylink.payout"].create(own | {"name": payout_name, "status": "paid"})
        values = {"name": move_name, "created_at": "2020-01-01", "date": "2020-01-01", "is_kept": True}
        move = env["paylink.balance.move"].create(own | values | {"payout_id": payout.id})
        env.flush_all()
        return balance, payout, move, env["paylink.balance.day"].search([("balance_id", "=", balance.id)])

    @classmethod
    def _hide_cards(cls):
        """What a colleague asks a customer to store, and the words of another company."""
        template = cls.env.ref("paylink_addon.paylink_card_template_existing")
        values = {"partner_id": cls.marie.id, "template_id": template.id, "email": "card@mark.example.com"}
        request = cls.env["paylink.card.request"].create(values | {"user_id": cls.boss.id})
        request._issue()
        cls._mark(request, request.access_token, "card@mark.example.com")
        words = {"name": "Marktemplate", "title": "Marktitle", "consent": "Markconsent", "company_id": cls.other.id}
        cls._mark(cls.env["paylink.card.template"].sudo().create(words), "Marktemplate", "Marktitle", "Markconsent")
        rule = cls.env["paylink.autopay.rule"].sudo().create({"name": "Markautopay", "company_id": cls.other.id})
        cls._mark(rule, "Markautopay")

    @classmethod
    def _hide_beside(cls):
        """What the add-ons beside this one ask from, where they are."""
        if "crm.lead" in cls.env:
            values = {
                "name": "Marklead",
                "partner_id": cls.marie.id,
                "user_id": cls.boss.id,
                "expected_revenue": 8787.87,
            }
            cls._mark(cls.env["crm.lead"].sudo().create(values), "Marklead", *cls._amounts("8787.87"))
        if "loyalty.card" in cls.env:
            program = cls.env["loyalty.program"].sudo().create({"name": "Wallet", "program_type": "ewallet"})
            values = {"program_id": program.id, "partner_id": cls.marie.id, "code": "Markcode", "points": 8989.89}
            cls._mark(program)
            cls._mark(cls.env["loyalty.card"].sudo().create(values), "Markcode", *cls._amounts("8989.89"))

    @classmethod
    def _hide_other_company(cls):
        """A customer of another company, with an invoice, links and a statement page."""
        other = cls.other
        there = cls.env(context=dict(cls.env.context, allowed_company_ids=(other + cls.company).ids))
        partner = cls._contact("other", 7703, company_id=other.id)
        cls._mark(other)
        cls._mark(cls._demo_provider(other))
        move = cls._invoice(partner, 4747.47, company_id=other.id)
        cls._mark(move, *cls._amounts("4747.47"))
        cls._mark(cls._items(move))
        Link = there["paylink.link"].with_company(other)
        link = Link._create_for_items([({}, cls._items(move))], partner_id=partner.id, reference="Markotherreference")
        link._issue()
        cls._mark(link, link.access_token, "Markotherreference", *cls._amounts("4747.47"))
        cls._mark(link.line_ids)
        statement = there["paylink.statement"].with_company(other)._for_customers(partner)
        statement._activate()
        cls._mark(statement, statement.access_token)
        rule = there["paylink.reminder.rule"].create(
            {"name": "Markotherrule", "company_id": other.id, "user_id": cls.boss.id, "step_ids": [(0, 0, {"days": 3})]}
        )
        cls._mark(rule, "Markotherrule")
        cls._mark(rule.step_ids)
        hold = there["paylink.reminder.hold"].create(
            {"kind": "objection", "partner_id": partner.id, "company_id": other.id, "note": "Markothernote"}
        )
        cls._mark(hold, "Markothernote")
        cls._hide_bank(other)

    @classmethod
    def _hide_bank(cls, other):
        """What another company's bank has shown, and what it may pay."""
        match = cls._bank_match(other)
        cls._mark(match.journal_id)
        cls._mark(match.line_id, "Markotherlabel")
        cls._mark(match, "Markotherlabel", *cls._amounts("4646.46"))

    @classmethod
    def _bank_match(cls, company):
        """A line that the bank of ``company`` has shown, and what it may pay."""
        journal = cls.env["account.journal"].search([("company_id", "=", company.id), ("type", "=", "bank")], limit=1)
        values = {"journal_id": journal.id, "payment_ref": "Markotherlabel", "amount": 4646.46, "date": "2020-01-01"}
        line = cls.env["account.bank.statement.line"].create(values)
        match = {"line_id": line.id, "currency_id": line.currency_id.id, "amount": 4646.46}
        return cls.env["paylink.bank.match"].sudo().create(match)

    @staticmethod
    def _amounts(text):
        """How an amount may be written."""
        whole, cents = text.split(".")
        grouped = f"{whole[:-3]},{whole[-3:]}"
        return text, f"{grouped}.{cents}", f"{whole},{cents}"

    # === MODELS AND METHODS === #

    def _models(self):
        names = sorted(name for name in self.env.registry if name.startswith(OURS))
        return [name for name in names if not self.env[name]._abstract]

    def _inherited(self):
        """Models of Odoo's on which we have fields, or methods."""
        return sorted(
            name
            for name, model in self.env.registry.items()
            if not name.startswith(OURS)
            and not model._abstract
            and (any(field.startswith("paylink_") for field in model._fields) or self._methods(name))
        )

    def _methods(self, model):
        """The names of the public methods that we define."""
        return sorted(
            {
                name
                for cls in type(self.env[model]).__mro__
                if cls.__module__.startswith(MODULES)
                for name, found in vars(cls).items()
                if not name.startswith("_") and inspect.isfunction(found) and self._is_public(model, name)
            }
        )

    def _arguments(self, model, method):
        """What a client has to say of a method, but for the ids."""
        parameters = list(inspect.signature(getattr(type(self.env[model]), method)).parameters.values())[1:]
        return [ARGUMENTS[p.name] for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]

    def _is_public(self, model, method):
        """Whether clients may call it: neither underscored, nor ``@api.private`` in any class."""
        try:
            return bool(get_public_method(self.env[model], method))
        except AccessError:
            return False

    def _has_ids(self, model):
        return lambda method: not getattr(getattr(type(self.env[model]), method), "_api_model", False)
