from datetime import timedelta

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import freeze_time, tagged
from odoo.tools import SQL

from ...tools import days as clock
from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderLinks(ReminderCommon):
    """Rules for collection links that are not paid, and reminders sent by hand."""

    def _sent_link(self, days=3, **values):
        with freeze_time(f"{TODAY - timedelta(days=days)} 09:00:00"):
            link = self._free_link(reference="Contract 7", expires_at=False, **values)
            link.action_send()
        return link

    def test_link_not_paid(self):
        self._rule(days=(3, 7), kind="link")
        link = self._sent_link(3)
        self._sent_link(2)
        message = self._remind()
        self.assertEqual(message.reminder_ids.link_id, link)
        self.assertEqual(message.link_ids, link)
        self.assertIn(link.url, self._mails(message).body_html)
        self.assertFalse(self._remind())
        self.assertEqual(message.reminder_ids.step_id.days, 3)

    def test_links_that_need_no_reminder(self):
        cases = {
            "paid": self._pay,
            "in progress": lambda link: self._attempt(link)._set_pending(),
            "cancelled": lambda link: link.action_cancel(),
            "expired": lambda link: link.write({"expires_at": f"{TODAY} 00:00:00"}),
            "not sent": lambda link: setattr(link.sudo(), "sent_at", False),
            "made for a reminder": lambda link: setattr(link.sudo(), "by_reminder", True),
            "objected": lambda link: self.env["paylink.reminder.hold"].create(
                {"kind": "objection", "partner_id": link.partner_id.id}
            ),
        }
        self._rule(days=(3,), kind="link")
        for name, do in cases.items():
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                do(self._sent_link())
                self.assertFalse(self._remind())
                savepoint.rollback()
                self.env.invalidate_all()
        self._sent_link()
        self.assertTrue(self._remind())

    def _entry_link(self, **values):
        """A link for an opening balance."""
        due = {"debit": 50, "date_maturity": TODAY - timedelta(days=3), "partner_id": self.marie.id, "name": "Owed"}
        data = self.company_data
        lines = [
            Command.create({"account_id": data["default_account_receivable"].id, **due}),
            Command.create({"account_id": data["default_account_revenue"].id, "credit": 50}),
        ]
        journal = data["default_journal_bank"]
        entry = self.env["account.move"].create({"date": TODAY, "journal_id": journal.id, "line_ids": lines})
        entry.action_post()
        item = entry.line_ids.filtered("date_maturity")
        link = self.env["paylink.link"]._create_for_items([({}, item)], partner_id=self.marie.id, **values)
        link._issue()
        return link

    def test_announced_transfer_pauses_whatever_the_link_asks_for(self):
        """Also what is no invoice, until some days later. Its owner may lift that, the customer may take it back."""
        self._rule(days=(3,), kind="link")
        self._rule(days=(3,))
        owner = self._user("owner", "paylink_addon.group_paylink_user")
        Hold = self.env["paylink.reminder.hold"].with_context(active_test=False)
        end = TODAY + timedelta(days=self.company.paylink_claim_days)

        def lift(link):
            Hold.search([("link_id", "=", link.id)], limit=1).with_user(owner).action_lift()

        ends = {
            "over": (end + timedelta(days=1), lambda link: None),
            "lifted": (TODAY, lift),
            "taken back": (TODAY, lambda link: link._take_answer_back("transfer", link._transfer_answers().id)),
            "taken back by the owner": (TODAY, lambda link: link.with_user(owner).action_withdraw_claim()),
        }
        makers = (self._sent_link, self._entry_link, lambda **values: self._link(self._due_invoice(3), **values))
        for number, make in enumerate(makers):
            for name, (day, do) in ends.items():
                with self.subTest(number=number, end=name), self.env.cr.savepoint() as savepoint:
                    link = make(user_id=owner.id).sudo()
                    with freeze_time(TODAY):
                        link._claim_transfer(str(TODAY), "50")
                        self.assertFalse(self._remind())
                        self.assertFalse(self._remind(end))
                        self.assertEqual(link._claim_pauses_until(), end)
                        do(link)
                    self.assertTrue(self._remind(day))
                    self.assertEqual(bool(link.transfer_claim_date), not name.startswith("taken"))
                    savepoint.rollback()
                    self.env.invalidate_all()
        with freeze_time(TODAY):
            link = self._sent_link(user_id=owner.id)
            for promised in (end, end, False):
                link._claim_transfer(str(TODAY), "50")
                self.assertEqual(link._claim_pauses_until(), promised, "the third word pauses nothing")
                if promised:
                    lift(link)
            ahead = self._sent_link(user_id=owner.id)
            ahead._claim_transfer(str(TODAY + timedelta(days=9)), "50")
            self.assertEqual(ahead._claim_pauses_until(), end + timedelta(days=9), "it is not made before")
            hold = Hold.search([("link_id", "=", link.id)], limit=1)
            self.assertEqual(hold.user_id, owner)
            with self.assertRaisesRegex(UserError, "duplicated"):
                hold.copy()
            other = self._user("another", "paylink_addon.group_paylink_user")
            self.assertFalse(Hold.with_user(other).search([("id", "=", hold.id)]))

    def test_day_of_sending_is_the_companys(self):
        """Half an hour after midnight in Paris it is still yesterday in UTC."""
        self._rule(days=(3,), kind="link")
        link = self._free_link(expires_at=False)
        with freeze_time(f"{TODAY - timedelta(days=4)} 23:30:00"):
            link.action_send()
        self.assertEqual(self._remind().link_ids, link)

    def test_zones_that_the_database_does_not_know(self):
        """Its list may be older than Python's; and a database may come from where there were more names than here."""
        self._rule(days=(3,), kind="link")
        self.patch(clock, "_database_knows", lambda _cr, _name: False)
        for zone, is_due in (("Europe/Paris", False), ("America/Montreal", True), ("Mars/Olympus", True)):
            customer = self._customer(zone, email="zone@example.com")
            link = self._free_link(partner_id=customer.id, expires_at=False)
            with freeze_time(f"{TODAY - timedelta(days=4)} 23:30:00"):
                link.action_send()
            self.env.flush_all()
            self.env.cr.execute("UPDATE res_company SET paylink_tz = %s WHERE id = %s", [zone, self.company.id])
            self.env.invalidate_all()
            with self.subTest(zone):
                self.assertEqual(link in self._remind(TODAY - timedelta(days=1)).link_ids, is_due)

    def test_link_that_ends_today_is_not_reminded(self):
        self._rule(days=(3,), kind="link")
        for days, count in ((0, 0), (1, 1)):
            with self.subTest(days=days), freeze_time(f"{TODAY} 08:00:00"):
                self._sent_link().expires_at = f"{TODAY + timedelta(days=days)} 20:00:00"
                self.assertEqual(len(self._remind()), count)

    def test_reminded_link_is_not_made_anew(self):
        self._rule(days=(3,), kind="link")
        self._sent_link()
        count = self.env["paylink.link"].search_count([])
        self._remind()
        self.assertEqual(self.env["paylink.link"].search_count([]), count)

    def test_amount_in_the_companys_currency(self):
        euro = self.currency_euro
        self.env["res.currency.rate"].create(
            {"name": "2026-01-01", "currency_id": euro.id, "rate": 0.5, "company_id": self.company.id}
        )
        self._rule(days=(3,), kind="link", amount_min=100)
        small, large = self._sent_link(amount=49, currency_id=euro.id), self._sent_link(amount=51, currency_id=euro.id)
        reminded = self._remind().reminder_ids.link_id
        self.assertIn(large, reminded)
        self.assertNotIn(small, reminded)

    @freeze_time(TODAY)
    def test_amount_is_what_is_asked_for(self):
        """By a part of a plan what its page says, although it was made for more; by no link more than is due."""
        link = self._link(invoice := self._due_invoice(3, amount=300.0)).sudo()
        plan = link._agree_on_plan([(TODAY, 100.0), (TODAY, 100.0), (TODAY + timedelta(days=60), 100.0)])
        links = link + self._link(self._due_invoice(3, amount=80.0), amount=90, is_limited=True)
        links += plan.part_ids[:2]._with_links().link_id
        rule = self._rule(days=(3,), kind="link")
        for expected in ([300, 80, 100, 200], [250, 80, 50, 150]):
            query = SQL("SELECT link.id, %s FROM paylink_link link", rule._link_amount_sql())
            self.env.flush_all()
            amounts = dict(self.env.execute_query(query))
            self.assertEqual([amounts[one.id] for one in links], expected)
            self.assertEqual([links._due_amounts()[one.id] for one in links], expected)
            credit = self._invoice(move_type="out_refund", amount=50)
            self._items(invoice + credit).reconcile()

    def test_rate_that_is_known_later_only(self):
        """As Odoo converts: by the first rate that there is."""
        euro = self.currency_euro
        euro.rate_ids.sudo().unlink()
        values = {"name": TODAY + timedelta(days=2), "currency_id": euro.id, "company_id": self.company.id}
        self.env["res.currency.rate"].create(values | {"rate": 0.5})
        self._rule(days=(3,), kind="link", amount_min=150)
        small, large = self._sent_link(amount=70, currency_id=euro.id), self._sent_link(amount=80, currency_id=euro.id)
        self.assertEqual(euro._convert(80, self.company.currency_id, self.company, TODAY), 160)
        reminded = self._remind().reminder_ids.link_id
        self.assertIn(large, reminded)
        self.assertNotIn(small, reminded)

    def test_link_is_reminded_where_it_was_sent(self):
        """What was typed in for the link counts for its reminders, until it fails."""
        self._rule(days=(3,), kind="link")
        typed = {"email": "typed@example.com", "phone": "+33639980107", "lang": "en_US"}
        for partner in (self._customer("Nobody"), self.marie):
            with self.subTest(partner.name):
                self._sent_link(partner_id=partner.id, **typed)
                message = self._remind()
                self.assertEqual({name: message[name] for name in typed}, typed)
        link = self._sent_link(partner_id=self.john.id, **typed)
        notices = self.env["mail.message"].search([("model", "=", link._name), ("res_id", "=", link.id)])
        notices.notification_ids.sudo().notification_status = "bounce"
        self.assertEqual(self._remind().email, "john@example.com")

    # === NOTHING IS ASKED FOR TWICE === #

    def _link_of(self, invoices):
        link = self._link(invoices, expires_at=False)
        link.sudo().sent_at = f"{TODAY - timedelta(days=3)} 09:00:00"
        return link

    def test_invoice_and_its_link_are_asked_for_once(self):
        self._rule(days=(3,), include_link=True)
        self._rule(days=(3,), kind="link")
        invoice = self._due_invoice(3)
        link = self._link_of(invoice)
        message = self._remind()
        self.assertEqual(message.amount_display.count("100,00"), 1)
        self.assertEqual((message.link_ids, message.reminder_ids.link_id), (link, link), "Both are on record")
        self.assertEqual(message.reminder_ids.move_line_id, self._items(invoice))
        self.assertFalse(self._remind(TODAY + timedelta(days=1)))

    def test_two_links_for_the_same_are_asked_for_once(self):
        self._rule(days=(3,), kind="link")
        invoice = self._due_invoice(3)
        links = self._link_of(invoice) + self._link_of(invoice)
        message = self._remind()
        self.assertEqual(message.amount_display.count("100,00"), 1)
        self.assertEqual(message.reminder_ids.link_id, links)

    def test_link_that_asks_for_more_has_its_turn_another_day(self):
        self._rule(days=(3,))
        self._rule(days=(3,), kind="link")
        invoice = self._due_invoice(3)
        link = self._link_of(invoice + self._due_invoice(-20, amount=5.0))
        self.assertFalse(self._remind().reminder_ids.link_id)
        self.assertEqual(self._remind(TODAY + timedelta(days=1)).reminder_ids.link_id, link)

    # === BY HAND === #

    def _wizard_for(self, records, user=None, **values):
        action = records.with_user(user or self.manager).with_company(self.company)
        action = (action.action_remind if records._name == "paylink.link" else action.action_paylink_remind)()
        wizard = self.env["paylink.reminder.send"].with_user(user or self.manager).with_company(self.company)
        return wizard.with_context(**action["context"]).create(values)

    def test_by_hand_from_invoice_customer_and_link(self):
        with freeze_time(TODAY):
            invoices = self._due_invoice(3) + self._due_invoice(1, amount=20.0) + self._due_invoice(-5, amount=1.0)
            link = self._sent_link()
            cases = [(invoices[0], "100,00"), (self.marie, "120,00"), (link, "50,00")]
            for record, amount in cases:
                with self.subTest(record):
                    wizard = self._wizard_for(record)
                    self.assertFalse(wizard.problem)
                    self.assertIn(amount, wizard.body)
                    wizard.action_send()
                    message = wizard.sudo().message_ids
                    self.assertIn(amount, message.amount_display)
                    self.assertEqual(self._mails(message).email_to, "marie@example.com")
                    self.assertEqual(message.reminder_ids.mapped("outcome"), ["message"] * len(message.reminder_ids))

    def test_by_hand_nobody_is_reminded_of_what_is_paid_but_not_booked(self):
        """Of the invoice, as part of all that is due, and by another link for it."""
        with freeze_time(TODAY):
            paid = self._due_invoice(3)
            other = self._link(paid)
            self._attempt(self._link(paid))._set_done()
            for record in (paid, self.marie, other):
                with self.subTest(record):
                    self.assertTrue(self._wizard_for(record).problem)
            self._due_invoice(3, amount=20.0)
            self.assertIn(" 20,00", self._wizard_for(self.marie).body.replace("\xa0", " "))

    def test_second_click_sends_nothing(self):
        with freeze_time(TODAY):
            wizard = self._wizard_for(self._due_invoice(3))
            wizard.action_send()
            message = wizard.sudo().message_ids
            wizard.action_send()
            self.assertEqual(wizard.sudo().message_ids, message)
            self.assertEqual(self.env["paylink.reminder.message"].search([]), message)

    def test_by_hand_counts_for_the_limit(self):
        self._rule(days=(3,))
        with freeze_time(TODAY):
            self._wizard_for(self._due_invoice(3)).action_send()
        self.assertFalse(self._remind())
        self.assertEqual(len(self._remind(TODAY + timedelta(days=1))), 1)

    def test_by_hand_says_what_speaks_against_it(self):
        with freeze_time(TODAY):
            invoice = self._due_invoice(3)
            self.env["paylink.reminder.hold"].create({"kind": "objection", "move_id": invoice.id})
            self.assertTrue(self._wizard_for(invoice).warning)
            self.assertTrue(self._wizard_for(self._link(invoice)).warning)
            self._pay(self._link(invoice))
            self.assertTrue(self._wizard_for(invoice).problem)
            self.assertTrue(self._wizard_for(self._due_invoice(3), send_email=False).problem)
            nobody = self._due_invoice(3, partner=self._customer("Nobody"))
            self.assertTrue(self._wizard_for(nobody).problem)

    def test_by_hand_of_several_what_is_held_up_is_left_out(self):
        """Of who objects to one of several invoices, the others; what is not due is named, too."""
        with freeze_time(TODAY):
            objected, paid, owed = invoices = [self._due_invoice(3) for _number in range(3)]
            self.env["paylink.reminder.hold"].create({"kind": "objection", "move_id": objected.id})
            self._register_payment(paid)
            names = [f"{invoice.name} Marie Dubois" for invoice in invoices]
            objecting, nothing = "The customer objects to it.", "Nothing is due"
            cases = (
                (objected + paid + owed, [[objecting, names[:1]], [nothing, names[1:2]]]),
                (self.marie + self.john, [[objecting, names[:1]], [nothing, ["John Smith"]]]),
                (self.marie, [[objecting, names[:1]]]),
            )
            for records, expected in cases:
                with self.subTest(records), self.cr.savepoint() as savepoint:
                    wizard = self._wizard_for(records)
                    self.assertFalse(wizard.problem or wizard.warning)
                    wizard.action_send()
                    self.assertEqual(wizard.sudo().message_ids.reminder_ids.move_id, owed)
                    self.env.invalidate_all()
                    self.assertEqual(wizard.left_names, expected)
                    savepoint.rollback()
                    self.env.invalidate_all()

    def _objection(self, **about):
        Hold = self.env["paylink.reminder.hold"].sudo()
        return Hold.create({"kind": "objection", "partner_id": self.marie.id, **about})

    def test_by_hand_of_opening_entries_that_somebody_objects_to(self):
        """Said on the page of a link: of the customer, of the same link and of another one; two have one name."""
        objecting = "The customer objects to it."
        with freeze_time(TODAY):
            link = self._entry_link()
            item = link.sudo().line_ids.move_line_id
            other = self.env["paylink.link"]._create_for_items([({}, item)], partner_id=self.marie.id)
            other._issue()
            self._objection(link_id=link.id)
            for record in (self.marie, link, other):
                self.assertEqual(self._wizard_for(record).warning, objecting)
            self._objection(link_id=self._entry_link().id)
            owed = self._due_invoice(3)
            wizard = self._wizard_for(self.marie)
            self.assertIn("Left out: 2", wizard.left_out)
            wizard.action_send()
            self.assertEqual(wizard.sudo().message_ids.reminder_ids.move_id, owed)
            self.assertEqual(wizard.left_names, [[objecting, ["Owed Marie Dubois"] * 2]])

    def test_by_hand_of_what_a_bank_line_seems_to_pay(self):
        with freeze_time(TODAY):
            invoice = self._due_invoice(3)
            link = self._link(invoice, allow_partial=False)
            journal = self.company_data["default_journal_bank"]
            line = self.env["account.bank.statement.line"].create(
                {"journal_id": journal.id, "date": TODAY, "payment_ref": link.transfer_reference, "amount": 60}
            )
            for record in (invoice, self.marie, link):
                self.assertEqual(self._wizard_for(record).warning, "A payment is in progress.")
            line.paylink_match_ids.action_reject()
            self.assertFalse(self._wizard_for(invoice).warning)

    def test_by_hand_all_that_speaks_against_it_is_said(self):
        """Of all that one customer owes, the worst first."""
        with freeze_time(TODAY):
            until = TODAY + timedelta(days=3)
            self._objection(kind="promise", move_id=self._due_invoice(4).id, date_until=until)
            self._objection(move_id=self._due_invoice(3).id)
            said = "The customer objects to it. The customer has promised to pay."
            self.assertEqual(self._wizard_for(self.marie).warning, said)

    def test_by_hand_the_problem_is_what_keeps_it(self):
        """Of one customer, something left out, and the rest without an address, or covered."""
        with freeze_time(TODAY):
            nobody = self._customer("Nobody")
            for partner, said in ((nobody, "has no address"), (self.marie, "all that you have selected")):
                objected, _owed = (self._due_invoice(3, partner=partner) for _number in range(2))
                self._objection(partner_id=partner.id, move_id=objected.id)
                if partner == self.marie:
                    self._due_invoice(3, amount=150.0, move_type="out_refund")
                with self.subTest(partner=partner.name):
                    self.assertIn(said, self._wizard_for(partner).problem)
