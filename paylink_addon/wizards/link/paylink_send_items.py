"""Stage of ``paylink.send``: what is open with customers: which items each link asks for."""

from odoo import api, models


class PaylinkSendItems(models.TransientModel):
    """The kind *open items*: of invoices in installments what is due now, or all."""

    _inherit = "paylink.send"

    def _is_free_open_items(self):
        return False

    def _groups_open_items(self):
        """The items of each link to make, in sudo mode: of invoices in installments those chosen."""
        groups = self._open_groups()
        if self.scope == "all" or not self._of_source("in_installments", self._sources()):
            return groups
        return {key: self._due_now(group) for key, group in groups.items()}

    @api.model
    def _due_now(self, items):
        """Those of the items of one link that are due now; few invoices are in installments."""
        if len(items.move_id) == len(items):
            return items
        return items._paylink_due_now(items._paylink_due())[0]

    def _open_groups(self):
        """The open items of each link: one per company, currency and customer (and document). In sudo mode."""
        items = self._of_source("items", self._sources())
        items -= items._paylink_in_flight()
        per_document = self.grouping == "document"
        return items.grouped(
            lambda item: "-".join(
                map(
                    str,
                    (
                        item.company_id.id,
                        item.currency_id.id,
                        item.partner_id.commercial_partner_id.id,
                        item.move_id.id if per_document else 0,
                    ),
                )
            )
        )

    def _lines_open_items(self, groups):
        """What can be asked first, then what can't, with the reason."""
        Line = self.env["paylink.send.line"]
        items = self.env["account.move.line"].sudo().union(*groups.values())
        due = items._paylink_due()
        existing = Line._existing_links_open_items(groups)
        labels, later = items._paylink_labels(), self._later_amounts(items)
        values = [
            self._group_values(group, sum(due[item.id] for item in group), labels)
            | {"key": key, "amount_later": later.get(key, 0.0)}
            | existing[key].line_values()
            for key, group in groups.items()
        ]
        return values + [
            self._partner_values(partner)
            | {
                "key": f"out-{partner.id}-{name}",
                "documents": name,
                "reference": name,
                "company_id": self.env.company.id,
                "currency_id": self.env.company.currency_id.id,
                "blocked": reason,
            }
            for name, partner, reason in self._of_source("left_out", self._sources(), items)
        ]

    def _later_amounts(self, items):
        """How much of each link's installments is due later, asked for or not, by key."""
        if not items._paylink_terms() or not self._of_source("in_installments", self._sources()):
            return {}
        later = {}
        for key, group in self._open_groups().items():
            now = self._due_now(group)
            due = group._paylink_due()
            later[key] = sum(due[item.id] for item in group - now)
        return later

    def _group_values(self, items, amount, labels):
        """The values of the line of one group of items.

        :param float amount: what is due of them
        :param dict labels: how each is called, by its id
        """
        origin = self.env["paylink.send.line"]._group_origin(items)
        nothing = items[:1].currency_id.compare_amounts(amount, 0) <= 0
        names = [labels[item.id] for item in items]
        partner = self._partner_values(self.env["res.partner"].browse(origin["partner_id"]))
        # The customer reads what is asked for: credits go without saying.
        env = self.with_context(lang=partner["lang"]).env
        known_as = [item._paylink_customer_name(labels[item.id], env) for item in items._paylink_owed() or items]
        return (
            partner
            | origin
            | {
                "documents": self._names_text(names),
                "reference": self._names_text(known_as),
                "document_count": len(items.move_id),
                "amount_due": amount,
                "amount": amount,
                "blocked": (nothing and self.env._("Nothing is due: credits cover the invoices."))
                or (not origin["partner_id"] and self.env._("The entry has no customer.")),
            }
        )

    @api.model
    def _names_text(self, names):
        """The first ones, and how many more there are."""
        names = list(dict.fromkeys(names))
        return ", ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")

    def _make_links_open_items(self, lines, groups):
        return self.env["paylink.link"]._create_for_items(
            [(line._link_values(groups[line.key]), groups[line.key]) for line in lines],
            **self._common_values(),
            in_installments=False,  # the sender has chosen
        )
