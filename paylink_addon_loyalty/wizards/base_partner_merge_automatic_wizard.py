from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _merge_loyalty_cards(self, src_partners, dst_partner):
        """Odoo puts the points into one wallet and archives the others: what filled them is in that one now.

        A refund or chargeback takes from the wallet that its payment went into.
        """
        Card = self.env["loyalty.card"].sudo()
        cards = Card.search([("partner_id", "in", src_partners.ids)])
        result = super()._merge_loyalty_cards(src_partners, dst_partner)
        for program, emptied in cards.filtered(lambda card: not card.active).grouped("program_id").items():
            kept = Card.search([("partner_id", "=", dst_partner.id), ("program_id", "=", program.id)], limit=1)
            emptied.history_ids.card_id = kept
        return result
