"""Stage of ``payment.token``: what becomes of payment profiles: charged, replaced, expired, removed."""

from functools import partial

from dateutil.relativedelta import relativedelta
from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ...const import LIVE_STATES, Task
from ...tools.locks import hold_and_touch

# How long before a card expires its customer is asked to replace it, and how long after that it is not too late.
NOTICE = relativedelta(months=1)
# How many are asked for in one transaction.
BATCH = 100
STATUSES = [
    ("usable", "Usable"),
    ("to_link", "To link"),
    ("expires", "Expires soon"),
    ("expired", "Expired"),
    ("refused", "Refused"),
    ("leaving", "Being removed"),
    ("removed", "Removed"),
    ("replaced", "Replaced"),
    ("withdrawn", "Withdrawn"),
]
WORKING = ("usable", "expires")
ENDS = [
    ("us", "Removed by us"),
    ("replaced", "Replaced by another one"),
    ("customer", "Removed by the customer"),
    ("provider", "Removed by the customer's bank, or at the provider"),
]


class PaymentTokenLife(models.Model):
    """Methods expire, are replaced and are removed, here, by the customer, or at the provider."""

    _inherit = "payment.token"

    paylink_end = fields.Selection(ENDS, string="Why it ended", readonly=True, copy=False)
    paylink_ended_at = fields.Datetime(string="Ended on", readonly=True, copy=False)
    paylink_asked_for = fields.Date(
        string="Replacement asked for",
        readonly=True,
        copy=False,
        help="The expiry for which the customer was asked to replace the card, or somebody to have it replaced.",
    )
    paylink_profile_status = fields.Selection(STATUSES, string="Status", compute="_compute_paylink_profile_status")

    # === COMPUTE METHODS === #

    @api.depends("active", "paylink_expires_on", "paylink_end", "paylink_stripe_to_detach", "paylink_waits")
    def _compute_paylink_profile_status(self):
        for token in self:
            today, last = token.company_id._paylink_today(), token.paylink_expires_on
            rules = (
                ("leaving", not token.active and token.paylink_stripe_to_detach),
                ("replaced", not token.active and token.paylink_end == "replaced"),
                ("withdrawn", not token.active and token.paylink_end in ("customer", "provider")),
                ("removed", not token.active),
                ("to_link", token.paylink_waits),
                ("expired", last and last < today),
                ("refused", token._paylink_is_refused()),
                ("expires", last and last <= today + NOTICE),
            )
            token.paylink_profile_status = next((status for status, holds in rules if holds), "usable")

    def _paylink_is_refused(self):
        """Hook: whether the customer's bank has refused it for good."""
        return False

    def _paylink_works(self):
        """Whether there is one, and it has neither ended nor expired, nor has its bank refused it."""
        return self.paylink_profile_status in WORKING

    # === CRUD METHODS === #

    def write(self, vals):
        """What is in use again has not ended."""
        if vals.get("active") and (ended := self.sudo().filtered("paylink_end")):
            ended.write({"paylink_end": False, "paylink_ended_at": False})
        return super().write(vals)

    # === CHARGING === #

    def _paylink_charge_problem(self, currency):
        """Why nothing can be charged to this method in ``currency`` now, and what to do, or ``False``."""
        self.ensure_one()
        token = self.sudo()
        taken = token.payment_method_id.supported_currency_ids
        values = {"name": token.display_name, "currency": currency.name, "provider": token.provider_id.name}
        if not token.active:
            return self.env._("%(name)s was removed: choose another one.", **values)
        if token.paylink_is_expired:
            return self.env._("%(name)s has expired: ask the customer to replace it.", **values)
        if token.provider_id.state == "disabled" or not token._paylink_is_reachable():
            return self.env._(
                "%(name)s can't be charged: %(provider)s is not in use, or has another account.", **values
            )
        if taken and currency not in taken:
            return self.env._("%(name)s can't be charged in %(currency)s.", **values)
        return False

    # === THE END === #

    def _paylink_remove(self, end):
        """End these, at their providers as well. Commits.

        :param str end: who removes them: a key of :data:`ENDS`
        :return: the action that says what became of it
        :raises UserError: it can't be now; nothing is removed
        """
        self._paylink_check_removable()
        self._paylink_finish(end)
        problems = self._paylink_detach_now()
        removed = self.filtered(lambda token: token not in problems)
        texts = [
            self.env._("%(name)s was removed: it can't be charged anymore.", name=one.display_name) for one in removed
        ]
        texts += [
            self.env._(
                "%(name)s was removed here and can't be charged anymore. %(provider)s has not confirmed it yet and is "
                "asked again until it does: %(reason)s",
                name=token.display_name,
                provider=token.provider_id.name,
                reason=reason,
            )
            for token, reason in problems.items()
        ]
        params = {"type": "warning" if problems else "success", "message": "\n".join(texts), "sticky": bool(problems)}
        params["next"] = {"type": "ir.actions.client", "tag": "soft_reload"}
        return {"type": "ir.actions.client", "tag": "display_notification", "params": params}

    def _paylink_check_removable(self):
        if needed := self.filtered(lambda token: token._paylink_is_needed())[:1]:
            raise UserError(
                self.env._(
                    "A payment by %(name)s is on its way to the provider: wait for its outcome, then remove it.",
                    name=needed.display_name,
                )
            )

    def _paylink_withdraw(self):
        """Its customer removes this one: whoever relies on it is told. See :meth:`_paylink_remove`. A second click
        waits, and is run again as a whole: it finds that it is gone.
        """
        self.ensure_one()
        hold_and_touch(self)
        self._paylink_check_removable()
        if self.active:
            self._paylink_tell_gone()
        return self._paylink_remove("customer")

    def _paylink_finish(self, end):
        """End those that are in use."""
        used = self.filtered("active")
        used.write({"active": False, "paylink_end": end, "paylink_ended_at": fields.Datetime.now()})

    def _paylink_succeeded_by(self, new, request):
        """Hook: what uses this method uses ``new`` from now on, which the customer has stored in its place.

        :param request: the ``paylink.card.request`` on whose page, with what the customer has agreed to there
        """
        self.ensure_one()
        customer = self._paylink_customer()
        if customer.paylink_token_id == self:
            customer.paylink_token_id = new

    def _paylink_renew(self, values):
        """What nobody has to replace anymore is not asked for anymore, where nobody but the job has."""
        result = super()._paylink_renew(values)
        lasting = self.filtered(lambda token: token.paylink_profile_status == "usable")
        asked = self.env["paylink.card.request"].sudo()
        asked = asked.search([("replaces_id", "in", lasting.ids), ("is_automatic", "=", True)])
        asked.filtered(lambda request: request.state in ("open", "failed")).action_cancel()
        return result

    def _paylink_gone(self):
        """Whoever relies on it is told what will not be charged anymore."""
        for token in self.filtered("active"):
            token._paylink_tell_gone()
        gone = super()._paylink_gone()
        gone.write({"paylink_end": "provider", "paylink_ended_at": fields.Datetime.now()})
        return gone

    def _paylink_tell_gone(self):
        """Nothing is said of what nobody relies on."""
        if self._paylink_uses(self.env):
            customer, owners = self._paylink_customer(), self._paylink_owners()[self]
            self.env["paylink.task.mixin"]._give(
                customer, Task.PROFILE_GONE, self._paylink_gone_texts, owners, about=self
            )

    def _paylink_uses(self, env):
        """Hook: what is charged to this method, as sentences for a reader; none: nobody relies on it.

        :param env: in the reader's language
        """
        self.ensure_one()
        return [env._("It was the default payment profile.")] if self.paylink_is_default else []

    def _paylink_owners(self):
        """Hook: who looks after each of these, as ``{token: res.users}``.

        The owner of the request that it came from, the customer's salesperson, or the payment managers.
        """
        owners = {}
        for token in self.sudo():
            asked, customer = token.paylink_card_request_id.user_id, token.partner_id.commercial_partner_id
            people = [
                user for user in (asked, token.partner_id.user_id, customer.user_id) if user.active and not user.share
            ]
            owners[token] = people[0] if people else token.company_id._paylink_managers()
        return owners

    def _paylink_gone_texts(self, env):
        token = self.with_env(env)
        parts = [
            env._(
                "%(partner)s, or the bank, has removed %(method)s: nothing can be charged to it anymore.",
                partner=token.partner_id.display_name,
                method=token.display_name,
            ),
            *self._paylink_uses(env),
            env._("Ask the customer for another one: “Request a card”."),
        ]
        note = Markup("").join(Markup("<p>%s</p>") % part for part in parts)
        return env._("Payment method removed: %(method)s", method=token.display_name), note

    # === TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"active", "paylink_expires_on"}

    def _paylink_task_subjects(self):
        """Customers are told of what expires."""
        return [*super()._paylink_task_subjects(), self.partner_id.commercial_partner_id]

    def _paylink_done_profile_gone(self, _task):
        """The customer has another one to rely on."""
        return self.active or self._paylink_customer().paylink_token_id.active

    # === EXPIRY === #

    @api.model
    def _cron_paylink_renew(self):
        """Have cards replaced that expire within a month, as each company chooses: once for each card and expiry."""
        companies = self.env["res.company"].search([("paylink_card_renewal", "!=", "none")])
        self.env["paylink.job.mixin"]._in_turn(*(partial(self._paylink_renew_of, company) for company in companies))

    @api.model
    def _paylink_renew_of(self, company):
        """:return: whether all of ``company`` were done; else the time is up"""
        expiring = self._paylink_expiring(company)
        return self.env["paylink.job.mixin"]._each(expiring, lambda tokens: tokens._paylink_have_replaced(), size=BATCH)

    @api.model
    def _paylink_expiring(self, company, customer=None):
        """The cards that customers have agreed to be charged, or that are relied on, and that expire within a month.

        :param customer: of this ``res.partner`` only; else those of all whom nobody was asked to replace yet
        """
        today = company._paylink_today()
        domain = self._paylink_relied_on() & Domain(
            [
                *(("company_id", "=", company.id), ("active", "=", True), ("partner_id.active", "=", True)),
                *(("paylink_expires_on", ">=", today - NOTICE), ("paylink_expires_on", "<=", today + NOTICE)),
            ]
        )
        if customer:
            return self.search(domain & Domain("partner_id", "child_of", customer.id))
        self.flush_model(["paylink_asked_for", "paylink_expires_on"])
        asked = SQL("(SELECT id FROM payment_token WHERE paylink_asked_for = paylink_expires_on)")
        return self.search(domain & Domain("id", "not in", asked))

    @api.model
    def _paylink_relied_on(self):
        """Hook: a domain of those that customers have agreed to be charged, or that are relied on."""
        return Domain("paylink_consent_at", "!=", False) | Domain("paylink_is_default", "=", True)

    def _paylink_have_replaced(self):
        """Ask the customers, or propose it to people: of one company."""
        for last, tokens in self.grouped("paylink_expires_on").items():
            tokens.paylink_asked_for = last
        company = self.company_id
        asked = self.env["paylink.card.request"].search(
            [("replaces_id", "in", self.ids), ("state", "in", ("draft", *LIVE_STATES))]
        )
        todo = self - asked.replaces_id
        if company.paylink_card_renewal == "send":
            todo = todo._paylink_ask_to_replace()
        todo._paylink_propose()

    def _paylink_ask_to_replace(self):
        """Send requests for other methods, in the company of these.

        :return: those whose customers could not be asked
        """
        Request = self.env["paylink.card.request"].with_company(self.company_id)
        ready = self - self.browse().concat(*self._paylink_replace_problems(self.env))
        owners = ready._paylink_owners()
        template = self.company_id._paylink_card_template("update")
        if values := [token._paylink_update_values(template, owners[token][:1]) for token in ready]:
            Request.create(values).action_send()
        return self - ready

    def _paylink_update_values(self, template, owner):
        """The values of a request to replace this method."""
        partner, by_email = self.partner_id, bool(self.partner_id.email)
        return {
            "partner_id": partner.id,
            "company_id": self.company_id.id,
            "template_id": template.id,
            "replaces_id": self.id,
            "user_id": owner.id,
            "lang": partner._paylink_lang(),
            "send_email": by_email,
            "send_sms": not by_email,
            "is_automatic": True,
        }

    def _paylink_replace_problems(self, env):
        """Why customers can't be asked to replace these, of one company: ``{token: text}`` in a reader's language."""
        company = self.company_id.with_env(env)
        template = company._paylink_card_template("update")
        if not template:
            text = env._("There is no template for it: make one under Stored Cards → Card Request Templates.")
            return dict.fromkeys(self, text)
        impossible = template._storing_problems(company, self.partner_id.with_env(env))
        reach = env["paylink.card.request"]._recipient_problem
        unsaid = template._wording_problems({partner._paylink_lang() for partner in self.partner_id})
        problems = {
            token: reach(partner, partner.email, partner.phone, bool(partner.email), not partner.email)
            or unsaid[partner._paylink_lang()]
            or impossible.get(partner)
            for token in self
            for partner in token.partner_id.with_env(env)
        }
        return {token: problem for token, problem in problems.items() if problem}

    def _paylink_propose(self):
        """Give people the task to have these cards replaced."""
        for users, tokens in self.grouped(self._paylink_owners().get).items():
            customers = tokens.partner_id.commercial_partner_id
            self.env["paylink.task.mixin"]._give(customers, Task.PROFILE_EXPIRES, tokens._paylink_expiry_texts, users)

    def _paylink_expiry_texts(self, env):
        """The notes by customer; they say as well why the customer could not be asked, where that was to be done."""
        is_to_ask = self.company_id.paylink_card_renewal == "send"
        problems = self._paylink_replace_problems(env) if is_to_ask else {}
        notes = {}
        for customer, tokens in self.grouped(lambda token: token.partner_id.commercial_partner_id).items():
            lines = [
                env._(
                    "%(method)s of %(partner)s expires on %(date)s: have it replaced (“Payment Profiles” on the "
                    "contact).",
                    method=token.with_env(env).display_name,
                    partner=token.partner_id.with_env(env).display_name,
                    date=format_date(env, token.paylink_expires_on),
                )
                for token in tokens
            ]
            lines += [problems[token] for token in tokens if token in problems]
            notes[customer.id] = Markup("").join(Markup("<p>%s</p>") % line for line in lines)
        return env._("A stored card expires"), notes
