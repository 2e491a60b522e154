import re
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import LazyTranslate, html2plaintext, mute_logger
from werkzeug.datastructures import MultiDict

from .bank.bank_common import BankMixin
from .card.card_common import CardCommon
from .deposit.deposit_common import DepositCommon
from .reminder.reminder_common import ReminderCommon

_lt = LazyTranslate(__name__)
# What no French sentence has.
ENGLISH = re.compile(
    r"\b(?:the|has|have|been|was|were|is|are|of|for|by|with|not|could|can|payments?|paid|refund(?:ed)?|link|customer"
    r"|order|canceled|expired|failed|reminders?|address|wallet)\b",
    re.I,
)


@tagged("post_install", "-at_install")
class TestLanguages(BankMixin, CardCommon, ReminderCommon, DepositCommon):
    """What is stored for people is in the language of who reads it: of a French company everything is in French,
    although its customers read English, and whoever acts (a job, a webhook, an administrator) works in English.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.lang = "fr_FR"
        cls.manager.lang = "fr_FR"
        cls.env.user.lang = "en_US"
        cls.env = cls.env(context=dict(cls.env.context, lang="en_US"))
        cls.company = cls.company.with_env(cls.env)
        cls.john = cls.john.with_env(cls.env)
        cls.marie = cls.marie.with_env(cls.env)

    def test_everything_that_is_noted(self):
        english = {}
        for name in sorted(name for name in dir(self) if name.startswith("note_")):
            with self.cr.savepoint() as point:
                before = {model: self.last(model) for model in ("mail.message", "mail.activity")}
                with mute_logger("odoo.addons.paylink_addon"):
                    getattr(self, name)()
                self.env.cr.flush()
                texts = self.texts(before)
                self.assertTrue(texts, f"{name}: nothing was noted")
                if found := [text for text in texts if ENGLISH.search(text)]:
                    english[name] = found
                point.rollback()
        self.assertFalse(english)

    def last(self, model):
        return self.env[model].sudo().with_context(active_test=False).search([], order="id desc", limit=1).id or 0

    def texts(self, before):
        """What people of the company read of it since: not what customers were sent."""
        messages = self.env["mail.message"].sudo().search([("id", ">", before["mail.message"])])
        messages = messages.filtered(
            lambda found: (
                found.message_type not in ("email_outgoing", "sms", "email")
                and all(partner.lang == "fr_FR" for partner in found.partner_ids)
            )
        )
        tasks = self.env["mail.activity"].sudo().search([("id", ">", before["mail.activity"])])
        tasks = tasks.filtered(lambda task: task.user_id.lang == "fr_FR")
        french = messages.with_context(lang="fr_FR")
        texts = [*messages.mapped("body"), *messages.mapped("subject"), *french.subtype_id.mapped("description")]
        texts += [*tasks.mapped("summary"), *tasks.mapped("note")]
        names = re.compile("|".join(map(re.escape, filter(None, self.env["res.partner"].search([]).mapped("name")))))
        return [names.sub("", text) for text in map(html2plaintext, filter(None, texts)) if text.strip()]

    def link(self, **values):
        return self._link(self._invoice(self.john), user_id=self.manager.id, **values)

    # === PAYMENTS === #

    def note_payment(self):
        self._pay(self.link())

    def note_refund(self):
        refund = self._pay(self.link())._create_child_transaction(40, is_refund=True)
        refund._set_done()
        refund._post_process()

    def note_refund_failed(self):
        self._pay(self.link())._create_child_transaction(40, is_refund=True)._set_canceled()

    def note_refund_unanswered(self):
        tx = self._pay(self.link())
        tx._create_child_transaction(40, is_refund=True)
        self.env.cr.execute("UPDATE payment_transaction SET create_date = create_date - interval '3 days'")
        self.env.invalidate_all()
        tx._paylink_tell_unanswered()

    def note_excess(self):
        link = self.link()
        second = self._force_attempt(link, 100)
        self._pay(link)
        second._set_done()
        second._post_process()

    def note_in_progress(self):
        self._attempt(self.link())._set_pending()

    def note_plan(self):
        self.company.paylink_plan_parts = 2
        link = self.link().sudo()
        link._answer_plan({"plan": link._plan_offers()[0].key})
        link.plan_id._break()

    def note_failure(self):
        self._attempt(self.link())._set_error(False)

    def note_abandoned(self):
        self._attempt(self.link())._paylink_abandon()

    def note_overtaken(self):
        link = self.link()
        self._attempt(link)._set_pending()
        link.line_ids.move_id.with_context(lang="fr_FR")._reverse_moves([{"date": fields.Date.today()}], cancel=True)

    def note_closed(self):
        link = self.link()
        self._attempt(link)
        link.line_ids.move_id.with_context(lang="fr_FR")._reverse_moves([{"date": fields.Date.today()}], cancel=True)

    def note_rival(self):
        invoice = self._invoice(self.john)
        first, second = (self._link(invoice, user_id=self.manager.id) for _number in range(2))
        self._attempt(first)
        self._pay(second)

    def note_authorized(self):
        self._authorized(self.link())._set_canceled()

    def note_not_booked(self):
        tx = self._attempt(self.link())
        tx._set_done()
        with patch.object(type(tx), "_paylink_claim", side_effect=self.refusal):
            tx._paylink_try_to_book()

    def refusal(self):
        """As an error of Odoo's is: in the language of the books."""
        self.company._paylink_in_its_language(self.company)._paylink_check_address("x")

    # === LINKS === #

    def note_cancelled(self):
        link = self.link()
        self._attempt(link)._set_pending()
        self._attempt(self.link())
        link.action_cancel()

    def note_expired(self):
        link = self.link(expires_at=fields.Datetime.now() + timedelta(days=1))
        self._attempt(link)
        link.expires_at = fields.Datetime.now() - timedelta(days=1)
        link._expire()

    def note_renewal(self):
        link = self.link()
        link.expires_at = fields.Datetime.now() - timedelta(days=1)
        link._expire()
        link._ask_for_renewal()

    def note_changed_document(self):
        link = self.link()
        self._attempt(link)
        invoice = link.line_ids.move_id
        invoice.button_draft()
        invoice.invoice_line_ids.price_unit = 70
        invoice.action_post()

    def note_lost_document(self):
        link = self.link()
        invoice = link.line_ids.move_id
        invoice.button_draft()
        invoice.partner_id = self.marie
        invoice.action_post()

    def note_replaced(self):
        self.link()._replace_token()

    def note_invoice_sent(self):
        link = self.link()
        link._register_sent("x@example.com", "x@example.com")

    # === ORDERS === #

    def note_deposit(self):
        self._pay(self._deposit(self._order(partner=self.john), 300, user_id=self.manager.id))

    def note_cancelled_order(self):
        deposits = self._deposit(self._order(partner=self.john, prepayment=0), 300, user_id=self.manager.id)
        self._pay(deposits)
        self._deposit(deposits.sale_order_id, 200)
        deposits.sale_order_id._action_cancel()

    def note_authorized_deposit(self):
        link = self._deposit(self._order(partner=self.john, prepayment=0), 300, user_id=self.manager.id)
        self._authorized(link)
        link.sale_order_id._action_cancel()

    def note_expired_quotation(self):
        link = self._deposit(self._order(partner=self.john), 300)
        self._attempt(link)
        link.sale_order_id.validity_date = self._yesterday()
        link._expire_early()

    # === HOLDS, REMINDERS === #

    def hold(self, kind):
        values = {"kind": kind, "partner_id": self.john.id, "date_until": fields.Date.today() + timedelta(days=3)}
        self.env["paylink.reminder.hold"].create(values)

    def note_promise(self):
        self.hold("promise")

    def note_objection(self):
        self.hold("objection")

    def note_no_address(self):
        self.john.write({"email": False, "phone": False})
        self._rule(days=(3,))
        self._due_invoice(late=5, partner=self.john)
        self._remind()

    def note_broken_template(self):
        rule = self._rule(days=(3,))
        rule.step_ids.mail_template_id.body_html = '<p t-out="object.no_such_field"/>'
        self._due_invoice(late=5, partner=self.john)
        rule._give_tasks(rule, "x", lambda env: (env._("Reminders"), ""))

    def note_failed_run(self):
        rule = self._rule(days=(3,))
        rule._report_failure(rule, ValueError(""))

    # === STORED METHODS, AUTOMATIC PAYMENTS === #

    def request(self, **values):
        return self._card_request(self.john, user_id=self.manager.id, **values)

    def note_card_stored(self):
        self._store_card(self.request())

    def note_card_cancelled(self):
        self.request().action_cancel()

    def note_card_expired(self):
        request = self.request(expires_at=fields.Datetime.now() + timedelta(days=1))
        request.sudo().expires_at = fields.Datetime.now() - timedelta(days=1)
        request._expire()

    def note_newcomer(self):
        self._stored_by_newcomer(self._new_request(user_id=self.manager.id))

    def note_method_withdrawn(self):
        token = self._store_card(self.request()).token_id
        self.john.sudo().with_company(self.company).write({"paylink_autopay": True, "paylink_token_id": token.id})
        token._paylink_gone()

    def note_saved_by_code(self):
        link = self.link()
        self.john.email = False
        with self._request(link) as own:
            own.sudo()._send_code("192.0.2.1")
        link._log_events("code_taken")
        link._log_events("method_told")

    def autopay_page(self):
        return self.env["paylink.autopay.page"]._for_customers(self.john, self.company, self.manager)

    def note_autopay_off(self):
        self.john.sudo().with_company(self.company).paylink_autopay = True
        self.autopay_page()._page_switch_off()

    def note_skipped(self):
        self._due_invoice(late=1, partner=self.john).action_paylink_autopay_skip()

    # === THE BANK === #

    def note_transfer_announced(self):
        self.link()._claim_transfer(str(fields.Date.today()), "100")

    def note_transfer_withdrawn(self):
        link = self.link()
        link._claim_transfer(str(fields.Date.today()), "100")
        link._withdraw_claim()

    def _answered(self, kind, **said):
        link = self.link()
        link.sudo()._answer_in_turn(kind, MultiDict(said))
        return link

    def note_something_wrong(self):
        self._answered("objection", reason="amount")

    def note_wrong_while_charged(self):
        link = self.link()
        self._attempt(self._link(link.line_ids.move_id))._set_pending()
        link.sudo()._answer_objection(MultiDict({"reason": "already_paid"}))

    def note_sent_on(self):
        self._answered("forward", email="compta@cabinet.fr")

    def note_answer_taken_back(self):
        self._answered("objection", reason="amount").sudo()._standing_answers().action_lift()

    def matched(self):
        self._prepare_bank()
        link = self.link()
        self._bank_line(f"VIR {link.transfer_reference}", 100)
        return self.env["paylink.bank.match"].search([("link_ids", "in", link.ids)])

    def note_match_undone(self):
        self.matched().action_undo()

    # === JOBS === #

    def note_failed_job(self):
        self.env["paylink.job.mixin"]._tell(self.link(), ValueError(""), "job_failed.x.y")

    # === NAMES === #

    def test_names_in_each_language(self):
        names = self.env["res.lang"]._paylink_translations(_lt("The link expired."))
        self.assertEqual((names["en_US"], names["fr_FR"]), ("The link expired.", "Le lien a expiré."))

    def test_page_apps(self):
        """What the add-on is and does, in the reader's language."""
        module = self.env["ir.module.module"].search([("name", "=", "paylink_addon")])
        self.assertIn("Ask your customers for money", module.description_html)
        french = module.with_context(lang="fr_FR")
        self.assertIn("Demandez à vos clients de payer", french.description_html)
        self.assertNotRegex(french.summary, ENGLISH)
        self.assertTrue(module.icon_image)

    def test_language_of_a_company(self):
        """Its contact's; where that has none, that of most of its people."""
        user = self._user("paul", "base.group_user", lang="fr_FR")
        self.company.partner_id.lang = False
        self.env["res.users"].search([("company_ids", "in", self.company.ids)]).lang = "fr_FR"
        user.lang = "en_US"
        self.assertEqual(self.company._paylink_lang(), "fr_FR")
        self.company.partner_id.lang = "en_US"
        self.assertEqual(self.company._paylink_lang(), "en_US")
