from odoo import Command, fields

from ..common import PaylinkCommon


class DepositCommon(PaylinkCommon):
    """Orders of one service, and short ways to ask for deposits on them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids += cls.env.ref("sales_team.group_sale_manager")
        cls.product = cls.env["product.product"].create(
            {"name": "Kitchen", "type": "service", "invoice_policy": "order", "list_price": 1000, "taxes_id": []}
        )
        cls.company.prepayment_percent = 1.0
        cls.env["ir.config_parameter"].set_param("sale.automatic_invoice", "False")

    @classmethod
    def _order(cls, total=1000.0, partner=None, prepayment=0.3, taxes=None, **values):
        """A quotation with Odoo's prepayment rule (a share; 0 asks for no payment)."""
        return cls.env["sale.order"].create(
            {
                "partner_id": (partner or cls.marie).id,
                "require_signature": False,
                "require_payment": bool(prepayment),
                "prepayment_percent": prepayment or 1.0,
                "order_line": [
                    Command.create({"product_id": cls.product.id, "price_unit": total, "tax_ids": taxes or []})
                ],
                **values,
            }
        )

    @classmethod
    def _deposit(cls, order, amount, **values):
        """An issued deposit link."""
        link = cls.env["paylink.link"]._create_deposits([{"sale_order_id": order.id, "amount": amount, **values}])
        link._issue()
        return link

    @classmethod
    def _final_invoice(cls, order):
        invoice = order._create_invoices(final=True)
        invoice.action_post()
        return invoice

    @classmethod
    def _automatic_invoices(cls):
        cls.env["ir.config_parameter"].set_param("sale.automatic_invoice", "True")

    def _lines(self, move):
        """The journal items of an entry as ``(account type, balance)``, sorted."""
        return sorted((line.account_id.account_type, line.balance) for line in move.line_ids if line.balance)

    def _wizard(self, orders, **values):
        return self.env["paylink.send"].with_context(active_model="sale.order", active_ids=orders.ids).create(values)

    def _yesterday(self):
        return fields.Date.subtract(fields.Date.today(), days=1)
