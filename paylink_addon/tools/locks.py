"""Rows, and rights to do something, that several transactions want at the same time.

Odoo's transactions are REPEATABLE READ: each sees the data as they were when it began. Who has only *waited* for a row
would go on with what it read before the wait. So rows that money depends on are *touched* as well as held: whoever has
waited for them then fails with a serialization error, and is run again with fresh data. Everybody takes rows in the
order of their ids, else two could wait for each other.

Nothing here is released by hand: it ends with the transaction, or with the block (:func:`a_slot`).
"""

import time
from contextlib import contextmanager

from odoo.tools import SQL, config
from psycopg2 import OperationalError

# A server without workers has threads, as many as are needed: so many may be busy with something slow.
THREADS = 8
PAUSE = 0.05
# One budget for all that is slow: questions to providers, and PDFs.
SLOTS = "paylink.slow"
# For so long a click waits for its turn: as long as a question to a provider usually takes.
WAIT = 1.0
# Who waits for what takes milliseconds longer than this waits in vain.
TURN = 2.0


def hold(*recordsets):
    """Wait for the rows of each record set, in the given order, and hold them."""
    for records in recordsets:
        if ids := tuple(records.ids):
            query = SQL("SELECT FROM %s WHERE id IN %s ORDER BY id FOR NO KEY UPDATE", _table(records), ids)
            records.env.cr.execute(query, log_exceptions=False)


def hold_and_touch(*recordsets):
    """Wait for the rows of each record set, in the given order, and hold them; who waits for them is run again.

    :raises psycopg2.OperationalError: another transaction has touched them since this one began
    """
    if not any(recordsets):
        return
    env = recordsets[0].env
    env.flush_all()
    for records in recordsets:
        hold(records)
        _touch(records)
    env.invalidate_all()


def take_free(records):
    """Those of ``records`` that nobody else holds, read anew; they are held from now on. Nobody waits."""
    free = records.try_lock_for_update(allow_referencing=True)
    free.invalidate_recordset()  # they may have been changed since they were read
    return free


def take_name(cr, name):
    """Take the right to do something that has a name but no row of its own. Nobody waits.

    :return: whether it was free
    """
    cr.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [name])
    return cr.fetchone()[0]


def take_slot(cr):
    """Take one of the rights to keep a worker busy with something slow: one worker is left for everybody else.

    :return: whether one was free
    """
    return any(take_name(cr, slot) for slot in _slots())


def take_long_slot(cr, name):
    """Take one of the rights to keep a worker busy for minutes with what has this name. Not one of those above: nobody
    who pays waits for it. A quarter of the workers, at least one.

    :return: whether one was free
    """
    count = max((config["workers"] or THREADS) // 4, 1)
    return any(take_name(cr, f"{name}.{number}") for number in range(count))


@contextmanager
def a_slot(cr, name=None, wait=0.0):
    """Hold such a right as long as the block lasts, whatever is committed in it. Commits before.

    :param str name: what is done in the block: nobody else does that meanwhile, and what others have done is seen
    :param float wait: for how many seconds it is waited for
    :return: whether it was free
    """
    held = _lock(cr, name, wait)
    cr.commit()  # pylint: disable=invalid-commit
    try:
        yield bool(held)
    except BaseException:
        cr.rollback()
        raise
    finally:
        for lock in held:
            cr.execute("SELECT pg_advisory_unlock(hashtext(%s))", [lock])


@contextmanager
def in_turn(cr, name):
    """Have what has this name done by one transaction after the other; each sees what those before have done. Whoever
    comes waits: it is for what takes milliseconds, and is done so often that running it again would take much longer.
    Commits before and after. The turn ends with the commit itself: what that sets off, such as messages, may take long.

    Nobody waits for long, neither for the turn nor, in it, for rows that somebody else holds.

    :raises psycopg2.errors.LockNotAvailable: it has taken longer than :data:`TURN`; nothing was done
    """
    cr.commit()  # pylint: disable=invalid-commit
    try:
        _wait_no_longer(cr, TURN)
        cr.execute("SELECT pg_advisory_lock(hashtext(%s))", [name], log_exceptions=False)
    except OperationalError:
        cr.rollback()
        raise
    cr.commit()  # pylint: disable=invalid-commit  # from now on new data are seen
    cr.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
    cr.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])  # this transaction has it
    try:
        _wait_no_longer(cr, TURN)
        yield
        cr.commit()  # pylint: disable=invalid-commit
    except BaseException:
        cr.rollback()
        raise


def _wait_no_longer(cr, seconds):
    """Until the transaction ends, give up what has been waited for so long."""
    cr.execute("SELECT set_config('lock_timeout', %s, TRUE)", [f"{round(seconds * 1000)}ms"])


def _slots():
    count = max(config["workers"] - 1, 1) if config["workers"] else THREADS
    return [f"{SLOTS}.{number}" for number in range(count)]


def _lock(cr, name, wait):
    """Lock a slot, and the name, until they are unlocked or the connection ends.

    :return: what is locked: nothing, where one of both was not free
    """
    end = time.monotonic() + wait
    while not (slot := _lock_one(cr, _slots())) and time.monotonic() < end:
        time.sleep(PAUSE)
    if not slot or not name:
        return [slot] if slot else []
    if _lock_one(cr, [name]):
        return [slot, name]
    cr.execute("SELECT pg_advisory_unlock(hashtext(%s))", [slot])
    return []


def _lock_one(cr, names):
    """The first of ``names`` that is free; it is locked until it is unlocked, or the connection ends."""
    for name in names:
        cr.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
        if cr.fetchone()[0]:
            return name
    return None


@contextmanager
def unless_busy(env):
    """Give way to whoever works on the same rows: all of the transaction is undone. For jobs, which come again."""
    try:
        yield
    except OperationalError:
        env.cr.rollback()


def _touch(records):
    if ids := tuple(records.ids):
        query = SQL("UPDATE %s SET write_date = write_date WHERE id IN %s", _table(records), ids)
        records.env.cr.execute(query, log_exceptions=False)


def _table(records):
    return SQL.identifier(records._table)
