"""Reminders of thousands: the job is killed, runs twice at once, meets a mail server that fails."""

import collections
import contextlib
import os
import random
import signal
import subprocess
import time
import unittest

from smtp_server import SmtpServer

from dev.live import fresh_database, run_script
from dev.odoo import the_odoo

CUSTOMERS, EACH = 2500, 2  # 5,000 items
MAILED = 90  # customers who are written to through the mail server
PATIENCE = 300
SCRIPT = """
from bench.reminders import prepare, make_items
prepare(env)
# Whatever the day and the hour.
day = {{"name": "Open", "hour_from": 0, "hour_to": 24, "day_period": "morning"}}
env.company.paylink_reminder_calendar_id = env["resource.calendar"].create(
    {{"name": "Always", "attendance_ids": [(5,), *((0, 0, day | {{"dayofweek": str(number)}}) for number in range(7))]}}
)
env.ref("paylink_addon.ir_cron_paylink_remind").active = False
env.ref("mail.ir_cron_mail_scheduler_action").active = False
make_items(env, {customers}, {each})
"""
RUN = """
from bench.reminders import TODAY
env["paylink.reminder.rule"]._run(env.company, TODAY)
env.cr.commit()
"""
SEND = """
env["mail.mail"].process_email_queue(batch_size=10000)
env.cr.commit()
env["paylink.reminder.message"]._follow_deliveries()
env.cr.commit()
"""


class TestReminderCrashes(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.database = stack.enter_context(fresh_database("reminder_crashes"))
        self.connection = the_odoo().server.connect(self.database)
        self.addCleanup(self.connection.close)
        self.stack = stack

    def prepare(self, customers=CUSTOMERS, each=EACH):
        run_script(self.database, SCRIPT.format(customers=customers, each=each))
        self.items = customers * each
        self.customers = customers

    def value(self, query):
        with self.connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0]

    def start(self, script, *options):
        """An Odoo that runs ``script``."""
        command = the_odoo().command(self.database, "--no-http", "--log-level=critical", *options, subcommand="shell")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=the_odoo().environment, text=True, **pipes)
        process.stdin.write(script)
        process.stdin.close()
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def finish(self, process):
        self.assertEqual(process.wait(PATIENCE), 0)

    def kill_when(self, process, is_so):
        """Kill the process as soon as it is so, wherever it is; return whether it was still at work."""
        end = time.monotonic() + PATIENCE
        while process.poll() is None and not is_so():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        at_work = process.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return at_work

    def check_once(self):
        """Each item has one reminder, each customer one message and one e-mail; nothing is half done."""
        counts = {
            "rows": "SELECT count(*) FROM paylink_reminder WHERE outcome = 'message'",
            "items": "SELECT count(DISTINCT move_line_id) FROM paylink_reminder WHERE outcome = 'message'",
        }
        for name, query in counts.items():
            self.assertEqual(self.value(query), self.items, name)
        counts = {
            "messages": "SELECT count(*) FROM paylink_reminder_message",
            "with mail": "SELECT count(DISTINCT mail_message_id) FROM paylink_reminder_message",
            "customers": "SELECT count(DISTINCT customer_id) FROM paylink_reminder_message",
            "mails": "SELECT count(*) FROM mail_mail m JOIN mail_message s ON s.id = m.mail_message_id"
            " WHERE s.model = 'paylink.reminder.message'",
        }
        for name, query in counts.items():
            self.assertEqual(self.value(query), self.customers, name)

    def done(self):
        return self.value("SELECT count(*) FROM paylink_reminder")

    def test_killed_at_random_moments(self):
        self.prepare()
        dice = random.Random(7)
        kills = 0
        for share in (0, 0.2, 0.4, 0.6, 0.8):
            pause = dice.random() * 0.4
            process = self.start(RUN)
            enough = share * self.items
            kills += self.kill_when(process, lambda enough=enough: self.done() > enough)
            time.sleep(pause)
            self.assertEqual(self.done() % EACH, 0)
        self.assertGreater(kills, 2, "It was killed at work")
        self.assertLess(self.done(), self.items)
        self.finish(self.start(RUN))
        self.check_once()
        for process in [self.start(RUN) for _n in range(2)]:
            self.finish(process)
        self.check_once()

    def test_two_at_once(self):
        self.prepare(1000)
        for process in [self.start(RUN) for _n in range(2)]:
            self.finish(process)
        self.finish(self.start(RUN))
        self.check_once()

    def test_mail_server_that_fails(self):
        """A third is refused at first, and the sender is killed thrice: all get one, at most one more per crash."""
        self.prepare(MAILED, 1)
        self.finish(self.start(RUN))
        server = self.stack.enter_context(SmtpServer(lambda address, turn: turn == 1 and hash_of(address) % 3 == 0))
        options = ["--smtp=127.0.0.1", f"--smtp-port={server.port}"]
        crashes = 0
        for count in (10, 30, 45):
            process = self.start(SEND, *options)
            crashes += self.kill_when(process, lambda count=count: len(server.accepted) >= count)
        self.finish(self.start(SEND * 4, *options))
        got = collections.Counter(address for recipients in server.accepted for address in recipients)
        self.assertEqual(len(got), MAILED)
        self.assertGreater(crashes, 0)
        self.assertLessEqual(sum(got.values()) - MAILED, crashes)
        self.assertEqual(self.value("SELECT count(*) FROM mail_mail WHERE state != 'sent'"), 0)


def hash_of(address):
    """The number in an address of the data."""
    return int("".join(letter for letter in address if letter.isdigit()) or 0)
