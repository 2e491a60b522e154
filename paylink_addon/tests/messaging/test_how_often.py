from datetime import timedelta
from unittest.mock import patch

from odoo import fields, sql_db
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from ...tools import limits, locks

TABLE = "paylink_test_asked"
NOW = fields.Datetime.to_datetime("2026-03-02 10:00:00")


@tagged("post_install", "-at_install")
class TestLimits(TransactionCase):
    """How often strangers may have something done."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.cr.execute(
            f"CREATE TEMP TABLE {TABLE} (at timestamp, owner int, address varchar, network varchar, site varchar)"
        )

    def setUp(self):
        super().setUp()
        self.enterContext(self.enter_registry_test_mode())
        # A cursor that can be committed.
        self.own = self.env(cr=self.enterContext(self.registry.cursor()))

    def _ask(self, at=NOW, ip="192.0.2.1", email="ada@example.com", owner=1):
        values = {"at": at, "owner": owner, **self._marks(email, ip)}
        caps = [
            limits.Cap("owner", 5, limits.same("owner", owner), within=None),
            limits.Cap("address", 2, limits.same("address", values["address"]), limits.DAY),
            *(limits.Cap(name, 3, limits.same(name, values[name])) for name in ("network", "site")),
        ]
        return limits.store(self.own, TABLE, values, "at", caps)

    def test_counted_by_whom_and_whence(self):
        hours = [NOW + timedelta(hours=number, minutes=number) for number in range(12)]
        cases = {
            "address": [{"ip": f"192.0.2.{n}", "at": hours[n]} for n in range(3)],
            "network": [{"email": f"a{n}@example.com"} for n in range(4)],
            "site": [{"email": f"b{n}@example.com", "ip": f"2001:db8:0:{n}::1"} for n in range(4)],
            "owner": [{"email": f"c{n}@example.com", "ip": None, "at": hours[2 * n]} for n in range(6)],
        }
        for owner, (name, tries) in enumerate(cases.items(), start=1):
            with self.subTest(name):
                self.own.cr.execute(f"DELETE FROM {TABLE}")
                asked = [self._ask(owner=owner, **said) for said in tries]
                self.assertEqual(asked, [[]] * (len(tries) - 1) + [[name]])
                later = self._ask(owner=owner, **{**tries[-1], "at": NOW + timedelta(days=2)})
                self.assertEqual(later, ["owner"] if name == "owner" else [])

    def test_nothing_to_be_read(self):
        self._ask(email="b.o.b+1@gmail.com", ip="::ffff:192.0.2.1")
        self.own.cr.execute(SQL("SELECT address, network, site FROM %s", SQL.identifier(TABLE)))
        [stored] = self.own.cr.fetchall()
        self.assertEqual(stored[2], None)
        self.assertEqual(stored[:2], tuple(self._marks("bob@googlemail.com", "192.0.2.1").values())[:2])
        self.assertNotEqual(stored[0], limits.marks(self.env, "paylink.other", None, "bob@gmail.com")["address"])
        for text in ("bob", "gmail", "192"):
            self.assertNotIn(text, f"{stored}")

    def _marks(self, email, ip):
        return limits.marks(self.env, "paylink.test", ip, email)

    def test_who_keeps_the_turn(self):
        """is not waited for: that is too much as well, and nothing is stored."""
        other = sql_db.db_connect(self.env.cr.dbname).cursor()
        self.addCleanup(other.close)
        other.execute("SELECT pg_advisory_lock(hashtext(%s))", [TABLE])
        with patch.object(locks, "TURN", 0.1):
            self.assertEqual(self._ask(), [limits.BUSY])
        self.assertEqual(limits.full(self.own, TABLE, "at", NOW, [limits.Cap("any", 1, SQL("TRUE"))]), [])
