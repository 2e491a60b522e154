"""Stage of ``paylink.balance``: what has moved at Stripe is read, booked and compared."""

import logging
from datetime import timedelta, timezone
from itertools import islice

from odoo import api, fields, models
from odoo.tools import SQL, format_amount, format_date
from psycopg2 import OperationalError

from ...tools.money import to_major
from ...tools.stripe_errors import StripeFailure
from ...tools.texts import reason

_logger = logging.getLogger(__name__)
OPENING = "opening"  # category of what was there before the first day
# What has moved may appear in Stripe's list a while after the time it bears.
OVERLAP = timedelta(hours=1)
# What is read at once. As much of it as a page of Stripe's has is stored, and committed, at a time.
WINDOW = timedelta(days=1)
PAGE = 100
EXPAND = ["data.source"]
# What had moved before the first day may be in the books only after it: debits take so long, and events may be late.
EARLIER = timedelta(days=15)
# How far back is looked where the books differ: Stripe's list may be late.
LATEST = timedelta(days=7)
# How often a balance is asked for that does not stand still.
TRIES = 3
# How many rows and entries a task names, and for how long an account may fail before there is one.
TOLD_AT_ONCE = 20
TOLD_AFTER = timedelta(days=1)
# What the account has besides the balance of payments (money for issued cards, for instance) is kept elsewhere.
KEPT_TYPES = (None, "payments")


class PaylinkBalanceRead(models.Model):
    """Stopped anywhere, it goes on where it was: each page of rows is committed, and known rows are left as they are.

    Memory does not grow with what there is to read: a page is forgotten before the next one is asked for.
    """

    _inherit = "paylink.balance"

    # === JOB === #

    @api.model
    def _cron_read(self):
        """Keep up with each account, whichever has waited longest first; where the time is up, the job comes again
        soon.
        """
        balances = self.search([("account", "!=", False)], order="read_until NULLS FIRST, id")
        self.env["paylink.job.mixin"]._in_turn(*(balance._try_to_keep_up for balance in balances))

    def _try_to_keep_up(self):
        """Keep up; why that was not possible is shown on the account, and keeps nobody from the others.

        :return: ``False``: the time is up, and something is left
        """
        self.ensure_one()
        done = True
        try:
            if done := self._keep_up():
                self.write({"error": False, "kept_up_at": fields.Datetime.now()})
        except StripeFailure as failure:
            self._note_failure(failure, str(failure))
        except OperationalError:
            raise  # somebody else works on the same rows: it is left to the next run
        except Exception as error:
            _logger.exception("Account %s could not be kept", self.id)
            self._note_failure(error, reason(error))
        return done

    def _note_failure(self, error, why):
        """Show why it could not be kept; where that has lasted, somebody has to know."""
        self.env.cr.rollback()
        _logger.info("Account %s is not kept up with: %s", self.id, error)
        self.error = why
        if (self.kept_up_at or self.create_date) < fields.Datetime.now() - TOLD_AFTER:
            self._tell_failure()

    def _keep_up(self):
        """Book what is left of the last time, read, book, and compare with what Stripe says the balance is.

        :return: whether all was done; else the time is up
        """
        self = self.with_company(self.company_id)  # noqa: PLW0642
        if not self.env["paylink.balance.move"]._book_waiting(self, again=False):
            return False
        stripe = self._stripe()
        if not (self._read_moves(stripe) and self._read_payouts(stripe)):
            return False
        said = self._standing_still(stripe)
        if said is not None and not self.is_opened:
            self._open(said)
        if not self._book():
            return False
        if said is not None and self._looks_again(said):
            return self._keep_up()
        if said is not None:
            self._check(said)
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return True

    def _looks_again(self, said):
        """Where it is uneven for the first time, the last days are read once more, as all is read, for what Stripe's
        list may not have had; what Stripe says is asked for after that.

        :return: whether they are to be read; it is noted before, so that whatever stops that does not begin it again
        """
        if not self.is_even or not self._differences(said):
            return False
        self.write({"is_even": False, "read_until": fields.Datetime.now() - LATEST})
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return True

    def _check(self, said):
        """Compare. What others have kept from being booked is left to the next run."""
        Move = self.env["paylink.balance.move"]
        if not Move.search_count([*Move._waiting_domain(self), ("error", "=", False)], limit=1):
            self._compare(said)

    def _book(self):
        """Book and reconcile what is known.

        :return: whether all were done; else the time is up
        """
        Move, Payout = self.env["paylink.balance.move"], self.env["paylink.payout"]
        return Move._book_waiting(self) and Move._match_waiting(self) and Payout._match_waiting(self)

    # === READING === #

    def _read_moves(self, stripe):
        """Store what has moved since the last success: a day at a time, each with its mark.

        :return: whether all was read; else the time is up
        :raise StripeFailure: Stripe did not answer, or the key is not valid anymore
        """
        now = fields.Datetime.now()
        first = self._start() if self.is_opened else self._start() - EARLIER
        since = max(self.read_until - OVERLAP, first) if self.read_until else first
        while since < now:
            until = min(since + WINDOW, now)
            # The last part has no end: Stripe's clock may be ahead of ours.
            created = {"gte": _stamp(since)} | ({"lt": _stamp(until)} if until < now else {})
            self._store_pages(stripe.transactions(created=created, expand=EXPAND, limit=PAGE))
            self.read_until = until
            since = until
            left = -((since - now) // WINDOW)
            if not self.env["ir.cron"]._commit_progress(1, remaining=left) and left:
                return False
        return True

    def _standing_still(self, stripe):
        """What Stripe says there is, while all that it is made of is known: nothing has moved between two answers.

        :return: see :meth:`_stripe_says`; ``None``: it does not stand still
        """
        for _time in range(TRIES):
            before = self._stripe_says(stripe.balance())
            self._store_pages(stripe.transactions(expand=EXPAND, limit=PAGE), until_known=True)
            if before == self._stripe_says(stripe.balance()):
                return before
        return None

    def _store_pages(self, found, until_known=False, **values):
        """Store rows as they come, a page at a time.

        :param found: iterator of Stripe's balance transactions
        :param bool until_known: no further than to a page with nothing new
        :param values: of these rows, besides what Stripe says
        :return: whether anything was new
        """
        is_new = False
        while page := list(islice(found, PAGE)):
            new = bool(self.env["paylink.balance.move"]._store(self, page, **values))
            self.env.cr.commit()  # pylint: disable=invalid-commit
            self.env.invalidate_all()
            is_new |= new
            if until_known and not new:
                break
        return is_new

    def _read_payouts(self, stripe):
        """Learn what has become of payouts, and what they are made of: those first that were asked for long ago.

        :return: whether all were asked for; else the time is up
        """
        Payout = self.env["paylink.payout"]
        payouts = Payout.search(Payout._open_domain(self), order="asked_at NULLS FIRST, created_at, id")
        for left, payout in zip(range(len(payouts) - 1, -1, -1), payouts, strict=True):
            payout._apply(stripe.payout(payout.name))
            payout.asked_at = fields.Datetime.now()
            if payout.is_complete and not payout.is_composed:
                rows = stripe.transactions(payout=payout.name, expand=EXPAND, limit=PAGE)
                self._store_pages(rows, payout_id=payout.id)
                payout.is_composed = True
                payout._note_composed()
            if not self.env["ir.cron"]._commit_progress(1, remaining=left) and left:
                return False
        return True

    def _named_as_ours(self, found):
        """Which of Stripe's balance transactions are about payments in Odoo, also where Odoo has not heard of them yet.

        :param list found: with their sources
        :return: set of their names
        """
        Transaction, names = self.env["payment.transaction"].sudo(), set()
        told = [one for one in found if isinstance(one["source"], dict)]
        for provider in self._providers():
            transactions = Transaction._paylink_stripe_find(provider, [one["source"] for one in told])
            names |= {one["id"] for one, tx in zip(told, transactions, strict=True) if tx}
        return names

    # === COMPARING === #

    def _stripe_says(self, balance):
        """What Stripe says there is, available and pending: major units by currency."""
        said = {}
        for part in (*balance["available"], *balance["pending"]):
            said[part["currency"]] = said.get(part["currency"], 0) + part["amount"]
        currencies = self.env["res.currency"].with_context(active_test=False)
        known = currencies.search([("name", "in", [code.upper() for code in said])])
        return {currency: float(to_major(said[currency.name.lower()], currency.name)) for currency in known}

    def _open(self, said):
        """Once, when all since the first day is known: what was there before is what is there and has not moved since.

        :param dict said: see :meth:`_stripe_says`
        """
        Move = self.env["paylink.balance.move"]
        moved = dict(Move._read_group([*Move._kept_domain(self)], ["currency_id"], ["net:sum"]))
        for currency, amount in said.items():
            opening = currency.round(amount - moved.get(currency, 0.0))
            if opening:
                Move._create_opening(self, currency, opening)
        self.write({"is_opened": True, "opened_at": fields.Datetime.now()})

    def _note_late(self, moves):
        """Take the opening balance back where something appears that had moved before it was made: what was there
        already is in it, and would be twice. It is made anew.

        :param moves: rows that are new
        """
        opened_at = self.is_opened and self.opened_at
        if not opened_at or not any(move.is_kept and move.created_at < opened_at for move in moves):
            return
        openings = moves.search([("balance_id", "=", self.id), ("category", "=", OPENING)])
        if all(entry._paylink_can_change() for entry in openings.line_id.move_id):
            openings.line_id.unlink()
            openings.unlink()
            self.is_opened = False

    def _compare(self, said):
        """Note what Stripe says; where the books say something else, somebody gets a task.

        :param dict said: see :meth:`_stripe_says`
        """
        now = fields.Datetime.now()
        for journal in self.journal_ids:
            amount = said.get(journal.paylink_said_currency_id, 0.0)
            journal.write({"paylink_said": amount, "paylink_said_at": now})
        differences = self._differences(said)
        if self.is_even != (not differences):
            self.is_even = not differences
        if differences:
            self._tell_difference(differences)

    def _differences(self, said):
        """What Stripe says and what the books say, by currency, where that is not the same. What Stripe does not name
        anymore is nothing.
        """
        journals = {journal.paylink_said_currency_id: journal for journal in self.journal_ids}
        found = {}
        for currency in {**said, **journals}:
            booked = journals[currency]._paylink_booked() if currency in journals else 0.0
            if currency.compare_amounts(said.get(currency, 0.0), booked):
                found[currency] = (said.get(currency, 0.0), booked)
        return found

    def _difference_texts(self, differences):
        """Summary and note of the task, in the language of the environment."""
        env = self.env
        lines = [
            env._(
                "%(currency)s: Stripe says %(said)s, the books say %(booked)s.",
                currency=currency.name,
                said=format_amount(env, said, currency),
                booked=format_amount(env, booked, currency),
            )
            for currency, (said, booked) in differences.items()
        ]
        return env._("The books differ from the balance at Stripe"), "\n".join([*lines, *self._explanations(env)])

    def _explanations(self, env):
        """What explains a difference: rows that could not be booked, or whose entries somebody has changed, and entries
        on the account that are not Stripe's.
        """
        Move = env["paylink.balance.move"]
        missing = Move.search([*Move._waiting_domain(self)], limit=TOLD_AT_ONCE)
        return [
            *(env._("Not booked: %(row)s", row=move._told(env)) for move in missing),
            *(
                env._("Its entry was changed, or taken out of the books: %(row)s", row=move._told(env))
                for move in Move._changed(self)
            ),
            *(
                env._(
                    "Not from Stripe: %(entry)s of %(date)s, %(amount)s",
                    entry=item.move_id.name,
                    date=format_date(env, item.date),
                    amount=format_amount(env, item.amount_currency, item.currency_id),
                )
                for item in self._foreign_items(env)
            ),
        ]

    def _foreign_items(self, env):
        """Items on these accounts that no row of Stripe's has made."""
        query = SQL(
            """
            SELECT item.id
              FROM account_move_line item
             WHERE item.account_id = ANY(%s)
               AND item.parent_state = 'posted'
               AND NOT EXISTS (SELECT FROM paylink_balance_move WHERE line_id = item.statement_line_id)
               AND NOT EXISTS (SELECT FROM paylink_balance_move WHERE fee_line_id = item.statement_line_id)
          ORDER BY item.id
             LIMIT %s
            """,
            self.journal_ids.default_account_id.ids,
            TOLD_AT_ONCE,
        )
        return env["account.move.line"].browse(item_id for (item_id,) in env.execute_query(query))


def _stamp(moment):
    return int(moment.replace(tzinfo=timezone.utc).timestamp())
