import logging
import secrets

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.stripe_errors import StripeFailure, StripeRefused

_logger = logging.getLogger(__name__)


class PaylinkStripeCustomer(models.Model):
    """Who a partner is at Stripe: one customer per partner, company, account and mode, used again each time."""

    _name = "paylink.stripe.customer"
    _description = "Stripe Customer"
    _rec_name = "customer"

    partner_id = fields.Many2one("res.partner", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, index=True, ondelete="cascade")
    account = fields.Char(required=True, help="The Stripe account (acct_…).")
    is_live = fields.Boolean(help="In test mode an account has other customers, with other ids.")
    customer = fields.Char(help="Stripe's id (cus_…), once it has answered.")
    key = fields.Char(string="Idempotency Key", required=True, groups="base.group_system")
    told = fields.Json(help="Name and e-mail address as Stripe was told last.")

    _identity_unique = models.UniqueIndex("(partner_id, company_id, account, is_live)")

    @api.model
    def _of(self, transaction):
        """The customer who pays ``transaction``, made at Stripe if need be, named as the contact is now. Commits: no
        row is held while Stripe is asked, here or afterwards.

        :raise StripeFailure: it could not be made
        """
        provider = transaction.provider_id
        stripe = provider._paylink_stripe()
        found = self._claim(transaction, provider._paylink_stripe_account_id(), stripe.livemode)
        self.env.cr.commit()  # pylint: disable=invalid-commit
        if found.customer and found.told != found._told_now():
            found._update_at_stripe(stripe)
        if not found.customer:
            told = found._told_now()
            found.write({"customer": found._create_at_stripe(stripe)["id"], "told": told})
            self.env.cr.commit()  # pylint: disable=invalid-commit
        return found

    @api.model
    def _claim(self, transaction, account, is_live):
        """The row of the customer; who makes it at the same time as somebody else is run again by Odoo."""
        identity = {
            "partner_id": transaction.partner_id.id,
            "company_id": transaction.company_id.id,
            "account": account,
            "is_live": is_live,
        }
        domain = [(name, "=", value) for name, value in identity.items()]
        if found := self.search(domain, limit=1):
            return found
        self.env.cr.execute(
            SQL(
                "INSERT INTO paylink_stripe_customer (partner_id, company_id, account, is_live, key) "
                "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                *identity.values(),
                secrets.token_urlsafe(24),
            )
        )
        return self.search(domain, limit=1)

    @api.model
    def _merge_customers(self, sources, target):
        """Of partners that become one, keep the customer that is used from now on: the target's, if Stripe knows it.

        Stored methods and pages that are open know their own customers: those stay at Stripe.

        :param sources: partners that are about to be merged into ``target``
        """
        known = self.search([("partner_id", "in", (sources | target).ids)])
        for same in known.grouped(lambda row: (row.company_id, row.account, row.is_live)).values():
            kept = same.sorted(lambda row: (not row.customer, row.partner_id != target, row.id))[:1]
            (same - kept).unlink()

    def _create_at_stripe(self, stripe):
        """Create the customer. If the partner was changed since an unanswered try, its key is used up: take another.

        At worst that leaves a customer at Stripe whom nobody uses. An e-mail address that Stripe refuses keeps nobody
        from paying: the customer is made without it.
        """
        values = self._values()
        try:
            return stripe.customer_create(key=self.key, **values)
        except StripeRefused as error:
            if error.param == "email":
                del values["email"]
            self._renew_key()
            return stripe.customer_create(key=self.key, **values)

    def _update_at_stripe(self, stripe):
        """Tell Stripe the name and the e-mail address as they are now, once. Commits.

        Whoever pays does not fail for it: it is tried again when the customer pays next. To say the same twice does no
        harm, so each try has a key of its own. An address can't be taken away at Stripe: who has none anymore, or one
        that Stripe refuses, becomes another customer.
        """
        told, customer = self._told_now(), self.customer
        if (self.told or {}).get("email") and not told.get("email"):
            self._renew_key()
            return
        try:
            stripe.customer_update(customer, key=secrets.token_urlsafe(24), **told)
        except StripeFailure as error:
            _logger.info("Stripe customer %s could not be updated: %s", customer, error)
            if isinstance(error, StripeRefused) and error.param == "email":
                self._renew_key()
            return
        self.told = told
        self.env.cr.commit()  # pylint: disable=invalid-commit

    def _told_now(self):
        """What Stripe is told when it changes."""
        return {name: value for name, value in self._values().items() if name in ("name", "email")}

    def _renew_key(self):
        self.write({"key": secrets.token_urlsafe(24), "customer": False})
        self.env.cr.commit()  # pylint: disable=invalid-commit

    def _values(self):
        """What Stripe needs to know of a customer, and no more."""
        partner = self.partner_id
        email = partner.email_normalized
        return {
            "name": (partner.name or partner.commercial_partner_id.name or str(partner.id))[:250],
            **({"email": email} if email else {}),
            "metadata": {
                "paylink_db": self.env["payment.provider"]._paylink_database_uuid(),
                "paylink_partner": str(partner.id),
            },
        }
