"""Stage of ``paylink.link``: payments that take days: while they run, and when they fail."""

from functools import partial

from odoo import api, models
from odoo.tools import format_amount

from ...const import Task
from ...tools.texts import said


class PaylinkLinkRunning(models.Model):
    """The customer has done what there was to do: the page says so, whatever becomes of the link meanwhile, and a debit
    that fails days later is told of.
    """

    _inherit = "paylink.link"

    # === WHILE THEY RUN === #

    def _running(self):
        """The payments by this link that may still bring money, whatever has become of the link meanwhile."""
        return self.transaction_ids._paylink_attempts()._paylink_in_flight()

    def _running_text(self):
        """What the customer has to know of a payment that runs on although the link has ended, or ``False``."""
        if self._is_live():
            return False
        facts = {
            "amount": self._amount_text(sum(self._running().mapped("amount"))),
            "company": self.company_id.name,
        }
        if self.state == "cancelled":
            return self.env._(
                "This link was canceled in the meantime. Your payment of %(amount)s goes on: if it arrives, it counts "
                "for what this link was for. If it fails, nothing is due through this link.",
                **facts,
            )
        if self.settled_elsewhere:
            return self.env._(
                "This has been settled in another way in the meantime. Your payment of %(amount)s goes on: if it "
                "arrives, %(company)s keeps it for you or pays it back. If it fails, you have nothing to pay here.",
                **facts,
            )
        return self.env._(
            "This link has expired in the meantime. Your payment of %(amount)s goes on: if it arrives, you have "
            "nothing more to do. If it fails, you can ask for a new link on this page.",
            **facts,
        )

    # === WHEN THEY FAIL === #
    # It is told where the state changes, in the same database transaction: so once, however often it is reported.

    @api.model
    def _failure_steps(self):
        """What follows from such a failure: methods of ``transactions``, see :meth:`_run_steps`."""
        return [self._message_failure, self._give_failure_task]

    def _asking_link(self):
        """The link by which what is due of this one can be paid, or a new one be asked for; none, where nothing is due
        by it anymore.
        """
        self.ensure_one()
        if successor := self._live_successor():
            return successor
        is_over = self.state == "cancelled" or self._due_amounts()[self.id] <= 0
        return self.browse() if is_over else self

    @api.model
    def _message_failure(self, transaction):
        """Write to the customer: by e-mail, and by SMS if the link was sent by SMS.

        :return: whether there was a way to
        """
        link, messages = transaction.paylink_id._asking_link(), []
        if not link:
            return False
        emails, told = link._receipt_addresses(), link.with_context(lang=link.lang)
        template = self.env.ref(f"paylink_addon.{link._failure_template(transaction)}", raise_if_not_found=False)
        if template and emails:
            messages += told._create_emails(
                told._prepare_emails(
                    template.sudo().with_context(lang=link.lang),
                    email_to={link.id: emails},
                    layout="paylink_addon.mail_layout_failure",
                    event="failure_told",
                    transactions={link.id: transaction},
                )
            )
        sms = self.env.ref("paylink_addon.sms_template_failure", raise_if_not_found=False)
        if sms and link.send_sms and link.phone:
            text = sms.sudo().with_context(lang=link.lang)._render_field("body", link.ids)
            messages += told._create_sms(text, event="failure_told")
        return bool(messages)

    @api.model
    def _failure_template(self, _transaction):
        """Hook: the name of the ``mail.template`` that tells the customer of it."""
        return "mail_template_failure"

    @api.model
    def _give_failure_task(self, transaction):
        """Somebody looks after it, once, unless nothing is due anymore."""
        link = transaction.paylink_id
        if link._due_amounts()[link.id] > 0:
            texts = partial(link._failure_texts, transaction)
            link._give_task(Task.PAYMENT_FAILED, texts, about=transaction, ever=True)

    def _failure_texts(self, transaction, env):
        asking = self._asking_link()
        facts = {
            "amount": format_amount(env, transaction.amount, transaction.currency_id),
            "partner": self.partner_id.display_name,
            "name": self.name,
            "reason": said(transaction._paylink_last_reason(), env) or env._("The provider gave no reason."),
        }
        if not asking:
            next_step = env._("The link was canceled, so the customer has not been told: ask for the payment again.")
        elif not asking._receipt_channel():
            next_step = env._("The customer has no address and could not be told: call them.")
        elif asking._is_live():
            next_step = env._("The customer has been told, and can pay by %(link)s.", link=asking.name)
        else:
            next_step = env._("The customer has been told. The link has expired: send a new one.")
        return env._("A payment of %(amount)s has failed", **facts), env._(
            "%(partner)s had paid %(amount)s by %(name)s, and the payment was in progress. It failed. %(reason)s "
            "%(next_step)s",
            next_step=next_step,
            **facts,
        )
