from datetime import timedelta

from lxml import etree
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import freeze_time, tagged
from odoo.tools.safe_eval import safe_eval

from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderHolds(ReminderCommon):
    """Promises and objections: who notes them, what they hold up, and what comes after."""

    def _hold(self, record, kind="promise", **values):
        """Note a promise or an objection, on an invoice or a customer, as the dialog does."""
        with freeze_time(TODAY):
            context = getattr(record, f"action_paylink_{kind}")()["context"]
            return self.env["paylink.reminder.hold"].with_context(**context).create(values)

    def test_promise_pauses_and_resumes(self):
        self._rule(days=(3, 5))
        invoice = self._due_invoice(3)
        hold = self._hold(invoice, date_until=TODAY + timedelta(days=2), note="Mrs Dubois")
        self.assertEqual((hold.move_id, hold.user_id), (invoice, self.env.user))
        self.assertEqual(hold.display_name, f"Promise to pay – {invoice.name}")
        self.assertEqual(self.env["paylink.reminder.hold"].new({"kind": "promise"}).display_name, "Promise to pay")
        for days in (0, 1, 2):
            with self.subTest(days=days):
                self.assertFalse(self._remind(TODAY + timedelta(days=days)))
        message = self._remind(TODAY + timedelta(days=3))
        self.assertEqual(message.step_id.days, 5)
        with freeze_time(TODAY):
            invoice.invalidate_recordset()
            self.assertEqual(invoice.paylink_promise_until, TODAY + timedelta(days=2))
        with freeze_time(TODAY + timedelta(days=3)):
            invoice.invalidate_recordset()
            self.assertFalse(invoice.paylink_promise_until)

    def test_broken_promise_does_not_end_in_silence(self):
        """What was held up is late from the end of the promise on, however long that was."""
        self._rule(days=(3,))
        invoice = self._due_invoice(3)
        for record, late in ((invoice, 0), (self.marie, 40)):
            with self.subTest(record), self.env.cr.savepoint() as savepoint:
                day = TODAY + timedelta(days=late)
                with freeze_time(day):
                    values = {"kind": "promise", "partner_id": self.marie.id, "date_until": day + timedelta(days=14)}
                    values["move_id"] = record.id if record == invoice else False
                    self.env["paylink.reminder.hold"].create(values)
                    found = self.env["paylink.reminder.rule"].search([])._explain(day, self._items(invoice).ids)
                    self.assertTrue(found[0]["reason"])
                end = day + timedelta(days=15)
                (found,) = self.env["paylink.reminder.rule"].search([])._explain(end, self._items(invoice).ids)
                self.assertEqual((found["reason"], found["date"]), (False, end))
                counts = [len(self._remind(day + timedelta(days=days))) for days in (0, 14, 21, 22)]
                self.assertEqual(counts, [0, 0, 1, 0])
                savepoint.rollback()
                self.env.invalidate_all()

    def test_promise_that_is_over_for_long_calls_for_nothing(self):
        self._rule(days=(3,))
        self._hold(self._due_invoice(3), date_until=TODAY + timedelta(days=14))
        self.assertFalse(self._remind(TODAY + timedelta(days=22)))

    def test_turn_that_comes_late_is_not_lost(self):
        """More days between two messages than reminders are caught up."""
        self.company.paylink_reminder_gap_days = 10
        self._rule(days=(3,))
        self._due_invoice(3)
        waiting = self._due_invoice(2)
        self._remind()
        self.assertFalse(self._remind(TODAY + timedelta(days=9)))
        self.assertEqual(self._remind(TODAY + timedelta(days=10)).reminder_ids.move_id, waiting)

    def test_promise_for_all_of_a_customer(self):
        self._rule(days=(3,))
        self._due_invoice(3)
        self._due_invoice(3, partner=self.john)
        self._hold(self.marie, date_until=TODAY)
        self.assertEqual(self._remind().customer_id, self.john)

    def test_customer_shows_what_is_held_up(self):
        """All that they owe, or single documents: of these what the user may read."""
        invoice, other = self._due_invoice(3), self._due_invoice(3)
        seller, salesperson = self._people("seller", "invoicing")
        self._hold(invoice, date_until=TODAY + timedelta(days=4))
        self._hold(other, kind="objection")
        for user, shown in ((salesperson, (TODAY + timedelta(days=4), True)), (seller, (False, False))):
            with freeze_time(TODAY), self.subTest(user=user.login):
                marie = self.marie.with_user(user)
                self.assertEqual((marie.paylink_promise_until, marie.paylink_has_objection), shown)
        self._hold(self.marie, date_until=TODAY + timedelta(days=9))
        with freeze_time(TODAY):
            self.env.invalidate_all()
            self.assertEqual(self.marie.with_user(seller).paylink_promise_until, TODAY + timedelta(days=9))
            self.assertFalse(self.john.paylink_promise_until)

    def test_objection_lasts_until_it_is_lifted(self):
        self._rule(days=(3, 200))
        invoice = self._due_invoice(3)
        hold = self._hold(invoice, kind="objection")
        self.assertFalse(self._remind())
        self.assertTrue(invoice.paylink_has_objection)
        day = TODAY + timedelta(days=50)
        with freeze_time(day):
            hold.action_lift()
        self.assertEqual(len(self._remind(day)), 1, "It was held up, however long")

    def test_charged_back_by_the_bank(self):
        """What a bank takes back is open again: nobody is reminded of it, whatever link it is on."""
        self._rule(days=(3,))
        self._rule(days=(3,), kind="link")
        invoice = self._due_invoice(3)
        link, other = self._link(invoice), self._link(invoice)
        with freeze_time(TODAY - timedelta(days=3)):
            (link | other).action_send()
        chargeback = self._chargeback(link)
        self.assertFalse(self._remind())
        with freeze_time(TODAY):
            values = {"source_model": "account.move", "source_ids": invoice.ids}
            self.assertTrue(self.env["paylink.reminder.send"].create(values).warning)
        chargeback.status = "won"
        self.assertEqual(self._remind().reminder_ids.move_line_id.move_id, invoice)

    def test_promise_in_the_past_is_refused(self):
        invoice = self._due_invoice(3)
        with self.assertRaises(ValidationError):
            self._hold(invoice, date_until=TODAY - timedelta(days=1))

    def test_nobody_notes_in_anothers_name(self):
        invoice = self._due_invoice(3)
        another = self.env.ref("base.user_admin").id
        Hold = self.env["paylink.reminder.hold"].with_user(self.manager)
        values = {"move_id": invoice.id, "kind": "objection"}
        with self.assertRaises(AccessError):
            Hold.create(values | {"user_id": another})
        hold = Hold.with_context(default_user_id=another).create(values)
        self.assertEqual(hold.user_id, self.manager)
        with self.assertRaises(AccessError):
            hold.write({"user_id": another})

    def test_copy_is_noted_by_who_makes_it(self):
        hold = self._hold(self._due_invoice(3), date_until=TODAY + timedelta(days=2))
        with freeze_time(TODAY):
            copy = hold.with_user(self.manager).copy()
        self.assertEqual((copy.user_id, copy.move_id), (self.manager, hold.move_id))

    def test_promise_of_a_contact_is_the_customers(self):
        firm = self._customer("Firm", is_company=True, email="firm@example.com")
        office = self._customer("Office", parent_id=firm.id, email="office@example.com")
        hold = self.env["paylink.reminder.hold"].create({"kind": "objection", "partner_id": self.marie.id})
        hold.partner_id = office
        self.assertEqual(hold.partner_id, firm)

    def test_nobody_notes_on_what_is_hidden(self):
        """Who can't read an invoice leaves no note on it; what colleagues noted is theirs to lift."""
        seller = self._user("seller", "paylink_addon.group_paylink_user")
        invoice, Hold = self._due_invoice(3), self.env["paylink.reminder.hold"].with_user(seller)
        mine = Hold.create({"kind": "objection", "partner_id": self.marie.id})
        theirs = Hold.with_user(self.manager).create({"kind": "objection", "partner_id": self.john.id})
        self.env.invalidate_all()
        for do in (
            lambda: Hold.create({"kind": "objection", "move_id": invoice.id}),
            lambda: mine.write({"move_id": invoice.id}),
            theirs.with_user(seller).action_lift,
            lambda: theirs.with_user(seller).write({"active": False}),
        ):
            with self.assertRaises(AccessError):
                do()
        mine.action_lift()
        theirs.with_user(self.manager).action_lift()
        self.assertFalse((mine | theirs).filtered("active"))

    def test_who_sees_promises_of_whom(self):
        """A salesperson: of documents and customers they may read, at first the own; who sees all payments: all."""
        invoice, seller = self._due_invoice(3), self._user("seller", "paylink_addon.group_paylink_user")
        other = self._user("other", "paylink_addon.group_paylink_user")
        mine_too = self._customer("Mine", user_id=seller.id)
        Hold = self.env["paylink.reminder.hold"].with_user(self.manager)
        document, general, of_mine, own = (
            Hold.with_user(user).create({"kind": "objection", **values})
            for user, values in (
                (self.manager, {"move_id": invoice.id}),
                (other, {"partner_id": self.john.id}),
                (other, {"partner_id": mine_too.id}),
                (seller, {"partner_id": self.marie.id}),
            )
        )
        everything = document | general | of_mine | own
        domain = [("id", "in", everything.ids)]
        for user, expected in ((seller, everything - document), (self.manager, everything)):
            with self.subTest(user.login):
                found = Hold.with_user(user).search(domain)
                self.assertEqual(found, expected)
                lifted = found.filtered("can_lift")
                self.assertEqual(lifted, own if user == seller else everything)
                self.assertEqual(found.filtered("can_change"), lifted)
                self.assertTrue(Hold.with_user(user).new({}).can_change)
        with self.assertRaises(AccessError):
            document.with_user(seller).read(["note"])
        arch = etree.fromstring(Hold.get_view(view_type="search")["arch"])
        (mine,) = arch.xpath("//filter[@name='mine']/@domain")
        found = Hold.with_user(seller).search(safe_eval(mine, {"uid": seller.id}))
        self.assertEqual(found & everything, of_mine | own)
        for user, context in ((seller, {"search_default_mine": 1}), (self.manager, {})):
            self.assertEqual(Hold.with_user(user)._action_open()["context"], context)
