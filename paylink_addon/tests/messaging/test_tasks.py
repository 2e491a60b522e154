from datetime import date

from odoo.tests import tagged

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestTasks(PaylinkCommon):
    """Tasks are known by their keys: given once to whom they concern, each in their language, and ended by key."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.jean = cls._user("jean", "base.group_user", lang="fr_FR")
        cls.joan = cls._user("joan", "base.group_user", lang="en_US")
        cls.both = cls.jean | cls.joan
        cls.tasks = cls.env["paylink.task.mixin"]

    def give(self, records, users=None, text="Call", **options):
        self.tasks._give(records, "call", lambda env: (f"{text} ({env.lang})", "1 < 2"), users or self.both, **options)

    def given(self, record=None):
        domain = [("paylink_key", "=like", "call%")]
        domain += [("res_model", "=", record._name), ("res_id", "=", record.id)] if record else []
        return self.env["mail.activity"].sudo().search(domain, order="id")

    def test_each_reads_it_in_their_language(self):
        self.give(self.marie)
        found = {task.user_id: task.summary for task in self.given(self.marie)}
        self.assertEqual(found, {self.jean: "Call (fr_FR)", self.joan: "Call (en_US)"})
        self.assertEqual(set(self.given(self.marie).mapped("note")), {"<p>1 &lt; 2</p>"})

    def test_one_open_task_whatever_its_text(self):
        self.give(self.marie)
        self.give(self.marie, text="Call at once")
        self.assertEqual(len(self.given(self.marie)), 2)
        self.given(self.marie)[0].action_feedback()
        self.give(self.marie)
        self.assertEqual(len(self.given(self.marie)), 2, "what is done may be needed again")

    def test_done_once_for_all(self):
        self.give(self.marie, ever=True)
        self.given(self.marie).action_feedback()
        self.give(self.marie, ever=True)
        self.assertFalse(self.given(self.marie))

    def test_task_of_one_person_may_be_handed_on(self):
        self.give(self.marie, self.jean)
        self.given(self.marie).user_id = self.joan
        self.give(self.marie, self.jean)
        self.assertEqual(self.given(self.marie).user_id, self.joan)

    def test_several_on_one_record(self):
        self.give(self.marie, self.jean, about=self.company)
        self.give(self.marie, self.jean, about=self.john)
        self.give(self.marie, self.jean, about=self.john)
        self.assertEqual(len(self.given(self.marie)), 2)
        self.tasks._end(self.marie, "call", about=self.john)
        self.assertEqual(self.given(self.marie).paylink_key, f"call:{self.company.id}")

    def test_on_no_record(self):
        self.give(None)
        self.give(None)
        self.assertEqual(self.given().user_id, self.both)
        self.assertEqual(len(self.given()), 2)
        self.tasks._end(None, "call")
        self.assertFalse(self.given())

    def test_on_an_empty_set(self):
        self.give(self.marie.browse())
        self.assertFalse(self.given())

    def test_many_records_at_once(self):
        partners = self.env["res.partner"].create([{"name": f"Partner {number}"} for number in range(20)])
        notes = {partners[0].id: "First"}
        self.tasks._give(partners[:1], "call", lambda _env: ("Call", notes), self.jean, quiet=True)
        self.env.flush_all()
        with self.assertQueryCount(10):
            self.tasks._give(partners, "call", lambda _env: ("Call", notes), self.jean, quiet=True)
            self.env.flush_all()
        self.assertEqual([len(self.given(partner)) for partner in partners], [1] * 20)
        self.assertEqual((self.given(partners[0]).note, self.given(partners[1]).note), ("<p>First</p>", ""))

    def test_postponed(self):
        self.give(self.marie, deadline=date(2030, 1, 1))
        self.tasks._postpone(self.marie, "call", date(2030, 2, 1))
        self.assertEqual(set(self.given(self.marie).mapped("date_deadline")), {date(2030, 2, 1)})

    def test_ended(self):
        for feedback in (None, "It has been paid"):
            with self.subTest(feedback=feedback):
                self.give(self.marie)
                self.tasks._end(self.marie, "call", feedback=feedback)
                self.assertFalse(self.given(self.marie))
                said = self.marie.message_ids.filtered(lambda message: "It has been paid" in (message.body or ""))
                self.assertEqual(len(said), len(self.both) if feedback else 0)
