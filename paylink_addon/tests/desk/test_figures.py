from collections import defaultdict
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools.convert import convert_file

from ..browser_common import ToursCommon
from ..common import PaylinkCommon

ACCOUNTANT = "account.group_account_readonly"


class FiguresCommon(PaylinkCommon):
    """Few payments, all of them counted by hand."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._user("figures-seller", "paylink_addon.group_paylink_user")
        cls.boss = cls._user("figures-boss", "paylink_addon.group_paylink_all")
        cls.accountant = cls._user("figures-accountant", ACCOUNTANT)
        cls.today = cls.company._paylink_today()
        cls._ask()
        cls._owe()
        cls.env.flush_all()

    @classmethod
    def _ask(cls):
        """Of the seller 3 links, the last one of the last quarter; of the boss one, in a currency worth half."""
        cls.foreign = cls.setup_other_currency("GBP", rates=[("1900-01-01", 2.0)])
        cls.paid = cls._free_link(100, user_id=cls.seller.id)
        cls._pay(cls.paid)
        cls.paid.sudo().issued_at = cls.paid.sudo().sent_at = cls.paid.paid_at - timedelta(hours=30)
        cls.tried = cls._free_link(50, user_id=cls.seller.id, send_email=False, send_sms=True)
        cls.tried.sudo().sent_at = fields.Datetime.now()
        cls._attempt(cls.tried)._set_error("refused")
        cls.old = cls._free_link(70, user_id=cls.seller.id)
        cls.old.sudo().issued_at -= timedelta(days=60)
        cls.foreign_link = cls._free_link(200, user_id=cls.boss.id, currency_id=cls.foreign.id, partner_id=cls.john.id)
        cls._free_link(5000, user_id=cls.boss.id).action_cancel()
        cls.env["paylink.link"].create({"partner_id": cls.marie.id, "amount": 6000, "user_id": cls.boss.id})

    @classmethod
    def _owe(cls):
        """Marie pays 10, 20 and 40 days late. What is open: one due in 5 days, one overdue for 50, one of John."""
        for late in (10, 20, 40):
            invoice = cls._invoice(cls.marie, 300, **cls._due(-60))
            values = {"payment_date": cls.today + timedelta(days=late - 60)}
            wizard = cls.env["account.payment.register"].with_context(
                active_model="account.move", active_ids=invoice.ids
            )
            wizard.create(values)._create_payments()
        cls.soon = cls._invoice(cls.marie, 1000, **cls._due(5))
        cls.late = cls._invoice(cls.marie, 400, **cls._due(-50))
        cls.of_john = cls._invoice(cls.john, 600, **cls._due(-3))
        cls.asked = cls._link(cls.late, user_id=cls.seller.id)

    @classmethod
    def _due(cls, days):
        due = cls.today + timedelta(days=days)
        return {"invoice_date": min(due, cls.today - timedelta(days=1)), "invoice_date_due": due}

    def _figure(self, user, figure, period="30"):
        """As a client asks for it."""
        return call_kw(self._as(user)["paylink.figure"], "read_figure", [figure, period], {})

    def _as(self, user):
        self.env.flush_all()
        return self.env(user=user.id, context={"lang": "en_US", "allowed_company_ids": user.company_ids.ids})


@tagged("post_install", "-at_install")
class TestFigures(FiguresCommon):
    """The page of figures, and what each person may see of it."""

    def test_asked_opened_attempted_paid(self):
        expected = {  # who, period: (asked, opened, attempted, paid), asked for, received
            (self.seller, "30"): ((3, 2, 2, 1), 550, 100),
            (self.seller, "90"): ((4, 2, 2, 1), 620, 100),
            (self.boss, "30"): ((4, 2, 2, 1), 650, 100),
        }
        for (user, period), (counts, asked, received) in expected.items():
            with self.subTest(user=user.login, period=period):
                funnel = self._figure(user, "funnel", period)
                self.assertEqual(tuple(step["count"] for step in funnel["steps"]), counts)
                self.assertEqual((funnel["amount"], funnel["amount_paid"]), (asked, received))
                self.assertAlmostEqual(funnel["hours"], 30)

    def test_told_apart(self):
        expected = {  # (asked, paid) by label
            "channel": {"E-mail": (1, 1), "SMS": (1, 0), "Copied, or passed on by hand": (2, 0)},
            "kind": {"Free amount": (3, 1), "Open items": (1, 0)},
            "seller": {self.seller.name: (3, 1), self.boss.name: (1, 0)},
            "template": {"No e-mail by a template": (4, 1)},
            "step": {"Without a reminder": (4, 1)},
        }
        for figure, groups in expected.items():
            with self.subTest(figure=figure):
                rows = self._figure(self.boss, figure)["rows"]
                self.assertEqual({row["label"]: (row["count"], row["paid"]) for row in rows}, groups)

    # === WHAT IS ASKED ONCE === #

    def test_what_is_asked_once_is_counted_once(self):
        """In figures, lists and Excel, whatever other links ask for it."""
        cases = {  # what asks for it: links, of them paid; asked, received
            "a plan": (self._paid_in_parts, (1, 1), (300, 300)),
            "a plan, all of which was paid at once": (self._paid_at_once, (1, 1), (300, 300)),
            "a plan that was canceled": (self._canceled_plan, (1, 0), (100, 100)),
            "renewed": (self._paid_anew, (1, 1), (80, 80)),
            "renewed twice": (self._renewed_twice, (1, 0), (80, 30)),
            "all installments": (self._paid_with_later_ones, (1, 1), (100, 100)),
            "all installments, not paid": (self._later_ones_chosen, (1, 0), (40, 0)),
        }
        for case, (make, counts, amounts) in cases.items():
            with self.subTest(case):
                before, known = self._totals(), self.env["paylink.link"].search([])
                make()
                added = tuple(now - old for now, old in zip(self._totals(), before, strict=True))
                self.assertEqual(added, (*counts, *amounts))
                links = self.env["paylink.link"].search([]) - known
                made = [("id", "in", links.ids)]
                asked = sum(links.filtered(lambda link: not link.cancelled_at).mapped("amount_asked"))
                withdrawn = sum(links.filtered("cancelled_at").mapped("amount_asked"))
                self.assertEqual(asked + withdrawn, amounts[0] + (200 if case == "a plan that was canceled" else 0))
                months = links._months_of(made).values()
                self.assertEqual(sum(row[1] for row in months), asked + withdrawn)
                self.assertEqual(sum(row[2] for row in months), amounts[1])

    def _totals(self):
        """What the seller has asked for, and received."""
        funnel = self._figure(self.seller, "funnel")
        counts = {step["key"]: step["count"] for step in funnel["steps"]}
        return counts["asked"], counts["paid"], funnel["amount"], funnel["amount_paid"]

    def _planned(self):
        """A link of 300 that is paid in three parts."""
        link = self._link(self._invoice(self.marie, 300), user_id=self.seller.id)
        days = [self.today + timedelta(days=30 * number) for number in range(3)]
        link.sudo()._agree_on_plan([(day, 100) for day in days])
        return link.sudo()

    def _paid_in_parts(self):
        link = self._planned()
        for _part in range(3):
            self._pay(link._link_of_plan("next"))

    def _paid_at_once(self):
        link = self._planned()
        part = link._link_of_plan("next")
        self._pay(link._link_of_plan("all"))
        self.assertEqual((part.amount_asked, part.status), (0, "settled"))

    def _canceled_plan(self):
        link = self._planned()
        self._pay(link._link_of_plan("next"))
        waiting = link._link_of_plan("next")
        self.assertEqual((waiting.amount_asked, link.amount_asked), (100, 100))
        link.action_cancel()
        self.assertEqual((waiting.amount_asked, link.amount_asked), (0, 200))

    def _paid_anew(self):
        link = self._free_link(80, user_id=self.seller.id)
        link.action_cancel()
        self._pay(self._renewed(link))

    def _renewed_twice(self):
        """30 of it were paid by the first one."""
        first = self._free_link(80, user_id=self.seller.id, allow_partial=True)
        self._pay(first, 30)
        first.action_cancel()
        second = self._renewed(first)
        second.action_cancel()
        third = self._renewed(second)
        self.assertEqual((first + second).counted_with_id, third)
        self.assertEqual([link.amount_asked for link in first + second + third], [30, 0, 50])

    def _later_ones_chosen(self):
        terms = self.env["account.payment.term"].create(
            {
                "name": "40, 60",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": share, "nb_days": days})
                    for share, days in ((40, 0), (60, 30))
                ],
            }
        )
        items = self._items(self._invoice(self.marie, 100, invoice_payment_term_id=terms.id)).sorted("date_maturity")
        link = self.env["paylink.link"]._create_for_items(
            [({}, items[:1])], partner_id=self.marie.id, user_id=self.seller.id
        )
        link._issue()
        return link.sudo()._widened(items)

    def _paid_with_later_ones(self):
        self._pay(self._later_ones_chosen())

    def test_what_is_canceled_and_paid_all_the_same(self):
        link = self._free_link(1000, user_id=self.seller.id)
        payment = self._attempt(link)
        payment._set_pending()
        link.action_cancel()
        self.assertEqual(self._totals(), (3, 1, 550, 100))
        payment._set_done()
        payment._post_process()
        self.assertEqual(link.status, "paid")
        self.assertEqual(self._totals(), (4, 2, 1550, 1100))

    def test_what_there_is_no_room_for(self):
        """It is told together, and a click leads to it."""
        with patch("odoo.addons.paylink_addon.models.desk.paylink_figure_board.GROUPS", 1):
            for figure, most in (("seller", self.seller.name), ("channel", "Copied, or passed on by hand")):
                first, others = self._figure(self.boss, figure)["rows"]
                self.assertEqual((first["label"], others["label"]), (most, "All others"))
                self.assertEqual(first["count"] + others["count"], 4)
                links = self._as(self.boss)["paylink.link"]
                self.assertEqual(links.search_count(others["domain"]), others["count"])

    def test_whether_there_is_anything_to_count(self):
        """Of what period it may be."""
        self.env["paylink.link"].search([]).sudo().issued_at = fields.Datetime.now() - timedelta(days=500)
        new = self._user("figures-new", "paylink_addon.group_paylink_user")
        for user, expected in ((self.seller, True), (new, False), (self.accountant, False)):
            board = call_kw(self._as(user)["paylink.figure"], "board", [], {})
            self.assertEqual(board["has_asked"], expected, user.login)

    def test_template_and_reminder_are_known(self):
        wizard = self._wizard(self.of_john, send_email=True)
        link = self._sent(wizard)
        self.assertEqual(link.mail_template_id, wizard.template_id)
        rule = self.env["paylink.reminder.rule"].create({"name": "Rule", "step_ids": [Command.create({"days": 3})]})
        values = {"date": self.today, "company_id": self.company.id, "customer_id": self.marie.id, "channel": "email"}
        values |= {"partner_id": self.marie.id, "step_id": rule.step_ids.id}
        after, before = self.env["paylink.reminder.message"].sudo().create([values, values])
        after.link_ids = before.link_ids = self.paid
        self.env.flush_all()
        for message, hours in ((after, 1), (before, -1)):
            moment = self.paid.paid_at + timedelta(hours=hours)
            self.env.cr.execute(
                "UPDATE paylink_reminder_message SET create_date = %s WHERE id = %s", [moment, message.id]
            )
        (before | after).invalidate_recordset()
        label = rule.step_ids.display_name
        (row,) = (row for row in self._figure(self.boss, "step")["rows"] if row["label"] == label)
        self.assertEqual((row["count"], row["paid"]), (1, 1))
        self.env.cr.execute("DELETE FROM paylink_reminder_message WHERE id = %s", [before.id])
        self.assertNotIn(label, [row["label"] for row in self._figure(self.boss, "step")["rows"]])

    def test_open_by_age(self):
        expected = {  # age: (open, of it asked)
            # Marie's free payment is a credit. What asks for no document may be paid until it expires.
            self.accountant: {
                "credit": (-100, 0),
                "not_due": (1220, 220),
                "1_30": (600, 0),
                "31_60": (400, 400),
            },
            self.boss: {"not_due": (220, 220), "31_60": (400, 400)},
            self.seller: {"not_due": (120, 120), "31_60": (400, 400)},
        }
        for user, ages in expected.items():
            with self.subTest(user=user.login):
                rows = self._figure(user, "ageing")["rows"]
                found = {row["key"]: (row["amount"], row["asked"]) for row in rows if row["count"]}
                self.assertEqual(found, ages)

    def test_likely_days(self):
        items = {item.move_id: item for item in self._as(self.accountant)["paylink.open.item"].search([])}
        promised = self.today + timedelta(days=9)
        expected = {  # document: (delay, likely in days, known from, later than usual)
            self.soon: (20, 25, "customer", False),
            self.late: (20, 0, "customer", True),
            # Of one who has never paid nothing is known: that of all customers is told of nobody.
            self.of_john: (0, 17, "company", False),
        }
        self._assert_likely(items, expected)
        self.assertEqual(self.marie.paylink_usual_delay, "20 days after the due date (3 payments)")
        self.assertFalse(self.john.paylink_usual_delay)
        hold = {"kind": "promise", "date_until": promised}
        self.env["paylink.reminder.hold"].create(
            [{**hold, "move_id": self.late.id}, {**hold, "partner_id": self.john.id}]
        )
        self.env.flush_all()
        self.env.invalidate_all()
        self._assert_likely(
            items, expected | {self.late: (20, 9, "promise", False), self.of_john: (0, 9, "promise", False)}
        )

    def test_usual_delay_is_told_by_payments(self):
        """Not by money that went back; one that pays several invoices is one."""
        for _time in range(4):
            self._refund(self._pay(self._free_link(30)), 30)
        self.assertEqual(self.marie.paylink_usual_delay, "20 days after the due date (3 payments)")
        invoices = self._invoice(self.john, 10, **self._due(1))
        for _time in range(2):
            invoices += self._invoice(self.john, 10, **self._due(1))
        self._register_together(invoices)
        self.assertFalse(self.john.paylink_usual_delay)
        for _time in range(2):
            self._register_together(self._invoice(self.john, 10, **self._due(1)))
        self.env.invalidate_all()
        self.assertEqual(self.john.paylink_usual_delay, "1 day before the due date (3 payments)")

    def _register_together(self, invoices):
        """One payment for all, today."""
        register = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoices.ids
        )
        register.create({"group_payment": True, "payment_date": self.today})._create_payments()

    def test_customers_together(self):
        """How late customers pay is told by their last payments, however much else was reconciled since."""
        self._invoice(self.john, 10)._reverse_moves(cancel=True)
        with patch("odoo.addons.paylink_addon.models.desk.paylink_open_item.USUAL_LAST", 3):
            item = self._as(self.accountant)["paylink.open.item"].search([("move_id", "=", self.of_john.id)])
            self.assertEqual((item.basis, (item.likely_on - self.today).days), ("company", 17))

    def _assert_likely(self, items, expected):
        for move, values in expected.items():
            item = items[move]
            days = (item.likely_on - self.today).days
            self.assertEqual((item.usual_delay, days, item.basis, item.is_later), values, move.name)

    def test_forecast_and_late_payers(self):
        rows = self._figure(self.accountant, "forecast")["rows"]
        # Marie's credit of 100 has paid what was due first.
        self.assertEqual(sum(row["amount"] for row in rows), 2120)
        self.assertEqual(sum(row["amount"] for row in rows if row["is_later"]), 300)
        late = self._figure(self.accountant, "late")["rows"]
        found = [(row["label"], row["amount"], row["days"], row["usual"]) for row in late]
        self.assertEqual(found, [("John Smith", 600, 3, False), ("Marie Dubois", 300, 50, 20)])
        self.assertEqual([row["amount"] for row in self._figure(self.seller, "late")["rows"]], [300])

    def test_what_was_paid_already_is_not_expected(self):
        """Neither what is on its way, nor what was given back: late payers are those who owe."""
        self._attempt(self.asked)._set_pending()
        self._attempt(self.tried)._set_pending()
        self._refund(self._pay(self._link(self.of_john)), 600)
        items = self._as(self.accountant)["paylink.open.item"].search([("amount", ">", 0)])
        expected = {item.name: item.expected for item in items if item.expected != item.amount}
        given = items.filtered(lambda item: item.partner_id == self.john and item.amount == 600)
        self.assertEqual(expected, {self.late.name: 0, self.soon.name: 900, self.tried.name: 0, given.name: 0})
        self.assertEqual(self._figure(self.accountant, "late")["rows"], [])
        rows = self._figure(self.accountant, "forecast")["rows"]
        self.assertEqual(sum(row["amount"] for row in rows), 900 + 70 + 100)

    def test_transfer_announced_for_a_link_promises_nothing_else(self):
        hold = {"kind": "promise", "date_until": self.today + timedelta(days=9), "partner_id": self.marie.id}
        self.env["paylink.reminder.hold"].sudo().create({**hold, "link_id": self.tried.id})
        items = self._as(self.accountant)["paylink.open.item"].search([("amount", ">", 0)])
        self.assertEqual(items.filtered(lambda item: item.basis == "promise").link_id, self.tried)

    def test_what_is_said_of_a_link_is_said_of_its_opening_entries(self):
        """Not of its invoices: what is said of those names them."""
        self._entries(self.john, 1)
        link = self._link(self.of_john + self.env["account.move"].search([], order="id desc", limit=1))
        hold = {"partner_id": self.john.id, "link_id": link.id, "date_until": self.today + timedelta(days=9)}
        items = self._as(self.accountant)["paylink.open.item"].search([("link_id", "=", link.id)])
        for kind, basis in (("promise", "promise"), ("objection", "disputed")):
            self.env["paylink.reminder.hold"].sudo().create({**hold, "kind": kind})
            self.env.flush_all()
            self.env.invalidate_all()
            self.assertEqual({item.amount: item.basis for item in items}, {600: "company", 10: basis})

    def test_what_is_paid_in_parts_is_expected_part_by_part(self):
        """On the days of the parts, of the documents in the order in which they were due; nobody is late with it."""
        both = self._invoice(self.john, 60, **self._due(-40)) + self._invoice(self.john, 90, **self._due(-20))
        link = self._link(both, user_id=self.seller.id).sudo()
        for own, amounts in ((self.asked.sudo(), (100, 100, 200)), (link, (50, 50, 50))):
            own._agree_on_plan([(self.today + timedelta(days=30 * n), amount) for n, amount in enumerate(amounts)])
        expected = {  # document: (days, left to pay, still expected) of each part
            self.late: [(0, 100, 0), (30, 100, 100), (60, 200, 200)],  # Marie's credit has paid what was due first
            both[0]: [(0, 50, 50), (30, 10, 10)],
            both[1]: [(30, 40, 40), (60, 50, 50)],
        }
        self.assertEqual(self._parts_of_items(), expected)
        late = self._figure(self.accountant, "late")["rows"]
        self.assertEqual([(row["label"], row["amount"]) for row in late], [("John Smith", 600)])
        rows = self._figure(self.accountant, "forecast")["rows"]
        self.assertEqual(sum(row["amount"] for row in rows), 2120 + 150)
        self.assertFalse([row for row in rows if row["is_later"]])
        self._assert_clicks(self.accountant, "forecast", "ageing")
        self._pay(link._link_of_plan("next"))
        self.assertEqual(self._parts_of_items()[both[0]], [(30, 10, 10)])
        link.action_cancel()
        self.assertNotIn(both[1], self._parts_of_items())

    def _parts_of_items(self):
        found = defaultdict(list)
        for item in self._as(self.accountant)["paylink.open.item"].search([("basis", "=", "plan")]):
            self.assertEqual(item.likely_on, item.date_due)
            days = (item.date_due - self.today).days
            found[item.move_id].append((days, item.amount, item.expected))
        return {move: sorted(rows) for move, rows in found.items()}

    def test_what_is_disputed_has_no_day(self):
        self.env["paylink.reminder.hold"].create({"kind": "objection", "move_id": self.soon.id})
        item = self._as(self.accountant)["paylink.open.item"].search([("move_id", "=", self.soon.id)])
        self.assertEqual((item.basis, item.likely_on, item.is_later), ("disputed", False, False))
        *_others, last = rows = self._figure(self.accountant, "forecast")["rows"]
        self.assertEqual((last["is_disputed"], last["amount"], last["week"]), (True, 1000, False))
        self.assertEqual(sum(row["amount"] for row in rows), 2120)
        self._assert_clicks(self.accountant, "forecast")

    def test_days_of_sales_outstanding(self):
        self.soon.action_toggle_block_payment()  # it is owed all the same
        figure = self._figure(self.accountant, "dso")
        self.assertEqual((figure["owed"], figure["invoiced"]), (2000, 2900))
        self.assertEqual(self._as(self.accountant)["account.move"].search_count(figure["domain"]), 3)
        self.assertAlmostEqual(figure["days"], 2000 / 2900 * 90)
        with self.assertRaises(AccessError):
            self._figure(self.seller, "dso")

    def test_a_click_leads_to_what_was_counted(self):
        for user in (self.seller, self.boss):
            self._assert_clicks(user, *self._as(user)["paylink.figure"].board()["figures"])

    def _assert_clicks(self, user, *figures):
        models = {"ageing": "paylink.open.item", "late": "paylink.open.item", "forecast": "paylink.open.item"}
        env = self._as(user)
        for figure in figures:
            found = self._figure(user, figure, "90")
            for row in found.get("steps", found.get("rows")):
                with self.subTest(user=user.login, figure=figure, row=row):
                    model = env[models.get(figure, "paylink.link")]
                    self.assertEqual(model.search_count(row["domain"]), row["count"])

    def test_nobody_reads_what_is_not_theirs(self):
        other = self._other_company()
        stranger = self._user(
            "figures-stranger", "paylink_addon.group_payment_manager,account.group_account_invoice", other
        )
        employee = self._user("figures-employee", "base.group_user")
        figures = ("funnel", "channel", "seller", "ageing", "late", "forecast", "dso")
        for figure in figures:
            with self.subTest(figure=figure):
                found = self._figure(stranger, figure)
                self.assertFalse(found.get("count") or found.get("owed"))
                with self.assertRaises(AccessError):
                    self._figure(employee, figure)
        with self.assertRaises(AccessError):
            call_kw(self._as(employee)["paylink.figure"], "board", [], {})
        portal = self._user("figures-portal", "base.group_portal")
        self.assertTrue(self._as(portal)["account.move"].has_access("read"))
        with self.assertRaises(AccessError):
            self._figure(portal, "dso")
        with self.assertRaises(AccessError):
            self._figure(self.accountant, "funnel")
        everything = self.env["paylink.open.item"].sudo().search([])
        for user, model, records in (
            (self.seller, "paylink.figure", self.env["paylink.figure"].browse(self.foreign_link.id)),
            (self.seller, "paylink.open.item", everything.filtered(lambda item: item.move_id == self.soon)),
            (self.boss, "paylink.open.item", everything.filtered(lambda item: item.move_id == self.of_john)),
        ):
            with self.subTest(user=user.login, model=model):
                self.assertTrue(records)
                with self.assertRaises(AccessError):
                    call_kw(self._as(user)[model], "read", [records.ids, ["amount"]], {})
                self.assertFalse(self._as(user)[model].search([("id", "in", records.ids)]))
        # Nor by way of what the links lead to.
        self.assertFalse(self._as(self.seller)["paylink.link"].search([("figure_ids.amount", "=", 200)]))

    def test_what_has_no_customer_is_open_too(self):
        self._entries(self.env["res.partner"], 1)
        self.cr.execute(
            """UPDATE account_move_line SET date_maturity = %s
                WHERE partner_id IS NULL AND account_id = %s""",
            [self.today - timedelta(days=2), self.company_data["default_account_receivable"].id],
        )
        self.env.invalidate_all()
        self.assertEqual(self._figure(self.accountant, "ageing")["amount"], 2130)
        self.assertEqual(self._figure(self.seller, "ageing")["amount"], 520)
        found = [(row["label"], row["amount"]) for row in self._figure(self.accountant, "late")["rows"]]
        self.assertEqual(found[-1], ("No customer", 10))

    def test_archived_accounts_count(self):
        self.of_john.line_ids.account_id.filtered(
            lambda account: account.account_type == "asset_receivable"
        ).sudo().active = False
        ageing = self._figure(self.accountant, "ageing")
        self.assertEqual(ageing["amount"], 2120)

    def test_digest_may_be_gone(self):
        """The add-on can be upgraded where somebody has deleted Odoo's digest."""
        self.env.ref("digest.digest_digest_default").unlink()
        convert_file(self.env, "paylink_addon", "data/desk/digest_data.xml", {}, mode="update")
        self.assertFalse(self.env.ref("digest.digest_digest_default", raise_if_not_found=False))

    def test_digest_tells_each_person_their_own(self):
        self._pay(self.foreign_link)
        values = {"name": "Digest", "kpi_paylink_received": True, "company_id": self.company.id}
        digest = self.env["digest.digest"].create(values)
        for user, amount in ((self.seller, 100), (self.boss, 200)):
            for later, expected in ((0, 0), (1, amount), (2, 0)):
                with (
                    self.subTest(user=user.login, later=later),
                    freeze_time(fields.Datetime.now() + timedelta(days=later)),
                ):
                    kpis = digest._compute_kpis(self.company, user)
                    (kpi,) = (kpi for kpi in kpis if kpi["kpi_name"] == "kpi_paylink_received")
                    # Of each day in one digest: the one of the day after it.
                    self.assertIn(str(expected), kpi["kpi_col1"]["value"])
                    self.assertIn(str(amount if later else 0), kpi["kpi_col2"]["value"])
        self.assertEqual(digest.with_user(self.boss).read(["kpi_paylink_received_value"])[0].popitem()[1], 0)
        employee = self._user("figures-employee", "base.group_user")
        self.assertFalse([kpi for kpi in digest._compute_kpis(self.company, employee) if "paylink" in kpi["kpi_name"]])


@tagged("post_install", "-at_install")
class TestFiguresTour(FiguresCommon, ToursCommon):
    def test_page(self):
        self._french_user("paylink_addon.group_paylink_all")
        self.start_tour("/odoo/action-paylink_addon.paylink_figure_action", "paylink_figures", login="camille")
