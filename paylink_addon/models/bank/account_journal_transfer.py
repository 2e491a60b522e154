"""Stage of ``account.journal``: whether customers' transfers come to it, and how many wait for a decision."""

from odoo import models

from .paylink_bank_match import WAITING


class AccountJournal(models.Model):
    _inherit = "account.journal"

    def _paylink_takes_transfers(self):
        """Hook: whether customers' transfers come to this journal: to those of banks.

        A journal that is not a bank's own, such as a provider's, says no.
        """
        return self.type == "bank" and not self.sudo().paylink_balance_id

    # === DASHBOARD === #

    def _fill_bank_cash_dashboard_data(self, dashboard_data):
        """Also what is to be matched, for those who may."""
        result = super()._fill_bank_cash_dashboard_data(dashboard_data)
        for journal, count in self._paylink_count_to_match().items():
            text = self.env._("1 transfer to match")
            if count > 1:
                text = self.env._("%(count)s transfers to match", count=count)
            dashboard_data[journal.id]["paylink_to_match"] = text
        return result

    def _paylink_count_to_match(self):
        """How many lines wait, by journal."""
        Match = self.env["paylink.bank.match"]
        if not Match.has_access("read"):
            return {}
        domain = [("journal_id", "in", self.ids), ("state", "in", WAITING), ("is_reconciled", "=", False)]
        return dict(Match._read_group(domain, ["journal_id"], ["line_id:count_distinct"]))

    def action_paylink_to_match(self):
        """Show them."""
        self.check_access("read")
        self.env["paylink.bank.match"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_bank_match_action")
        return action | {"domain": [("journal_id", "in", self.ids)]}
