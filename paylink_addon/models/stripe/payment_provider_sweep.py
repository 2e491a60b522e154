"""Stage of ``payment.provider``: its events, and the search for those that never arrived."""

import logging
from datetime import timedelta, timezone

from odoo import api, fields, models, tools
from psycopg2 import OperationalError

from ...tools.stripe_client import API_VERSION
from ...tools.stripe_errors import StripeAbsent, StripeFailure
from ...tools.texts import reason
from .const import STRIPE_CODE, STRIPE_EVENTS
from .payment_transaction import id_of

_logger = logging.getLogger(__name__)
# How far back Stripe's list of events goes. https://docs.stripe.com/api/events
HORIZON = timedelta(days=30)
# Events may appear in the list a while after the time they bear, and our clock may be wrong.
OVERLAP = timedelta(hours=1)
# After a long silence the list is read, and what was read is committed, a day at a time.
WINDOW = timedelta(days=1)
# How many types the list can be asked for at once.
TYPES_AT_ONCE = 20
ROWS_AT_ONCE = 500
# A payment of which nothing was heard for so long is asked for, and then after pauses of half its age.
SILENCE = timedelta(minutes=30)
LOOKUPS_AT_ONCE = 50


class PaymentProviderSweep(models.Model):
    """The inbox of events as seen from the provider: its health, and the search for what never arrived."""

    _inherit = "payment.provider"

    paylink_event_waiting = fields.Integer(
        string="Events waiting", compute="_compute_paylink_events", groups="base.group_system"
    )
    paylink_event_problems = fields.Integer(
        string="Events failed or refused", compute="_compute_paylink_events", groups="base.group_system"
    )
    paylink_event_last = fields.Datetime(
        string="Last event received on", compute="_compute_paylink_events", groups="base.group_system"
    )
    paylink_event_drift = fields.Char(
        string="API version of the last event",
        compute="_compute_paylink_events",
        groups="base.group_system",
        help="Stripe writes its events in another version than the one that Odoo expects.",
    )
    paylink_sweep_error = fields.Char(
        string="Last search failed", readonly=True, copy=False, groups="base.group_system"
    )

    # === COMPUTE METHODS === #

    def _compute_paylink_events(self):
        Event = self.env["paylink.event"].sudo()
        counts = {
            (provider, state): count
            for provider, state, count in Event._read_group(
                [("provider_id", "in", self.ids), ("state", "in", ("waiting", "failed", "refused"))],
                ["provider_id", "state"],
                ["__count"],
            )
        }
        for provider in self:
            came = [("provider_id", "=", provider.id), ("is_swept", "=", False)]
            last = Event.search_fetch(came, ["received_at", "api_version"], limit=1) if provider.id else Event
            drifted = last.api_version and last.api_version != API_VERSION
            provider.paylink_event_waiting = counts.get((provider, "waiting"), 0)
            provider.paylink_event_problems = sum(counts.get((provider, state), 0) for state in ("failed", "refused"))
            provider.paylink_event_last = last.received_at
            provider.paylink_event_drift = last.api_version if drifted else False

    # === ACTIONS === #

    def action_paylink_view_events(self):
        """Show the events of this provider."""
        self.ensure_one()
        self.check_access("read")
        self.env["paylink.event"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_event_action")
        return action | {"domain": [("provider_id", "=", self.id)], "context": {}}

    # === RECEIVING === #

    @api.model
    def _paylink_webhook_secrets(self, provider_id):
        """The secrets that sign a provider's events.

        :return: a tuple, or None if there is no such provider
        """
        provider = self.sudo().browse(provider_id).exists()
        return tuple(provider._paylink_stripe_secrets()) if provider.code == STRIPE_CODE else None

    @api.model
    @tools.ormcache()
    def _paylink_cached_secrets(self):
        """The secrets of all providers, by id: one thing to remember, whatever ids strangers make up.

        They are asked for with each message (bench/webhooks.py). See :meth:`_paylink_forget_secrets`.
        """
        providers = self.sudo().search([("code", "=", STRIPE_CODE)])
        return {provider.id: provider._paylink_stripe_secrets() for provider in providers}

    def _paylink_forget_secrets(self):
        """Let this worker, and after the commit the others, look at the secrets anew."""
        self.env.registry.clear_cache()
        # Another thread may read the old ones before the commit, and remember them.
        self.env.cr.postcommit.add(self.env.registry.clear_cache)

    # === SWEEPING === #

    @api.model
    def _cron_paylink_sweep(self):
        """Ask each provider for what we may have missed, whoever has waited longest first."""
        job = self.env["paylink.job.mixin"]
        # A disabled one takes no new payments, but those that are under way still have an end.
        providers = self.search([("code", "=", STRIPE_CODE), ("paylink_stripe_secret_key", "!=", False)])
        providers = providers.sorted(lambda found: fields.Datetime.to_string(found.paylink_stripe_last_sweep) or "")
        job._each(providers, lambda provider: provider._paylink_try_to_sweep(), take=False)

    def _paylink_try_to_sweep(self):
        """Sweep; why it was not possible is shown on the provider, and keeps nobody from the other providers."""
        self.ensure_one()
        try:
            self._paylink_sweep()
            self.paylink_sweep_error = False
            self._paylink_look_up_silent()
        except StripeFailure as failure:
            self.env.cr.rollback()
            _logger.info("Provider %s could not be swept: %s", self.id, failure)
            self.paylink_sweep_error = str(failure)
        except OperationalError:
            raise  # somebody else works on the same rows: it is left to the next run
        except Exception as error:
            self.env.cr.rollback()
            _logger.exception("Provider %s could not be swept", self.id)
            self.paylink_sweep_error = reason(error)

    def _paylink_sweep(self):
        """Store the events since the last success that are not known: a day at a time, each with its mark.

        The inbox handles them as if they had come by themselves.

        :raise StripeFailure: Stripe did not answer, or the key is not valid anymore
        """
        self.ensure_one()
        api, now = self._paylink_stripe(), fields.Datetime.now()
        since = max((self.paylink_stripe_last_sweep or self._paylink_first_payment()) - OVERLAP, now - HORIZON)
        while since < now:
            until = min(since + WINDOW, now)
            # The last part has no end: Stripe's clock may be ahead of ours.
            events = _events_between(api, since, until if until < now else None)
            for start in range(0, len(events), ROWS_AT_ONCE):
                self.env["paylink.event"]._receive(self.id, events[start : start + ROWS_AT_ONCE], is_swept=True)
                self.env.cr.commit()  # pylint: disable=invalid-commit  # a conflict in the next part undoes that alone
            self.paylink_stripe_last_sweep = until
            self.env.cr.commit()  # pylint: disable=invalid-commit
            since = until

    def _paylink_first_payment(self):
        """When the provider was used first: what its account did before is nothing to us."""
        first = self.env["payment.transaction"].search([("provider_id", "=", self.id)], order="id", limit=1)
        return first.create_date or fields.Datetime.now()

    def _paylink_look_up_silent(self):
        """Ask for payments and refunds that are under way, or were left, and of which nothing was heard for a time."""
        now = fields.Datetime.now()
        silent = self.env["payment.transaction"].search(
            [
                ("provider_id", "=", self.id),
                ("state", "in", ("draft", "pending")),
                ("last_state_change", "<=", now - SILENCE),
                "|",
                "|",
                ("paylink_stripe_session", "!=", False),
                ("paylink_stripe_intent", "!=", False),
                ("paylink_stripe_refund", "!=", False),
                "|",
                ("paylink_stripe_ask_at", "=", False),
                ("paylink_stripe_ask_at", "<=", now),
            ],
            order="paylink_stripe_ask_at NULLS FIRST, id",
            limit=LOOKUPS_AT_ONCE,
        )
        for tx in silent:
            tx.paylink_stripe_ask_at = now + max(SILENCE, (now - tx.create_date) / 2)
        self.env.cr.commit()  # pylint: disable=invalid-commit
        for tx in silent:
            tx._paylink_try_to_look_up()

    # === DISPUTES === #

    def _paylink_stripe_disputed(self, obj):
        """The payment of a dispute whose PaymentIntent is not known yet: that bears our metadata."""
        intent_id = id_of(obj.get("payment_intent"))
        if not intent_id:
            return self.env["payment.transaction"].sudo()
        try:
            intent = self._paylink_stripe().intent(intent_id)
        except StripeAbsent:
            return self.env["payment.transaction"].sudo()
        return self.env["payment.transaction"].sudo()._paylink_stripe_find(self, [intent])[0]


def _events_between(api, since, until):
    """The events of our types from ``since`` until before ``until`` (naive times in UTC, or None), oldest first."""
    created = {"gte": _stamp(since)} | ({"lt": _stamp(until)} if until else {})
    events = []
    for start in range(0, len(STRIPE_EVENTS), TYPES_AT_ONCE):
        events += api.events(types=list(STRIPE_EVENTS)[start : start + TYPES_AT_ONCE], created=created)
    events.reverse()
    return sorted(events, key=lambda event: event["created"])


def _stamp(moment):
    return int(moment.replace(tzinfo=timezone.utc).timestamp())
