"""Stage of ``paylink.plan``: parts charged to a payment method that the customer has stored."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import LazyTranslate, format_date

from ...tools.addresses import usable_emails

_lt = LazyTranslate(__name__)
# How long before a charge the customer is told of it, and how much later than announced it may still be made: whatever
# the job waits for longer is announced anew.
NOTICE, LATE = timedelta(days=3), timedelta(days=7)
# The states of a chargeback of which the bank says that the money is gone, or may be: mere questions are none.
TAKEN = ("needs_response", "under_review", "lost")
BY_LINKS = _lt("The parts are asked for by links again.")


class PaylinkPlanCharge(models.Model):
    """Who pays a part may agree that the later ones are charged to the same method, each on its day.

    Each is announced before, and charged once, with its link: what is due is computed then, and never more is charged
    than was announced. Whatever comes in between (no notice, a charge that is declined, a method that has ended), the
    part is asked for by its link, as where nothing is stored.
    """

    _inherit = "paylink.plan"

    token_id = fields.Many2one(
        "payment.token", string="Payment Profile", readonly=True, ondelete="set null", index="btree_not_null"
    )
    consent_transaction_id = fields.Many2one(
        "payment.transaction",
        string="Agreed on with",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="The payment with which the customer has agreed that the later parts are charged.",
    )
    charged_to = fields.Char(
        string="Charged to",
        compute="_compute_charged_to",
        compute_sudo=True,
        help="The customer has agreed that the later parts are charged to it on their days.",
    )

    @api.depends("token_id", "state")
    def _compute_charged_to(self):
        for plan in self:
            is_running = plan.state == "running"
            plan.charged_to = is_running and (plan.token_id.display_name or plan._awaited_text())

    # === ACTIONS === #

    def action_ask_by_links(self):
        """Charge nothing anymore: the parts are asked for by links. A second click waits, and is run again."""
        self.link_id.check_access("write")
        plans = self.sudo()
        plans.link_id._wait_and_hold()
        if not all(plan.charged_to for plan in plans):
            raise UserError(self.env._("Nothing is charged here anymore: reload the page."))
        plans._stop_charges()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    # === WHAT IS AGREED ON === #

    def _may_charge(self, token):
        """Whether ``token`` works, and is the customer's: what others owe is not charged."""
        self.ensure_one()
        is_own = bool(token) and token._paylink_is_of(self.partner_id.commercial_partner_id, self.company_id)
        return is_own and token._paylink_autopay_usable(self.currency_id)

    def _keep_method(self, transaction):
        """The customer has agreed with this payment that the later parts are charged to its method: once, however often
        its outcome is reported. Who ends the plan meanwhile writes the same row.
        """
        self.ensure_one()
        token, is_known = transaction.token_id, transaction == self.consent_transaction_id
        if is_known or self.state != "running" or not self._may_charge(token):
            return
        self.write({"token_id": token.id, "consent_transaction_id": transaction.id})
        self.part_ids._forget_notice()
        text = self._agreed_text(transaction, self.company_id._paylink_env())
        self.link_id._log_events("plan_method", {self.link_id.id: text})

    def _succeed_method(self, token, request):
        """``token`` takes the place of their method, as the customer has agreed on this card request: what was
        announced is announced anew.
        """
        for plan in self.filtered(lambda plan: plan._may_charge(token)):
            env = plan.company_id._paylink_env()
            text = env._(
                "%(method)s in place of %(replaced)s, as agreed with card request %(request)s.",
                method=token.display_name,
                replaced=plan.token_id.display_name,
                request=request.name,
            )
            plan.token_id = token
            plan.part_ids._forget_notice()
            plan.part_ids.link_id.transaction_ids._paylink_withdraw_from_plan()
            plan.link_id._log_events("plan_method", {plan.link_id.id: text})

    @api.model
    def _agreed_text(self, transaction, env):
        """What was agreed on, in the language of ``env``: amounts and days as the page has shown them."""
        facts = {"method": transaction.token_id.display_name, "reference": transaction.reference}
        if not transaction.paylink_later_text:
            return env._("%(method)s, as agreed with payment %(reference)s.", **facts)
        words = dict(transaction._fields["paylink_later_proof"]._description_selection(env))
        return env._(
            "%(method)s, as agreed with payment %(reference)s (%(proof)s): %(shown)s",
            proof=words[transaction.paylink_later_proof],
            shown=transaction.paylink_later_text,
            **facts,
        )

    def _new_consents(self):
        """The payments with which it was agreed on, but that have not arrived, or whose method is not known yet."""
        domain = [("paylink_for_later", "=", True), ("paylink_id.plan_part_id.plan_id", "in", self.ids)]
        domain += ["|", ("state", "!=", "done"), ("token_id", "=", False)]
        return self.env["payment.transaction"].sudo().search(domain)

    def _awaited_text(self):
        """What the parts will be charged to once such a payment has arrived, in the language of the context."""
        consent = self._new_consents().filtered(lambda tx: tx.state in ("pending", "authorized"))[:1]
        if not consent:
            return False
        return self.env._(
            "%(method)s, once payment %(reference)s has arrived",
            method=consent.payment_method_id.name,
            reference=consent.reference,
        )

    def _stop_charges(self):
        """The customer, or a colleague, wants links again, also if what it was agreed on with has not arrived yet."""
        plans = self.sudo().filtered(lambda plan: plan.state == "running")
        awaiting = plans.filtered(lambda plan: not plan.token_id and plan._awaited_text())
        plans._new_consents().paylink_for_later = False
        awaiting.link_id._log_events("plan_by_links", dict.fromkeys(awaiting.link_id.ids, BY_LINKS))
        plans._charge_no_more(BY_LINKS)

    def _charge_no_more(self, reason):
        """Ask for the parts by links from now on; what was not sent to the provider yet is withdrawn.

        :param reason: what the timeline says: see :func:`~..tools.texts.said`
        """
        charged = self.sudo().filtered(lambda plan: plan.state == "running" and plan.token_id)
        if not charged:
            return
        charged.token_id = False
        charged.part_ids._forget_notice()
        charged.part_ids.link_id.transaction_ids._paylink_withdraw_from_plan()
        charged.link_id._log_events("plan_by_links", dict.fromkeys(charged.link_id.ids, reason))

    def _drop_useless_methods(self):
        """Of those whose method has expired, is refused or gone, or whose owner's bank has taken a payment by it back,
        the parts are asked for by links.
        """
        self._taken_back()._charge_no_more(_lt("The bank has taken a payment by this method back."))
        useless = self.filtered(lambda plan: plan.token_id and not plan._may_charge(plan.token_id))
        useless._charge_no_more(_lt("The payment method can't be charged anymore."))

    def _taken_back(self):
        """Those of which a payment by their method was taken back, or may be, since that was agreed on: also if it is
        asked for again.
        """
        if not self.token_id:
            return self.browse()
        domain = [("transaction_id.token_id", "in", self.token_id.ids), ("status", "in", TAKEN)]
        disputes = self.env["paylink.dispute"].search(domain, order="id")
        last = {dispute.transaction_id.token_id: dispute.create_date for dispute in disputes}
        return self.filtered(
            lambda plan: plan.token_id in last and last[plan.token_id] >= plan.consent_transaction_id.create_date
        )

    # === ON THEIR DAYS === #

    def _charge_parts(self, left, today):
        """Announce and charge the next part of those in which that is agreed on; the rows are held.

        :param dict left: see :meth:`_left`
        :return: those of which the next part is not asked for by its link
        """
        agreed = self.filtered("token_id")
        if not agreed:
            return agreed
        unheard, leaving = agreed._look_at_notices(today)
        parts = self.env["paylink.plan.part"].union(*(plan._next_to_charge(left[plan.id]) for plan in agreed))
        waiting, parts = parts & leaving, parts - unheard
        told = parts.filtered(lambda part: part._is_told(left[part.plan_id.id], today))
        untold = parts - told
        soon = untold.filtered(lambda part: part.date_due - NOTICE <= today)
        silent = soon.filtered(lambda part: not part.plan_id._announce(part, left[part.plan_id.id], today))
        due = told.filtered(lambda part: part.charge_on <= today)
        return (waiting | parts - silent - (due - due._charge())).plan_id

    def _look_at_notices(self, today):
        """Note which notices have left; those that have not by the day of the charge are withdrawn.

        :return: the parts of which nobody was told, and those of them whose notices leave just now
        """
        parts = self.part_ids
        (parts & parts._newly_left())._note_left()
        unheard = parts.filtered(lambda part: part._has_notice_in_vain(today))
        taken = unheard.notice_message_id._paylink_take_back()
        leaving = unheard.filtered(lambda part: part.notice_message_id - taken)
        (unheard - leaving).filtered(lambda part: part.charge_on <= today)._forget_notice()
        return unheard, leaving

    def _next_to_charge(self, left):
        """The first part that is open, if it is one of those that may be charged: later than the one with whose payment
        that was agreed on, neither asked for nor tried yet, and no more than agreed.
        """
        part = self._open_parts(left)[:1]
        since = self.consent_transaction_id.paylink_id.plan_part_id.number
        is_later = since and part.number > since
        has_rest = self.currency_id.compare_amounts(left - part.amount_after, part.amount) > 0
        return part if is_later and not has_rest and part._may_be_charged() else part.browse()

    def _announce(self, part, left, today):
        """Tell the customer what will be charged, and when. What was announced of it before holds no more, nor what was
        of later parts as long as this one was paid.

        :return: whether that is possible
        """
        amount, day = self.currency_id.round(left - part.amount_after), max(part.date_due, today + NOTICE)
        self.part_ids.filtered(lambda other: other.number >= part.number)._forget_notice()
        part.write({"charge_on": day, "announced_amount": amount})
        mail = self.link_id._mail_plan(
            "mail_template_plan_charge",
            "plan_charge_told",
            emails=self._notice_emails(),
            layout="paylink_addon.mail_layout_plan_charge",
        )
        if not mail:
            part._forget_notice()
            return False
        part.notice_message_id = mail.mail_message_id
        return True

    def _notice_emails(self):
        """Where notices go: to whose method it is; else to where the link was sent."""
        own = ", ".join(usable_emails(self.token_id.partner_id.email))
        return own or self.link_id._receipt_addresses()

    # === WHAT PEOPLE READ === #

    def _notice_values(self):
        """What the e-mail says of the part that was announced, in the language of the context."""
        part, token = self.part_ids.filtered("charge_on")[-1:], self.token_id
        is_to_owner = bool(usable_emails(token.partner_id.email))
        return {
            "day": format_date(self.env, part.charge_on),
            "amount": self.link_id._amount_text(part.announced_amount),
            "title": part._title(),
            "method": token.display_name if is_to_owner else token._paylink_public_name(),
        }

    def _page_charge_values(self, running):
        """What the page says of how the later parts are paid, in the language of the context.

        :param running: the next part
        """
        # Which one it is, its owner knows: others may have the address of the page.
        is_charged = self._may_charge(self.token_id)
        charged_to = self.token_id._paylink_public_name() if is_charged else self._awaited_text()
        return {
            "charged_to": charged_to,
            "may_agree": bool(not charged_to and running.amount_after and self.link_id._can_store()),
        }
