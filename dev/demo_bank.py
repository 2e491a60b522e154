"""Bank lines of the demo company: one that found its link, some that wait for a decision."""

from odoo import fields


def make_bank(env, customers):
    """Let the bank show transfers: with our reference, with the number of an invoice, with nothing but a name."""
    env = env(user=env.ref("base.user_admin"))
    roux, marie, parc, _karim, _janssens, peeters, *_others = customers.with_env(env)
    links = env["paylink.link"].create(
        [{"partner_id": customer.id, "amount": amount} for customer, amount in ((parc, 120.0), (roux, 85.0))]
    )
    links._issue()
    open_invoices = env["account.move"].search(
        [
            ("partner_id", "in", (marie | peeters).ids),
            ("payment_state", "=", "not_paid"),
            ("move_type", "=", "out_invoice"),
            ("state", "=", "posted"),
        ]
    )
    rows = [(f"VIR SEPA {link.transfer_reference}", link.amount, link.partner_id.name) for link in links]
    rows += [(f"VIR {invoice.name}", invoice.amount_residual, False) for invoice in open_invoices]
    rows += [("VIREMENT", invoice.amount_residual, invoice.partner_id.name) for invoice in open_invoices]
    bank = env["account.journal"].search([("type", "=", "bank"), ("company_id", "=", env.company.id)], limit=1)
    env["account.bank.statement.line"].sudo().create(
        [
            {
                "journal_id": bank.id,
                "date": fields.Date.today(),
                "payment_ref": label,
                "amount": amount,
                "partner_name": name,
            }
            for label, amount, name in rows
        ]
    )
