import collections
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from odoo import Command
from odoo.tests import freeze_time, tagged

from ..random_runs import random_settings
from .reminder_common import TODAY, ReminderCommon
from .reminder_reference import expected

MEMOS = ["#relance", "ÉTÉ", "A & B", "50 %", "100_"]
TEXTS = [False, "Commande #RELANCE 7", "été", "Ete 2026", "a & b", "50 % d’acompte", "100x", "rien"]
GROUPINGS = ("customer", "document")
# What narrows a rule down; a random rule has some of it.
FILTERS = {
    "customers": ("customer_mode", "partner_ids", "category_ids"),
    "autopay": ("autopay",),
    "memo": ("memo_mode", "memo_text"),
    "date": ("ignore_before",),
    "terms": ("all_terms", "term_ids"),
    "amount": ("amount_min",),
    "journals": ("journal_ids",),
    "salespeople": ("salesperson_ids",),
}


def rules_strategy(ids):
    """Values of a random rule."""
    steps = st.lists(st.integers(0, 12), min_size=1, max_size=3, unique=True)

    def some(name):
        return st.lists(st.sampled_from(ids[name]), max_size=3, unique=True)

    return st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["invoice", "invoice", "link"]),
            "condition": st.sampled_from(["after", "after", "on", "before"]),
            "days": steps,
            "tones": st.lists(st.sampled_from("123"), min_size=3, max_size=3),
            "sequence": st.integers(1, 2),
            "grouping": st.sampled_from(GROUPINGS),
            "filters": st.lists(st.sampled_from(sorted(FILTERS)), max_size=2, unique=True),
            "customer_mode": st.sampled_from(["only", "except"]),
            "partner_ids": some("partners"),
            "category_ids": some("categories"),
            "autopay": st.sampled_from(["with", "without"]),
            "memo_mode": st.sampled_from(["include", "ignore"]),
            "memo_text": st.sampled_from(MEMOS),
            "ignore_before": st.sampled_from([TODAY - timedelta(days=34), TODAY - timedelta(days=28)]),
            "all_terms": st.just(False),
            "term_ids": some("terms"),
            "amount_min": st.sampled_from([50, 100.1, 200]),
            "journal_ids": st.lists(st.sampled_from(ids["journals"]), min_size=1, max_size=1),
            "salesperson_ids": st.lists(st.sampled_from(ids["users"]), min_size=1, max_size=1),
        }
    )


@tagged("post_install", "-at_install")
class TestReminderPick(ReminderCommon):
    """The query agrees with the plain reading of the rules, on random data."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vip = cls.env["res.partner.category"].create({"name": "VIP"})
        cls.gold = cls.env["res.partner.category"].create({"name": "Gold", "parent_id": cls.vip.id})
        cls.terms = cls.env["account.payment.term"].create([{"name": "A"}, {"name": "B"}])
        cls.env["res.currency.rate"].create(
            {"name": "2025-01-01", "currency_id": cls.currency_euro.id, "rate": 0.5, "company_id": cls.company.id}
        )
        journal = cls.company_data["default_journal_sale"]
        cls.journal = journal.copy({"default_account_id": journal.default_account_id.id})
        cls.paul = cls._customer("Paul", email="paul@example.com", category_id=[Command.set(cls.gold.ids)])
        cls.firm = cls._customer("Firm", is_company=True, paylink_autopay=True, email="firm@example.com")
        cls.office = cls._customer(
            "Office",
            parent_id=cls.firm.id,
            type="invoice",
            email="office@example.com",
            category_id=[Command.set(cls.vip.ids)],
        )
        cls.john.category_id = cls.gold
        cls.people = cls.marie | cls.john | cls.paul | cls.firm | cls.office
        cls.invoices = cls.env["account.move"]
        for number in range(24):
            cls.invoices |= cls._random_invoice(number)
        cls._invoice(cls.marie, 120.0, move_type="out_refund", invoice_date=TODAY)
        cls._invoice(cls.paul, 200.0, move_type="out_refund", invoice_date=TODAY)
        cls._pay(cls._link(cls.invoices[3]))
        cls._attempt(cls._link(cls.invoices[4]))._set_pending()
        for number in (16, 21):
            cls._attempt(cls._link(cls.invoices[number]))._set_done()
        cls.links = cls.env["paylink.link"].union(*(cls._random_link(number) for number in range(16)))
        cls._pay(cls.links[5])
        cls._attempt(cls.links[6])._set_pending()
        cls.links[7].action_cancel()
        cls.links[8].sudo().write({"sent_at": False})
        cls.links[9].sudo().write({"by_reminder": True})
        for number in (1, 8):
            link = cls._link(cls.invoices[number], user_id=cls.env.uid)
            cls._chargeback(cls._link(cls.invoices[number]))
            with freeze_time(TODAY - timedelta(days=4)):
                link.action_send()
        for number in (1, 10):
            cls._chargeback(cls.links[number])
        cls.ids = {
            "partners": cls.people.ids,
            "categories": [cls.vip.id, cls.gold.id],
            "terms": cls.terms.ids,
            "journals": [cls.journal.id, cls.company_data["default_journal_sale"].id],
            "users": [cls.manager.id, cls.env.uid],
        }

    @classmethod
    def _random_invoice(cls, number):
        """The same ones at each run, all unlike each other."""
        invoice = cls._due_invoice(
            late=(number * 7) % 19 - 6,
            partner=cls.people[number % 5],
            amount=[20.0, 100.0, 100.1, 250.0][number % 4],
            ref=TEXTS[number % len(TEXTS)],
            narration=f"<p>Bonjour,</p><p>{(TEXTS[(number * 3 + 2) % len(TEXTS)] or '').replace('&', '&amp;')}</p>",
            invoice_payment_term_id=[False, *cls.terms.ids][number % 3],
            journal_id=(cls.journal if number % 6 == 0 else cls.company_data["default_journal_sale"]).id,
            invoice_user_id=[cls.manager.id, cls.env.uid, False][number % 3],
            currency_id=(cls.currency_euro if number % 7 == 0 else cls.company.currency_id).id,
        )
        if number % 3 == 2:
            invoice.invoice_user_id = False
        return invoice

    @classmethod
    def _random_link(cls, number):
        """Likewise: every third one is for an invoice, or for two."""
        with freeze_time(f"{TODAY - timedelta(days=number * 5 % 13)} {(number * 5) % 24:02}:30:00"):
            if number % 3:
                link = cls._free_link(
                    partner_id=cls.people[number % 5].id,
                    amount=[50.0, 99.0, 300.0][number % 3],
                    currency_id=(cls.currency_euro if number % 4 == 1 else cls.company.currency_id).id,
                    reference=TEXTS[number % len(TEXTS)] or "rien",
                    expires_at=number % 4 == 0 and TODAY + timedelta(days=number),
                    user_id=[cls.manager.id, cls.env.uid][number % 2],
                )
            else:
                first = cls.invoices.filtered(lambda move: move.payment_state == "not_paid")[number]
                link = cls._link(first, expires_at=False)
            link.action_send()
        return link

    def _random_rule(self, values):
        days, tones, filters = values.pop("days"), values.pop("tones"), values.pop("filters")
        for name in set(FILTERS) - set(filters):
            for field in FILTERS[name]:
                values.pop(field)
        if values["kind"] == "invoice" and values["condition"] == "before":
            days = [day + 1 for day in days]
        if values["kind"] == "invoice" and values["condition"] == "on":
            days = [0]
        if "customers" in filters and not values["partner_ids"] + values["category_ids"]:
            values["partner_ids"] = self.marie.ids
        return self._rule(days, tones, **values)

    def test_what_is_easily_wrong(self):
        """Tags below the chosen one, entities of HTML, nobody as salesperson, the very day."""
        gold, note = self._customer("Gold", category_id=[Command.set(self.gold.ids)]), "<p>Selon A &amp; B</p>"
        invoice = self._due_invoice(3, partner=gold, narration=note)
        invoice.invoice_user_id = False
        cases = [
            ({"customer_mode": "only", "category_ids": self.vip.ids}, True),
            ({"customer_mode": "except", "category_ids": self.vip.ids}, False),
            ({"memo_mode": "include", "memo_text": "a & b"}, True),
            ({"memo_mode": "include", "memo_text": "&amp;"}, False),
            ({"memo_mode": "include", "memo_text": "<p>"}, False),
            ({"salesperson_ids": self.manager.ids}, False),
            ({"ignore_before": invoice.invoice_date}, True),
            ({"ignore_before": invoice.invoice_date + timedelta(days=1)}, False),
        ]
        for values, wanted in cases:
            with self.subTest(**values):
                rule = self._rule(days=(3,), **values)
                self.assertEqual(bool(rule._pick(TODAY, gold.ids)), wanted)

    def test_what_is_archived_still_counts(self):
        """A rule does not become one for everybody when what it names is archived."""
        tag = self.env["res.partner.category"].create({"name": "Left"})
        term = self.env["account.payment.term"].create({"name": "Old"})
        seller = self._user("bob", "sales_team.group_sale_salesman")
        paul = self._customer("Paul", category_id=[Command.set(tag.ids)])
        journal = self.journal.copy()
        cases = [
            ({"salesperson_ids": seller.ids}, seller),
            ({"journal_ids": journal.ids}, journal),
            ({"customer_mode": "except", "partner_ids": paul.ids}, paul),
            ({"customer_mode": "except", "category_ids": tag.ids}, tag),
            ({"all_terms": False, "term_ids": term.ids}, term),
        ]
        self._due_invoice(3, partner=paul, invoice_payment_term_id=self.terms[0].id)
        for values, record in cases:
            with self.subTest(**values):
                rule = self._rule(days=(3,), **values)
                self.assertFalse(rule._pick(TODAY, paul.ids))
                record.active = False
                self.env.flush_all()
                self.env.invalidate_all()
                self.assertFalse(rule._pick(TODAY, paul.ids))
                rule.unlink()

    def test_a_payment_of_what_is_gone_silences_nobody(self):
        """A payment in progress by a link whose entry was deleted since says nothing about others."""
        link = self._link(self._due_invoice(3))
        self._attempt(link)._set_pending()
        link.line_ids.sudo().move_line_id = False
        other = self._due_invoice(3, partner=self._customer("Other"))
        picked = {pick.move_id for pick in self._rule(days=(3,))._pick(TODAY)}
        self.assertIn(other.id, picked)

    def test_agrees_with_the_plain_reading(self):
        strategies = {
            "rules": st.lists(rules_strategy(self.ids), min_size=1, max_size=3),
            "gap": st.sampled_from([0, 0, 1, 2, 3]),
            "catchup": st.sampled_from([30, 14, 7, 0, 2]),
            "shift": st.integers(-3, 12),
            "holds": st.lists(st.tuples(st.integers(0, 23), st.booleans(), st.integers(0, 9)), max_size=3),
            "unfollowed": st.lists(st.integers(0, 23), max_size=3),
            "ran": st.booleans(),
            "renewed": st.booleans(),
            "postponed": st.dictionaries(st.integers(0, 23), st.integers(-3, 9), max_size=4),
        }
        seen = collections.Counter()

        @random_settings("PICK", 100, derandomize=True)
        @given(**strategies)
        def agrees(rules, **data):
            with self.env.cr.savepoint() as savepoint:
                picks = self._compare([self._random_rule(dict(values)) for values in rules], **data)
                seen.update({thing._name for thing, _step in picks})
                savepoint.rollback()
            self.env.invalidate_all()

        agrees()
        for name, least in (("account.move.line", 50), ("paylink.link", 20)):
            self.assertGreater(seen[name], least, "The examples say something")

    def _postpone(self, days):
        """Move the due dates of some invoices, as resetting, changing and posting them does."""
        for number, more in days.items():
            items = self._items(self.invoices[number])
            for item in items:
                due = item.date_maturity + timedelta(days=more)
                self.env.cr.execute("UPDATE account_move_line SET date_maturity = %s WHERE id = %s", [due, item.id])
        self.env.invalidate_all()

    def _compare(self, rules, gap, catchup, shift, holds, unfollowed, ran, renewed, postponed):
        """The picks, which must be the same by both ways."""
        day = TODAY + timedelta(days=shift)
        rules = self.env["paylink.reminder.rule"].union(*rules).sorted(lambda rule: (rule.sequence, rule.id))
        self.company.write({"paylink_reminder_gap_days": gap, "paylink_reminder_catchup_days": catchup})
        for number, whole, days in holds:
            move = self.invoices[number]
            self.env["paylink.reminder.hold"].create(
                {
                    "kind": "objection",
                    "move_id": False if whole else move.id,
                    "partner_id": move.commercial_partner_id.id,
                    "date_until": TODAY + timedelta(days=days) if days else False,
                }
            )
        moves = self.env["account.move"].union(*(self.invoices[number] for number in unfollowed))
        self._items(moves).no_followup = True
        if ran:
            rules._remind(day - timedelta(days=2), self.people.ids)
        if renewed:
            values = rules.step_ids[:1].copy_data()
            rules.step_ids[:1].unlink()
            self.env["paylink.reminder.step"].create(values)
        if postponed:
            self._postpone(postponed)
        done = self.env["paylink.reminder"].search([("company_id", "=", self.company.id)])
        items, links = self.env["account.move.line"], self.env["paylink.link"]
        steps = self.env["paylink.reminder.step"]
        picks = {
            (items.browse(pick.item_id) if pick.item_id else links.browse(pick.link_id), steps.browse(pick.step_id))
            for pick in rules._pick(day)
        }
        self.assertEqual(picks, expected(self.env, self.company, rules, day, done))
        return picks
