from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount, format_date

from ..const import DEFAULT_MAX_ATTEMPTS, MAX_ATTEMPTS_PARAMETER


class PaylinkStatementPage(models.Model):
    """What the customer sees and does on its statement. Callers have checked the token; all is in sudo mode."""

    _inherit = "paylink.statement"

    # === WHAT IS SHOWN === #

    def _page_values(self):
        """The values of every page of the statement, in the language of the context."""
        self.ensure_one()
        return {
            "link": None,
            "statement": self,
            "company": self.company_id,
            "base": f"{self._page_path}/{self.access_token}",
        }

    def _page_sections(self, ticked=None):
        """The open items, one section per currency, as a currency is paid at once.

        :param set ticked: ids of the items that the customer had ticked; ``None``: all
        """
        items = self._open_items()[self.id]
        due, labels, busy = items._paylink_due(), items._paylink_labels(), items._paylink_in_flight()
        today = fields.Date.context_today(self)
        discounted = items._paylink_discounted(today)
        sections = []
        for currency, group in items.grouped("currency_id").items():
            rows = [
                self._page_row(item, due[item.id], labels[item.id], item in discounted, item in busy, today, ticked)
                for item in group
            ]
            payable = [item for item in group if item not in busy]
            sections.append(
                {
                    "currency": currency,
                    "rows": rows,
                    "total": format_amount(self.env, sum(due[item.id] for item in group), currency),
                    "payable": currency.compare_amounts(sum(max(due[item.id], 0.0) for item in payable), 0) > 0,
                    "digits": currency.decimal_places,
                }
            )
        return sections

    def _page_row(self, item, amount, label, is_discounted, busy, today, ticked):
        """One open item as the customer reads it."""
        due_on = item.date_maturity or item.date
        return {
            "id": item.id,
            "name": item._paylink_customer_name(label, self.env),
            "date": format_date(self.env, item.date),
            "due": format_date(self.env, due_on) if amount > 0 else False,
            "overdue": amount > 0 and due_on < today,
            "credit": amount < 0,
            "discount": item._paylink_discount_text(self.env) if is_discounted else False,
            "busy": busy,
            "ticked": not busy and (ticked is None or item.id in ticked),
            "amount": format_amount(self.env, amount, item.currency_id),
            "minor": round(amount * 10**item.currency_id.decimal_places),
        }

    # === PAYING === #

    def _pay_link(self, item_ids):
        """The open-items link that asks for exactly these items: the one that does already, else a new one.

        :param set item_ids: what the customer ticked: any integers
        :raises UserError: with a text for the customer
        """
        self.ensure_one()
        self._lock()
        if self.cancelled_at:
            raise UserError(self.env._("This page can't be used any more: ask for a new one."))
        items = self._chosen_items(item_ids)
        return self._same_link(items) or self._new_link(items)

    def _chosen_items(self, item_ids):
        if not item_ids:
            raise UserError(self.env._("Tick what you want to pay."))
        items = self._open_items()[self.id]
        items -= items._paylink_in_flight()
        chosen = items.filtered(lambda item: item.id in item_ids)
        if set(chosen.ids) != item_ids:
            raise UserError(self.env._("Your account has changed meanwhile: look at it again, then pay."))
        if len(chosen.currency_id) > 1:
            raise UserError(self.env._("Pay one currency at a time."))
        if chosen.currency_id.compare_amounts(sum(chosen._paylink_due().values()), 0) <= 0:
            raise UserError(self.env._("Nothing is to be paid: the credits cover what you ticked. Tick more, or less."))
        return chosen

    def _same_link(self, items):
        """The live link of this very customer that asks for all of these items and no others."""
        Link = self.env["paylink.link"]
        fitting = Link._links_to_use_again(Link._live_links_by_items(items))
        return fitting.get((frozenset(items.ids), self.partner_id), Link)

    def _new_link(self, items):
        """Make and issue a link for ``items``; not without end: each can be tried some times."""
        since = fields.Datetime.now() - timedelta(hours=1)
        made = self.env["paylink.link"].search_count([("statement_id", "=", self.id), ("create_date", ">=", since)])
        if made >= self._max_attempts():
            raise UserError(self.env._("Too many attempts: wait an hour, or contact us."))
        link = self.env["paylink.link"]._create_for_items(
            [({}, items)],
            partner_id=self.partner_id.id,
            statement_id=self.id,
            user_id=self.user_id.id,
            email=self.email,
            phone=self.phone,
            lang=self.env.lang or self.lang,
            expires_at=self.company_id._paylink_expires_at(),
        )
        link._issue()
        return link

    def _max_attempts(self):
        parameter = self.env["ir.config_parameter"].get_param(MAX_ATTEMPTS_PARAMETER)
        return int(parameter) if (parameter or "").isdigit() else DEFAULT_MAX_ATTEMPTS
