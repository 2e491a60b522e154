"""Stage of ``paylink.balance``: what has moved at Stripe is read, booked and compared."""

import logging
from datetime import timedelta, timezone
from itertools import islice

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_amount, format_date

from ...tools.money import to_major
from ...tools.stripe_errors import StripeFailure
from ...tools.texts import reason

_logger = logging.getLogger(__name__)
# What has moved may appear in Stripe's list a while after the time it bears.
OVERLAP = timedelta(hours=1)
# What is read at once. As much of it as a page of Stripe's has is stored, and committed, at a time.
WINDOW = timedelta(days=1)
PAGE = 100
EXPAND = ["data.source"]
# Whose composition is asked for in one run, and of how many a task tells.
PAYOUTS_AT_ONCE = 50
TOLD_AT_ONCE = 20
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
        """Keep up with each account, whichever has waited longest first."""
        balances = self.search([("account", "!=", False)], order="read_until NULLS FIRST, id")
        self.env["paylink.job.mixin"]._each(balances, lambda balance: balance._try_to_keep_up(), take=False)

    def _try_to_keep_up(self):
        """Keep up; why that was not possible is shown on the account, and keeps nobody from the others."""
        self.ensure_one()
        try:
            self._keep_up()
            self.error = False
        except StripeFailure as failure:
            self.env.cr.rollback()
            _logger.info("Account %s could not be read: %s", self.id, failure)
            self.error = str(failure)
        except Exception as error:
            self.env.cr.rollback()
            _logger.exception("Account %s could not be read", self.id)
            self.error = reason(error)

    def _keep_up(self):
        """Read, book, and compare with what Stripe says the balance is.

        Where something has moved while it was read, what Stripe says can't be compared: the next run does that.
        """
        self = self.with_company(self.company_id)  # noqa: PLW0642
        stripe = self._stripe()
        before = stripe.balance()
        self._read_moves(stripe)
        self._read_payouts(stripe)
        said = self._stripe_says(before)
        is_still = said == self._stripe_says(stripe.balance())
        if is_still and not self.is_opened:
            self._open(said)
        Move = self.env["paylink.balance.move"]
        if Move._book_waiting(self):
            Move._match_waiting(self)
            self.env["paylink.payout"]._match_waiting(self)
            if is_still:
                self._compare(said)
        self.env.cr.commit()  # pylint: disable=invalid-commit

    # === READING === #

    def _read_moves(self, stripe):
        """Store what has moved since the last success: a day at a time, each with its mark.

        :raise StripeFailure: Stripe did not answer, or the key is not valid anymore
        """
        now = fields.Datetime.now()
        since = max(self.read_until - OVERLAP, self._start()) if self.read_until else self._start()
        while since < now:
            until = min(since + WINDOW, now)
            # The last part has no end: Stripe's clock may be ahead of ours.
            created = {"gte": _stamp(since)} | ({"lt": _stamp(until)} if until < now else {})
            self._store_pages(stripe.transactions(created=created, expand=EXPAND, limit=PAGE))
            self.read_until = until
            self.env.cr.commit()  # pylint: disable=invalid-commit
            since = until

    def _store_pages(self, found, **values):
        """Store rows as they come, a page at a time.

        :param found: iterator of Stripe's balance transactions
        :param values: of these rows, besides what Stripe says
        """
        while page := list(islice(found, PAGE)):
            self.env["paylink.balance.move"]._store(self, page, **values)
            self.env.cr.commit()  # pylint: disable=invalid-commit
            self.env.invalidate_all()

    def _read_payouts(self, stripe):
        """Learn what has become of payouts, and what they are made of."""
        Payout = self.env["paylink.payout"]
        for payout in Payout.search(Payout._open_domain(self), limit=PAYOUTS_AT_ONCE):
            payout._apply(stripe.payout(payout.name))
            if payout.is_complete and not payout.is_composed:
                rows = stripe.transactions(payout=payout.name, expand=EXPAND, limit=PAGE)
                self._store_pages(rows, payout_id=payout.id)
                payout.is_composed = True
                payout._note_composed()
            self.env.cr.commit()  # pylint: disable=invalid-commit

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
        self.is_opened = True

    def _compare(self, said):
        """Note what Stripe says; where the books say something else, somebody gets a task.

        :param dict said: see :meth:`_stripe_says`
        """
        differences = {}
        now = fields.Datetime.now()
        for currency, amount in said.items():
            journal = self.journal_ids.filtered(lambda found, of=currency: found.paylink_said_currency_id == of)[:1]
            journal.write({"paylink_said": amount, "paylink_said_at": now})
            booked = journal._paylink_booked() if journal else 0.0
            if currency.compare_amounts(amount, booked):
                differences[currency] = (amount, booked)
        if differences:
            self._tell_difference(differences)
        if self.is_even != (not differences):
            self.is_even = not differences

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
        """The rows that explain a difference: what could not be booked, and entries on the account that are not
        Stripe's.
        """
        Move = env["paylink.balance.move"]
        missing = Move.search([*Move._waiting_domain(self)], limit=TOLD_AT_ONCE)
        foreign = self._foreign_items(env)
        return [
            *(env._("Not booked: %(row)s", row=move._told(env)) for move in missing),
            *(
                env._(
                    "Not from Stripe: %(entry)s of %(date)s, %(amount)s",
                    entry=item.move_id.name,
                    date=format_date(env, item.date),
                    amount=format_amount(env, item.amount_currency, item.currency_id),
                )
                for item in foreign
            ),
        ]

    def _foreign_items(self, env):
        """Items on these accounts that no row of Stripe's has made."""
        journals = self.journal_ids
        foreign = Domain("statement_line_id", "=", False) | Domain("statement_line_id.unique_import_id", "=", False)
        domain = foreign & Domain("account_id", "in", journals.default_account_id.ids)
        domain &= Domain("parent_state", "=", "posted")
        return env["account.move.line"].search(domain, limit=TOLD_AT_ONCE)


def _stamp(moment):
    return int(moment.replace(tzinfo=timezone.utc).timestamp())
