from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from lxml import etree
from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import html2plaintext
from odoo.tools.safe_eval import safe_eval

from ..bank.bank_common import BankMixin
from ..common import PaylinkCommon

SETS = (2, 14)


class BulkCommon(PaylinkCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller, cls.everyone, cls.manager, cls.accountant = cls._people(
            "seller", "everyone", "manager", "invoicing"
        )
        cls.colleague = cls._user("colleague", "paylink_addon.group_paylink_user")

    @classmethod
    def _links(cls, count=1, user=None, **values):
        """Links that are out."""
        values = {"partner_id": cls.marie.id, "amount": 50, "user_id": (user or cls.seller).id, **values}
        links = cls.env["paylink.link"].create([values] * count)
        links._issue()
        return links

    @classmethod
    def _paid(cls, count=1, **values):
        """Links whose payments are confirmed."""
        links = cls._links(count, **values)
        transactions = cls.env["payment.transaction"].union(*(cls._attempt(link) for link in links))
        transactions._set_done()
        cls.env.flush_all()
        return links

    def _in_parts(self):
        """A link that a plan runs of."""
        link = self._link(self._invoice(amount=100), user_id=self.seller.id)
        days = (fields.Date.add(fields.Date.today(), months=number) for number in range(2))
        link.sudo()._agree_on_plan([(day, 50.0) for day in days])
        return link

    def _press(self, user, method, links):
        """Press a button of the list, as a client does: the dialog or the notification that it leads to."""
        model = self.env(user=user.id, su=False)["paylink.link"]
        action = call_kw(model, method, [links.ids], {"context": {"lang": "en_US"}})
        self.env.invalidate_all()
        return action

    def _dialog(self, user, action):
        dialog = self.env[action["res_model"]].with_user(user).with_context(lang="en_US").browse(action["res_id"])
        self.assertEqual(dialog._name, "paylink.bulk")
        return dialog

    def _run(self, user, method, links, **values):
        """Press it, and answer what is asked: the dialog with what was done."""
        dialog = self._dialog(user, self._press(user, method, links))
        if not dialog.is_sent:
            dialog.write(values)
            dialog.action_run()
        return dialog

    def _told(self, dialog):
        """What it says that it has done, and why how many were left out."""
        reasons = {reason: len(ids) for reason, ids in dialog.left_ids or ()}
        return dialog.summary, reasons

    def _queries(self, user, method, links, **values):
        """How many queries it takes to do it with all of these links."""
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        action = self._press(user, method, links)
        if action.get("res_model") == "paylink.bulk":
            dialog = self._dialog(user, action)
            dialog.write(values)
            dialog.action_run()
        self.env.flush_all()
        return self.cr.sql_log_count - before


@tagged("post_install", "-at_install")
class TestBulk(BulkCommon):
    """What is done with many links at once says what it did, and what it left out and why."""

    def test_cancel(self):
        live, others = self._links(2), self._links(user=self.colleague)
        gone = self._links()
        gone.action_cancel()
        authorized = self._links()
        self._attempt(authorized)._set_authorized()
        links = live + others + gone + authorized + self._paid()
        before = self._dialog(self.everyone, self._press(self.everyone, "action_bulk_cancel", links))
        self.assertEqual(
            (before.ready_count, set(links.mapped("state"))), (0, {"open", "cancelled", "pending", "paid"})
        )
        asked = self._dialog(self.manager, self._press(self.manager, "action_bulk_cancel", links))
        self.assertEqual((asked.ready_count, live[0].state), (3, "open"))
        said = html2plaintext(asked.left_out)
        self.assertIn("Left out: 3", said)
        asked.action_run()
        self.env.invalidate_all()
        self.assertEqual(html2plaintext(asked.left_out), said)
        summary, reasons = self._told(asked)
        self.assertEqual((summary, sorted(reasons.values())), ("Canceled: 3", [1, 1, 1]))
        self.assertEqual(set((live + others).mapped("state")), {"cancelled"})
        self.assertEqual(authorized.state, "pending")
        self.assertIn(authorized.name, asked.left_out)
        self.assertIn("Marie Dubois", asked.left_out)
        self.assertEqual(asked.action_show_left_out()["domain"][0][2], (gone + authorized + links[-1]).ids)
        plans = self._dialog(self.manager, self._press(self.manager, "action_bulk_cancel", links + self._in_parts()))
        self.assertEqual((asked.warning, plans.warning), (False, "Payment plans that end with them: 1."))
        part = self._in_parts().sudo().plan_id.part_ids[0]._with_links().link_id.sudo(False)
        parts = self._dialog(self.manager, self._press(self.manager, "action_bulk_cancel", part))
        self.assertIn("asked for again by other links: 1.", parts.warning)
        again = asked.summary, len(live[0].message_ids)
        asked.action_run()
        self.assertEqual((asked.summary, len(live[0].message_ids)), again)

    def test_send(self):
        good, silent = self._links(2), self._links(send_email=False)
        in_parts = self._in_parts()
        nowhere = self._links(partner_id=self._customer("Nobody").id)
        settled = self._link(self._invoice(), user_id=self.seller.id)
        self._register_payment(settled.line_ids.move_id)
        gone = self._links()
        gone.action_cancel()
        pending = self._links()
        self._attempt(pending)._set_pending()
        mails = self.env["mail.mail"].search_count([])
        dialog = self._run(
            self.seller, "action_bulk_send", good + silent + nowhere + settled + gone + pending + in_parts
        )
        summary, reasons = self._told(dialog)
        self.assertEqual((summary, list(reasons.values())), ("Sent: 2", [1] * 6))
        self.assertIn("Nobody has no e-mail address: add one, or choose another way to send.", reasons)
        self.assertEqual(self.env["mail.mail"].search_count([]) - mails, 2)
        self.assertIn("Paid in parts: each is sent on its day", reasons)
        self.assertTrue(all(good.mapped("sent_at")))

    def test_what_is_refused_while_it_is_done_keeps_nobody_from_the_rest(self):
        links = self._links(5)
        texted = links[2]
        texted.write({"send_email": False, "send_sms": True, "phone": "+33639981234"})
        template = self.company.sudo()._paylink_sms_template()
        for lang in ("en_US", "fr_FR"):
            template.with_context(lang=lang).body = "x" * 2000
        dialog = self._run(self.seller, "action_bulk_send", links)
        summary, reasons = self._told(dialog)
        self.assertEqual((summary, list(reasons.values())), ("Sent: 4", [1]))
        self.assertIn("too long", next(iter(reasons)))
        self.assertEqual([bool(link.sent_at) for link in links], [True, True, False, True, True])

    def test_pdfs_are_made_before_anything_is_held(self):
        """In some countries Odoo commits there: savepoints and locks would be gone."""
        link = self._link(self._invoice(), user_id=self.seller.id, attach_pdf=True)
        items = self._items(self._invoice())
        draft = self.env["paylink.link"]._create_for_items(
            [({}, items)], partner_id=self.marie.id, user_id=self.seller.id, attach_pdf=True
        )
        dialog = self._dialog(self.seller, self._press(self.seller, "action_bulk_send", link + draft))
        Send, Bulk = type(self.env["account.move.send"]), type(dialog)
        hold, holding, seen = Bulk._hold_unsent, [], []

        def hold_unsent(dialog):
            holding.append(True)
            return hold(dialog)

        def make(_self, moves, **_settings):
            seen.append((moves.name, bool(holding), draft.state))

        self.patch(Bulk, "_hold_unsent", hold_unsent)
        self.patch(Send, "_generate_and_send_invoices", make)
        self.patch(type(link), "_can_make_pdf", lambda _link: True)
        dialog.action_run()
        self.assertEqual(sorted(seen), [(move.name, False, "open") for move in (link + draft).line_ids.move_id])
        self.assertEqual((self._told(dialog)[0], bool(draft.sent_at)), ("Sent: 2", True))

    def test_a_hidden_contact_keeps_nobody_from_the_rest(self):
        hidden = self._customer("Hidden", email="hidden@example.com")
        links = self._links(partner_id=hidden.id) + self._links()
        self.env["ir.rule"].sudo().create(
            {
                "name": "Hidden",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {hidden.id})]",
            }
        )
        dialog = self._run(self.seller, "action_bulk_send", links)
        self.assertIn(self._told(dialog)[0], ("Sent: 1", "Sent: 2"))
        self.assertTrue(links[1].sent_at)

    def test_too_many_are_told(self):
        """Lists hand over a part of all that fits a filter: it is not taken for all."""
        links = self._links(3)
        limit = self.env["ir.config_parameter"].sudo()
        mine = [("id", "in", links.ids)]
        table = [  # how many at once, how many lists hand over, chosen, what is said
            (2, 20000, 3, "3 are chosen, and at most 2"),
            (1000, 2, 2, "3 are chosen, and at most 2"),
            (1000, 3, 3, ""),
            (1000, 20000, 2, ""),
        ]
        for most, handed_over, chosen, said in table:
            limit.set_param("web.active_ids_limit", handed_over)
            context = {"active_domain": mine, "active_model": "paylink.link", "lang": "en_US"}
            model = self.env(user=self.seller.id, su=False)["paylink.link"]
            for name in ("paylink.bulk", "paylink.reminder.send"):
                self.patch(type(self.env[name]), "_most", most)
            with self.subTest(most=most, handed_over=handed_over):
                for method in ("action_bulk_cancel", "action_bulk_send", "action_bulk_read", "action_remind"):
                    arguments = (model, method, [links[:chosen].ids], {"context": context})
                    if said:
                        with self.assertRaisesRegex(UserError, said):
                            call_kw(*arguments)
                    else:
                        call_kw(*arguments)

    def test_mark_as_read(self):
        mine, theirs, read = self._links(2), self._links(user=self.colleague), self._links()
        (mine + theirs).sudo().unread = True
        links = mine + theirs + read
        self.assertEqual(self._told(self._run(self.everyone, "action_bulk_read", links))[0], "Nothing was done.")
        with self.assertRaisesRegex(UserError, "only its owner"):
            self._press(self.everyone, "action_bulk_read", theirs)
        with self.assertRaises(AccessError):
            self._press(self.seller, "action_bulk_read", links)
        told = self._press(self.seller, "action_bulk_read", mine)["params"]
        self.assertEqual((told["message"], told["type"]), ("Marked as read: 2", "success"))
        self.assertEqual((mine + theirs).mapped("unread"), [False, False, True])

    def test_remind(self):
        links, draft = self._links(2), self.env["paylink.link"].create({"partner_id": self.john.id, "amount": 5})
        links += self._paid()
        action = self._press(self.manager, "action_remind", links + draft + self._in_parts())
        wizard = self.env["paylink.reminder.send"].with_user(self.manager).with_context(**action["context"]).create({})
        said = html2plaintext(wizard.left_out)
        for text in ("Left out: 3", links[2].name, "Not sent yet", "Paid already", "Paid in parts"):
            self.assertIn(text, said)
        self.assertEqual(wizard.action_send()["res_id"], wizard.id, "it stays open, and says it again")
        self.env.invalidate_all()
        self.assertEqual(len(wizard.message_ids.link_ids), 2)
        self.assertEqual(html2plaintext(wizard.left_out), said)

    def _reminder(self, records, user=None):
        """The dialog, as the list opens it."""
        records = records.with_user(user or self.seller).with_context(lang="en_US")
        remind = records.action_remind if records._name == "paylink.link" else records.action_paylink_remind
        return self.env["paylink.reminder.send"].with_env(records.env).with_context(**remind()["context"]).create({})

    def test_remind_leaves_out_what_rules_leave_out(self):
        """What one customer objects to, or is hidden from the user, keeps nobody from the rest; each is named."""
        names = ("Good", "Objecting", "Promising", "Hidden")
        customers = [self._customer(name, email="a@example.com") for name in names]
        good, objecting, promising, hidden = (self._links(partner_id=customer.id) for customer in customers)
        back = self._link(self._invoice(), user_id=self.seller.id)
        back.sudo().has_chargeback = True
        Hold = self.env["paylink.reminder.hold"]
        Hold.create({"kind": "objection", "partner_id": objecting.partner_id.id})
        until = fields.Date.today() + timedelta(days=9)
        Hold.create({"kind": "promise", "partner_id": promising.partner_id.id, "date_until": until})
        self.env["ir.rule"].sudo().create(
            {
                "name": "Hidden",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {hidden.partner_id.id})]",
            }
        )
        wizard = self._reminder(good + objecting + promising + hidden + back)
        self.assertEqual((wizard.problem, wizard.warning, wizard.message_count), (False, False, 1))
        self.assertEqual(wizard.recipient, "a@example.com")
        wizard.action_send()
        self.assertEqual(wizard.sudo().message_ids.link_ids, good)
        expected = [
            ["The bank has taken the payment back, or may.", [f"{back.name} Marie Dubois"]],
            ["The customer objects to it.", [f"{objecting.name} Objecting"]],
            ["The customer has promised to pay.", [f"{promising.name} Promising"]],
            ["Its contact is hidden from you", [f"{hidden.name} Hidden"]],
        ]
        self.env.invalidate_all()
        self.assertEqual(wizard.left_names, expected)
        for _reason, (name,) in expected:
            self.assertIn(name, wizard.left_out)
        alone = self._reminder(objecting)
        self.assertEqual((alone.warning, alone.message_count), ("The customer objects to it.", 1))
        self.assertFalse(alone.left_out)
        self.assertIn("all that you have selected", self._reminder(objecting + promising).problem)

    def test_as_many_queries_however_many_links(self):
        """What a second set costs more than the first is the same, however large it is."""
        self._run(self.manager, "action_bulk_cancel", self._links() + self._paid())  # what is read once
        table = [
            ("action_bulk_cancel", self._links, {}, 8),
            ("action_bulk_read", self._links, {}, 8),
            ("action_consolidate", self._paid, {}, 8),
            ("action_undo_consolidation", self._paid, {"reason": "By mistake"}, 8),
        ]
        for method, make, values, more in table:
            counts = []
            for count in SETS:
                links = make(count)
                links.sudo().unread = True
                if method == "action_undo_consolidation":
                    self._press(self.manager, "action_consolidate", links)
                user = self.seller if method == "action_bulk_read" else self.manager
                counts.append(self._queries(user, method, links, **values))
            with self.subTest(method, counts=counts):
                self.assertLessEqual(counts[1] - counts[0], more)


@tagged("post_install", "-at_install")
class TestConsolidate(BankMixin, BulkCommon):
    """Payment managers say that money has come, beside what the bank shows."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._prepare_bank()

    def test_by_managers_only(self):
        paid = self._paid(user=self.seller)
        for user in (self.seller, self.everyone, self.accountant):
            with self.subTest(user.login), self.assertRaisesRegex(AccessError, "payment managers|not allowed|access"):
                self._press(user, "action_consolidate", paid)
        self.assertFalse(paid.consolidated)
        with self.assertRaises(AccessError):
            paid.with_user(self.manager).write({"consolidated_at": "2026-01-01", "consolidated_by_id": 1})

    def test_one_or_many_and_undone_with_a_reason(self):
        paid, waiting = self._paid(3), self._links()
        with self.assertRaisesRegex(UserError, "Not paid"):
            self._press(self.manager, "action_consolidate", waiting)
        told = self._press(self.manager, "action_consolidate", paid[0])["params"]["message"]
        self.assertEqual(told, "Consolidated: 1")
        dialog = self._run(self.manager, "action_consolidate", paid + waiting)
        self.assertEqual(self._told(dialog), ("Consolidated: 2", {"Not paid": 1, "Consolidated by hand already": 1}))
        self.assertEqual(set(paid.mapped("consolidated_by_id")), {self.manager})
        self.assertTrue(all(paid.mapped("consolidated_at")))
        self.assertEqual(paid.mapped("consolidated"), [True] * 3)
        self.assertEqual(paid.mapped("is_at_bank"), [False] * 3)
        self.assertIn(self.manager.name, paid[0].consolidated_display)
        log = paid[0].message_ids[0]
        event = self.env.ref("paylink_addon.mt_link_consolidated")
        self.assertEqual((log.author_id, log.subtype_id), (self.manager.partner_id, event))

        asked = self._dialog(self.manager, self._press(self.manager, "action_undo_consolidation", paid))
        self.assertEqual(asked.summary, "To be undone: 3")
        with self.assertRaisesRegex(UserError, "Say why"):
            asked.action_run()
        asked.reason = "The cheque <b>bounced</b>"
        asked.action_run()
        self.assertEqual(self._told(asked), ("Consolidation undone: 3", {}))
        self.assertEqual((paid.mapped("consolidated"), paid.consolidated_by_id), ([False] * 3, self.env["res.users"]))
        self.assertIn("The cheque &lt;b&gt;bounced", paid[0].message_ids[0].body)

    def test_what_the_bank_shows_and_what_is_said_stay_apart(self):
        """By hand first, then by the bank, which does not overwrite it; the bank's part is not undone here."""
        link = self._paid()
        self._press(self.manager, "action_consolidate", link)
        with self._bank_shows(link, False):
            self.assertTrue(link.consolidated, "what is computed anew keeps what was said by hand")
        with self._bank_shows(link, fields.Date.today()):
            self.assertEqual((link.consolidated, link.is_at_bank), (True, True))
            self.assertEqual(link.consolidated_display.count("·"), 1)
            self._run(self.manager, "action_undo_consolidation", link, reason="By mistake")
            self.assertEqual((link.consolidated, link.consolidated_at), (True, False))
        with self._bank_shows(link, False):
            self.assertEqual((link.consolidated, link.is_at_bank), (False, False))

    @contextmanager
    def _bank_shows(self, link, day):
        """The bank shows all money of the link since ``day``, or does not show it."""
        with patch.object(type(link), "_arrivals", lambda _link: [day]):
            self.env.add_to_compute(link._fields["is_at_bank"], link)
            link.modified(["state"])
            yield

    def test_what_the_bank_has_found_is_not_undone_by_hand(self):
        link = self._link(self._invoice(amount=80), user_id=self.seller.id)
        self._bank_line(link.transfer_reference, 80)
        self.assertEqual((link.state, link.consolidated, link.is_at_bank), ("paid", True, True))
        with self.assertRaisesRegex(UserError, "bank shows"):
            self._press(self.manager, "action_consolidate", link)
        refused = self._dialog(self.manager, self._press(self.manager, "action_undo_consolidation", link))
        self.assertEqual(refused.ready_count, 0)
        self.assertIn("undo the reconciliation", html2plaintext(refused.left_out))

    def test_what_has_no_money_anymore_is_not_consolidated(self):
        link = self._link(self._invoice(), user_id=self.seller.id)
        transaction = self._pay(link)
        arch = etree.fromstring(link.get_view(view_type="search")["arch"])
        domain = safe_eval(arch.find(".//filter[@name='not_consolidated']").get("domain"))
        self.assertIn(link, link.search(domain))
        self._refund(transaction, 100)
        self.assertEqual((link.state, link.status), ("paid", "refunded"))
        with self.assertRaisesRegex(UserError, "money is gone"):
            self._press(self.manager, "action_consolidate", link)
        self.assertNotIn(link, link.search(domain))

    def test_what_is_due_again_is_not_consolidated(self):
        link = self._paid()
        self._press(self.manager, "action_consolidate", link)
        link.sudo().write({"paid_at": "2030-01-01"})
        self.assertFalse(link.consolidated, "it was said of another payment")

    def test_it_was_not_said_of_the_money_that_comes_after(self):
        """Settled by a cheque, consolidated by hand; the cheque bounces, and something else settles it."""
        link = self._link(self._invoice(), user_id=self.seller.id)
        invoice = link.line_ids.move_id
        self._register_payment(invoice)
        self._press(self.manager, "action_consolidate", link)
        self.assertTrue(link.consolidated)
        invoice.line_ids.remove_move_reconcile()
        self.env.flush_all()
        self.assertEqual((link.state, link.consolidated, link.consolidated_at), ("open", False, False))
        self._register_payment(invoice)
        self.env.flush_all()
        self.assertEqual((link.state, link.consolidated, link.consolidated_display), ("paid", False, ""))
        self._press(self.manager, "action_consolidate", link)
        self.assertTrue(link.consolidated)
