import threading
from unittest.mock import patch

from odoo import sql_db
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger
from psycopg2.errors import LockNotAvailable, SerializationFailure

from ..tools import locks
from ..tools.locks import (
    a_slot,
    hold,
    hold_and_touch,
    in_turn,
    take_free,
    take_long_slot,
    take_name,
    take_slot,
    unless_busy,
)


@tagged("post_install", "-at_install")
class TestLocks(TransactionCase):
    """Two real transactions at a time, on rows that are in the database already."""

    def setUp(self):
        super().setUp()
        # A connection of its own: the test's cursors all share one.
        self.other = sql_db.db_connect(self.env.cr.dbname).cursor()
        self.addCleanup(self.other.close)
        self.mine, self.theirs = self.env.ref("base.main_partner"), self.env.ref("base.partner_admin")
        self.both = self.mine | self.theirs

    def _others_take(self, partner):
        self.other.execute("SELECT FROM res_partner WHERE id = %s FOR NO KEY UPDATE NOWAIT", [partner.id])

    def _assert_held(self, partner):
        with mute_logger("odoo.sql_db"), self.assertRaises(LockNotAvailable):
            self._others_take(partner)
        self.other.rollback()

    def test_held_until_the_end(self):
        for holds in (hold, hold_and_touch, take_free):
            with self.subTest(holds.__name__):
                savepoint = self.env.cr.savepoint()
                holds(self.both)
                self._assert_held(self.mine)
                self._assert_held(self.theirs)
                savepoint.close(rollback=True)
                self._others_take(self.mine)
                self.other.rollback()

    def test_nothing_is_no_error(self):
        none = self.mine.browse()
        hold(none)
        hold_and_touch(none, none)
        self.assertFalse(take_free(none))

    def test_what_others_hold_is_left_out(self):
        self._others_take(self.theirs)
        self.assertEqual(take_free(self.both), self.mine)

    def test_who_has_waited_is_run_again(self):
        """What was touched meanwhile can't be held with the old view of the data."""
        self._others_take(self.mine)
        self.other.execute("UPDATE res_partner SET write_date = write_date WHERE id = %s", [self.mine.id])
        waiting = threading.Timer(0.2, self.other.commit)
        waiting.start()
        with self.assertRaises(SerializationFailure), self.env.cr.savepoint(flush=False):
            hold_and_touch(self.mine)
        waiting.join()

    def test_in_turn(self):
        """Who has waited sees what was done meanwhile, although its transaction had begun, and is not run again."""
        query = "SELECT count(*) FROM ir_config_parameter WHERE key = 'paylink.test.turn'"
        first, second = (sql_db.db_connect(self.env.cr.dbname).cursor() for _n in range(2))
        for cursor in (first, second):
            self.addCleanup(cursor.close)
        self.addCleanup(first.commit)
        self.addCleanup(first.execute, "DELETE FROM ir_config_parameter WHERE key = 'paylink.test.turn'")
        second.execute(query)
        self.assertEqual(second.fetchone()[0], 0)
        seen = []

        def wait_and_look():
            with in_turn(second, "paylink.test.turn"):
                second.execute(query)
                seen.append(second.fetchone()[0])

        waiting = threading.Thread(target=wait_and_look)
        with in_turn(first, "paylink.test.turn"):
            waiting.start()
            first.execute("INSERT INTO ir_config_parameter (key, value) VALUES ('paylink.test.turn', 'x')")
            waiting.join(0.2)
            self.assertTrue(waiting.is_alive())
        waiting.join()
        self.assertEqual(seen, [1])

    def test_nobody_waits_for_a_turn_for_ever(self):
        """Nor, in it, for what others hold; then the next one has it."""
        cursors = [sql_db.db_connect(self.env.cr.dbname).cursor() for _n in range(2)]
        for cursor in cursors:
            self.addCleanup(cursor.close)
        first, second = cursors
        self._others_take(self.mine)
        row = "SELECT FROM res_partner WHERE id = %s FOR NO KEY UPDATE"
        with patch.object(locks, "TURN", 0.1):
            turns = (in_turn(cursor, "paylink.test.turn") for cursor in cursors)
            with next(turns), self.assertRaises(LockNotAvailable), next(turns):
                self.fail("Two have it.")
            with self.assertRaises(LockNotAvailable), in_turn(second, "paylink.test.turn"):
                second.execute(row, [self.mine.id], log_exceptions=False)
            with in_turn(first, "paylink.test.turn"):
                first.execute("SHOW lock_timeout")
                self.assertEqual(first.fetchone()[0], "100ms")
        first.execute("SHOW lock_timeout")
        self.assertEqual(first.fetchone()[0], "0")

    def test_turn_ends_before_what_it_sets_off(self):
        """Odoo asks mail servers once something is committed, on the same cursor: nobody waits for them."""
        free = []
        with in_turn(cursor := self._cursor(), "paylink.test.turn"):
            self.assertFalse(take_name(self.other, "paylink.test.turn"))
            cursor.postcommit.add(lambda: free.append(take_name(self.other, "paylink.test.turn")))
        self.assertEqual(free, [True])
        self.other.rollback()
        with self.assertRaises(ZeroDivisionError), in_turn(cursor, "paylink.test.turn"):
            cursor.execute("SELECT 1")
            1 / 0  # noqa: B018
        self.assertTrue(take_name(self.other, "paylink.test.turn"))

    def _cursor(self):
        cursor = sql_db.db_connect(self.env.cr.dbname).cursor()
        self.addCleanup(cursor.close)
        return cursor

    def test_names(self):
        self.assertTrue(take_name(self.other, "paylink.test"))
        self.assertFalse(take_name(self.env.cr, "paylink.test"))
        self.assertTrue(take_name(self.env.cr, "paylink.other"))

    def test_what_takes_minutes_leaves_the_others_their_rights(self):
        with patch.object(locks, "THREADS", 2):
            self.assertTrue(take_long_slot(self.other, "paylink.test.file"))
            self.assertFalse(take_long_slot(self.env.cr, "paylink.test.file"))
            self.assertTrue(take_slot(self.env.cr))

    def test_one_worker_is_left_whatever_is_slow(self):
        """Here two may be busy; who is may do several things by that."""
        with patch.object(locks, "THREADS", 2), a_slot(self.other, "paylink.test") as first:
            self.assertTrue(first)
            self.assertFalse(take_name(self.env.cr, "paylink.test"))
            self.assertTrue(take_slot(self.env.cr))
            third = sql_db.db_connect(self.env.cr.dbname).cursor()
            self.addCleanup(third.close)
            self.assertFalse(take_slot(third))
            self.assertTrue(take_slot(self.other))
            with a_slot(third) as free:
                self.assertFalse(free)
        self.other.rollback()
        with patch.object(locks, "THREADS", 2):
            with a_slot(third, "paylink.test") as free:
                self.assertTrue(free)
            self.assertTrue(take_name(self.env.cr, "paylink.test"), "all is given back")

    def test_other_errors_are_told(self):
        with self.assertRaises(ZeroDivisionError), unless_busy(self.env):
            raise ZeroDivisionError
