from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import clean_context

from ...models.messaging.res_partner import ACCEPTED_CODES, BAD_STATES
from ...tools.address_checks import check_email, check_phone
from ...tools.addresses import usable_emails
from ...tools.hooks import named_hook
from ...tools.locks import hold


class Reach(NamedTuple):
    """How somebody is reached by the channels that were chosen.

    ``by_email``, ``by_sms``: what works; ``problem``: why nothing does; ``left_out``: which channel does not and why,
    where the other one does.
    """

    by_email: bool
    by_sms: bool
    problem: str | bool
    left_out: str | bool


class PaylinkSendMixin(models.AbstractModel):
    """A dialog that writes to customers about selected records: which ones, whether the user may, and only once.

    A client sends no more of them than their ids: they are read again, and the right to them checked, each time.
    """

    _name = "paylink.send.mixin"
    _inherit = ["paylink.dialog.mixin", "paylink.server.mixin"]
    _description = "Dialog that Writes to Customers"

    # Of the dialog's window; Odoo's usual one is "large".
    _dialog_size = "extra-large"
    # So many records can be done while the user waits; ``None``: as many as lists hand over.
    _most = None

    source_model = fields.Char()
    source_ids = fields.Json()
    is_sent = fields.Boolean(readonly=True)

    @api.model
    def default_get(self, fields_list):
        """Take the records from ``active_model`` and ``active_ids``."""
        values = super().default_get(fields_list)
        context = self.env.context
        if "source_ids" in fields_list and context.get("active_model") in self._source_models():
            ids = context.get("active_ids") or [context.get("active_id")]
            values |= {"source_model": context["active_model"], "source_ids": [id_ for id_ in ids if id_]}
        return values

    @api.model
    def _action_open(self, records):
        """The action that opens the dialog on ``records``, for who may send by it and read them."""
        self.check_access("create")
        self._check_count(records, self._most)
        records.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(f"paylink_addon.{self._table}_action")
        context = {"active_model": records._name, "active_ids": records.ids, "dialog_size": self._dialog_size}
        return action | {"context": context}

    # === SOURCES === #

    @api.model
    def _source_models(self):
        """Hook: the models whose records can be selected."""
        return []

    def _sources(self):
        """The selected records, once the user's right to read them is checked; of no dialog, none."""
        if not self.env.user.has_group("paylink_addon.group_paylink_user"):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        models_ = self._source_models()
        if not self or self.source_model not in models_:
            return self.env[models_[0]]
        ids = self.source_ids if isinstance(self.source_ids, list) else []
        records = self.env[self.source_model].browse(id_ for id_ in ids if isinstance(id_, int)).exists()
        records.check_access("read")
        return records

    @api.model
    def _of_source(self, hook, sources, *args):
        """What the hook of the model of ``sources`` answers: ``_<hook>_<model>``, or ``_<hook>_general``."""
        return named_hook(self, hook, sources._name)(sources, *args)

    # === WHO IS REACHED === #
    # All dialogs say the same of the same address.

    @api.model
    def _reach(self, partner, email, phone, send_email, send_sms):
        """How a customer is reached at these addresses.

        :rtype: Reach
        """
        requests = self.env["paylink.sending.mixin"]
        not_by_email = send_email and requests._recipient_problem(partner, email, False, True, False)
        not_by_sms = send_sms and requests._recipient_problem(partner, False, phone, False, True)
        by_email, by_sms = bool(send_email and not not_by_email), bool(send_sms and not not_by_sms)
        left_out = False
        if by_sms and not_by_email:
            left_out = self.env._("Not sent by e-mail. %(reason)s", reason=not_by_email)
        elif by_email and not_by_sms:
            left_out = self.env._("Not sent by SMS. %(reason)s", reason=not_by_sms)
        problem = not (by_email or by_sms) and (not_by_email or not_by_sms)
        return Reach(by_email, by_sms, problem, left_out)

    @api.model
    def _doubts(self, reach, partner, email, phone, unwanted):
        """What speaks against addresses that can be tried, as a list of texts.

        :param reach: how the customer is reached at these, see :meth:`_reach`
        :param unwanted: addresses on the blacklist, see :meth:`_unwanted_emails`
        """
        doubts = self._email_doubts(partner, email, unwanted) if reach.by_email else []
        return doubts + (self._phone_doubts(partner, phone) if reach.by_sms else [])

    @api.model
    def _email_doubts(self, partner, email, unwanted):
        """What speaks against an address that can be tried: what the sign on the contact says, and the blacklist."""
        texts = [
            self.env._("%(email)s is on the list of those who want no e-mail.", email=address)
            for address in usable_emails(email)
            if address in unwanted
        ]
        if warning := self.env["paylink.sending.mixin"]._recipient_warning(partner, email, True):
            texts.append(warning)
        verdict = check_email(email)
        if verdict and verdict.state in ("doubtful", "invalid"):
            reason = self.env["res.partner"]._paylink_reason(verdict)
            texts.append(self.env._("%(email)s: %(reason)s", email=email, reason=reason))
        return texts

    @api.model
    def _phone_doubts(self, partner, phone):
        country = self.env["paylink.sending.mixin"]._phone_country(partner)
        verdict = check_phone(phone, country.code or None)
        is_bad = verdict and verdict.state in BAD_STATES and verdict.code not in ACCEPTED_CODES
        return [self.env["res.partner"]._paylink_reason(verdict)] if is_bad else []

    @api.model
    def _unwanted_emails(self, texts):
        """The addresses in ``texts`` whose owners want no e-mail: one query, however many."""
        emails = {address for text in texts for address in usable_emails(text)}
        found = self.env["mail.blacklist"].sudo().search_fetch([("email", "in", list(emails))], ["email"])
        return set(found.mapped("email"))

    # === ONCE === #

    def _send_once(self):
        """Send, unless it is done: who waited for a first click that was at work is run again, to find that it is."""
        self.ensure_one()
        # Defaults of the client's context are none of what is made here, some of it in sudo mode.
        dialog = self.with_context(clean_context(self.env.context))
        if not self.is_sent:
            dialog._send_ahead()
        if self._hold_unsent():
            dialog._send()
            self.sudo().is_sent = True

    def _hold_unsent(self):
        """Hold the dialog, until something commits.

        :return: whether it is still to be sent
        """
        self.flush_recordset(["is_sent"])
        hold(self)
        self.invalidate_recordset(["is_sent"])
        return not self.is_sent

    def _send_ahead(self):
        """Hook: do what may commit before all is sent, at once, by a dialog that is held: make PDFs."""

    def _send(self):
        """Hook: check what is to be sent, and send it."""
        raise NotImplementedError
