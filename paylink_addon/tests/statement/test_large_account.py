import re

from odoo import Command
from odoo.tests import HttpCase, tagged

from .large_common import LargeAccountCommon

COUNT = 230


@tagged("post_install", "-at_install")
class TestLargeAccount(LargeAccountCommon, HttpCase):
    """A customer with more open items than anybody ticks: a hundred on each page, and ways to say what is paid."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.statement, cls.items = cls._account_of(cls.marie, COUNT)
        cls.foreign = cls._items(cls._invoice(cls.john))
        half = {"value": "percent", "value_amount": 50}
        lines = [Command.create(half | {"nb_days": days}) for days in (0, 30)]
        cls.halves = cls.env["account.payment.term"].create({"name": "Halves", "line_ids": lines})

    def _get(self, path="", statement=None, **options):
        return self.url_open(f"/account/{(statement or self.statement).access_token}{path}", **options)

    @staticmethod
    def _fields(page, names=("currency", "seen", "at", "day")):
        """What the form of the page sends besides what is chosen."""
        return {name: found[1] for name in names if (found := re.search(rf'name="{name}" value="([^"]*)"', page.text))}

    def _send(self, items, what="some", path="/pay", page=None, number=(), **values):
        """Send the form of the page as a browser without scripts does, with these items ticked (ids or anything)."""
        data = self._fields(page or self._get()) | {"what": what, "item": [str(getattr(i, "id", i)) for i in items]}
        data["page"] = number  # of the button that is pressed
        return self._get(path, data=data | values, allow_redirects=False)

    def _asked(self, answer):
        """The link that the answer leads to."""
        self.assertEqual(answer.status_code, 303, answer.text[-3000:])
        token = re.search(r"/pay/([^?]+)", answer.headers["Location"])[1]
        return self.env["paylink.link"].search([("access_token", "=", token)])

    @staticmethod
    def _boxes(page, kind="checkbox"):
        boxes = [box for box in re.findall(r"<input[^>]*>", page.text) if f'type="{kind}"' in box and '"item"' in box]
        return {int(re.search(r'value="(\d+)"', box)[1]): "checked" in box for box in boxes}

    # === PAGES === #

    def test_pages(self):
        """Each has its hundred; what is no page is the nearest that there is."""
        cases = [("", 0), ("?page=1", 0), ("?page=3", 2), ("?page=4", 2), ("?page=99999999999999", 0), ("?page=-1", 0)]
        cases += [("?page=x", 0), ("?page=%00", 0), ("?page=0", 0), ("?page=1&page=2", 0)]
        for query, number in cases:
            with self.subTest(query=query):
                page = self._get(query)
                self.assertEqual(page.status_code, 200)
                self.assertEqual(list(self._boxes(page)), self.items[number * 100 : number * 100 + 100].ids)
                self.assertFalse(any(self._boxes(page).values()))
                self.assertIn(f'value="{number or 2}"', re.findall(r"<button[^>]*formaction[^>]*>", page.text)[0])
        self._assert_nothing_leaks(self._get("?page=2"))

    def test_queries_do_not_grow(self):
        """Ten times as many items cost as many queries, on the statement and on the page of a link for them."""
        few, many = self._customer("Few", lang="fr_FR"), self._customer("Many", lang="fr_FR")
        pages = [(self._account_of(few, 250)), (self._account_of(many, 2500))]
        paths = [[f"/account/{statement.access_token}" for statement, _items in pages]]
        tokens = [statement.sudo()._pay_link(set(items.ids)).access_token for statement, items in pages]
        paths += [[f"/pay/{token}{path}" for token in tokens] for path in ("", "/documents?page=2")]
        for own in paths:
            counts = []
            for path in (own[0], *own):
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                self.assertEqual(self.url_open(path).status_code, 200)
                counts.append(self.env.cr.sql_log_count - before)
            with self.subTest(path=own[0].replace(tokens[0], "…")):
                self.assertEqual(counts[1], counts[2])

    def test_ticks_travel(self):
        """What is ticked on one page stays ticked on the next, without scripts, and is paid with what is ticked there.

        Who ticks something means that, whatever else is chosen.
        """
        first, second = self.items[3], self.items[150]
        page = self._send(first, "all", path="/page", number="2")
        self.assertEqual(page.status_code, 200)
        self.assertEqual((self._boxes(page, "hidden"), second.id in self._boxes(page)), ({first.id: False}, True))
        self.assertRegex(page.text, r'value="some"[^>]*checked')
        back = self._send(first + second, path="/page", page=page, number="1")
        self.assertEqual((list(self._boxes(back, "hidden")), self._boxes(back)[first.id]), ([second.id], True))
        link = self._asked(self._send(first + second, page=back))
        self.assertEqual((link.line_ids.move_line_id, link.amount), (first + second, 20))
        restored = self._get("/page", allow_redirects=False)
        self.assertEqual(restored.status_code, 303)
        self.assertTrue(restored.headers["Location"].endswith(f"/account/{self.statement.access_token}"))

    # === WHAT IS PAID === #

    def test_all_but_three(self):
        but = self.items[0] + self.items[120] + self.items[229]
        link = self._asked(self._send(but, "but"))
        self.assertEqual(link.line_ids.move_line_id, self.items - but)
        self.assertEqual(link.amount, (COUNT - 3) * 10)

    def test_all_of_it_and_what_is_due_now(self):
        """The sums on the page are those of the links; what is due now is offered where that is not all."""
        self.assertNotIn('value="now"', self._get().text)
        self.assertEqual(self._asked(self._send((), "all")).amount, COUNT * 10)
        self._invoice(amount=100, invoice_payment_term_id=self.halves.id)
        self.assertIn('value="now"', self._get().text)
        self.assertEqual(self._asked(self._send((), "now")).amount, COUNT * 10 + 50)
        self.assertEqual(self._asked(self._send((), "all")).amount, COUNT * 10 + 100)

    def test_what_is_refused(self):
        """Others' items, ticks that nobody can interpret, nonsense: a text, the ticks kept, no link."""
        known = self.env["paylink.link"].search_count([])
        mine = self.items[7]
        cases = [
            ((), "some", {}),
            (self.foreign, "some", {}),
            (self.foreign, "but", {}),
            (mine + self.foreign, "but", {}),
            ((mine, "x"), "but", {}),
            (mine, "all", {}),
            (mine, "now", {}),
            (self.items, "but", {}),
            ((), "all", {"seen": "x"}),
            ((), "all", {"seen": ""}),
            ((), "all", {"currency": "x"}),
            ((), "all", {"currency": "9" * 30}),
            ((), "now", {"currency": str(self.env.ref("base.CAD").id)}),
            ((), "other", {}),
            ((), "%00", {}),
        ]
        page = self._get()
        for items, what, values in cases:
            with self.subTest(items=len(items), what=what, values=values):
                answer = self._send(items, what, page=page, **values)
                self.assertEqual(answer.status_code, 422)
                self.assertIn('role="alert"', answer.text)
        self.assertEqual(self.env["paylink.link"].search_count([]), known)
        kept = self._send((mine, "x"), "but", page=page)
        self.assertTrue(self._boxes(kept)[mine.id])
        self.assertRegex(kept.text, r'value="but"[^>]*checked')

    def test_changes_are_told_before_anything_is_paid(self):
        """What has come, or was paid, since the page was shown: all is not what the customer has seen."""
        page = self._get()
        changes = [
            lambda: self._invoice(amount=5),
            lambda: self._attempt(self._link(self.items[5].move_id))._set_pending(),
        ]
        for change in changes:
            change()
            for what, items in (("all", ()), ("but", self.items[100])):
                answer = self._send(items, what, page=page)
                self.assertEqual(answer.status_code, 422, what)
            page = self._get()
        self.assertEqual(self._asked(self._send((), "all", page=page)).amount, (COUNT - 1) * 10 + 5)
