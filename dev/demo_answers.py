"""What customers of the demo company have answered on the pages of their links."""

from datetime import timedelta
from io import BytesIO

from odoo import Command, fields
from werkzeug.datastructures import FileStorage, MultiDict

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"


def make_answers(env, customers):
    """Let customers say when they will pay, and in which parts, that something is wrong, and call in an accountant."""
    env = env(user=env.ref("base.user_admin"))
    roux, marie, parc, _karim, _janssens, _peeters, roy, _clarke = customers.with_env(env)
    link = _asked(env, roux, 340.0, "Pose de la vitrine")
    day = fields.Date.today() + timedelta(days=8)
    link._answer_in_turn("promise", MultiDict({"date": str(day)}))
    photo = FileStorage(BytesIO(PDF), filename="rayure.pdf")
    said = {"reason": "other", "note": "La poignée est rayée, voyez la photo.", "file": photo}
    _asked(env, marie, 180.0, "Poignées de porte")._answer_in_turn("objection", MultiDict(said))
    said = {"email": "cabinet@expert-comptable.demo", "lang": "fr_FR"}
    _asked(env, parc, 95.0, "Réglage des fenêtres")._answer_in_turn("forward", MultiDict(said))
    env.company.write({"paylink_plan_parts": 4, "paylink_plan_least": 50})
    _in_parts(env, roux, 600, "Réfection du comptoir")
    _charge_later(_in_parts(env, roy, 450, "Porte coulissante"), roy)


def _asked(env, partner, amount, reference):
    link = env["paylink.link"].create({"partner_id": partner.id, "amount": amount, "reference": reference})
    link._issue()
    return link.sudo()


def _in_parts(env, customer, amount, work):
    """A customer pays an invoice in parts: the link whose page shows them."""
    invoice = env["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": customer.id,
            "invoice_date": fields.Date.today(),
            "invoice_line_ids": [Command.create({"name": work, "price_unit": amount, "tax_ids": []})],
        }
    )
    invoice.action_post()
    link = env["paylink.link"]._create_for_items([({}, invoice._paylink_open_items())], partner_id=customer.id).sudo()
    link._issue()
    link._answer_in_turn("plan", MultiDict({"plan": link._plan_offers()[1].key}))
    return link


def _charge_later(link, customer):
    """The first part is paid with a stored card, and the customer agrees that the later ones are charged to it."""
    part, token = link._link_of_plan("next"), customer.paylink_token_id.sudo()
    values = part._start_attempt(part._payable_amount(), token.provider_id.id, None, token.id, customer)
    values |= values.pop("custom_create_values") | {"payment_method_id": token.payment_method_id.id}
    reference = link.env["payment.transaction"]._compute_reference("demo", prefix=part.name)
    values |= {"operation": "online_token", "reference": reference, "paylink_for_later": True}
    transaction = link.env["payment.transaction"].sudo().create(values)
    transaction._set_done()
    transaction._post_process()
