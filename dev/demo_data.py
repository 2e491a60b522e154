"""The demo company and what it sells; runs inside Odoo, in French.

Every name, number and address is fictional: phone numbers from the ranges kept for films, e-mails in a domain
that the Internet does not have.
"""

import base64
import io
from datetime import timedelta

from odoo import Command, fields
from PIL import Image, ImageDraw, ImageFont

from .demo_answers import make_answers
from .demo_bank import make_bank
from .demo_cards import make_cards
from .demo_deposits import make_deposits
from .demo_links import make_links
from .demo_reminders import make_reminders

COLOUR = "#7a4a21"
COMPANY = {
    "name": "Menuiserie Lambert SARL",
    "street": "12 rue des Tables-Claudiennes",
    "zip": "69001",
    "city": "Lyon",
    "vat": "FR23334175221",
    "company_registry": "33417522101010",
    "phone": "+33 4 65 71 12 34",
    "email": "compta@menuiserie-lambert.demo",
    "website": "https://menuiserie-lambert.demo",
    "primary_color": COLOUR,
    "secondary_color": "#c8a27a",
    "qr_code": True,
}
IBAN = "FR76 3000 6000 0112 3456 7890 189"
BIC = "DEMOFRPPXXX"

# name, country, language, phone, e-mail, street, postcode, city
CUSTOMERS = [
    ("Boulangerie Roux", "fr", "fr_FR", "+33 6 39 98 01 01", "info@roux.demo", "3 place Bellecour", "69002", "Lyon"),
    ("Marie Dubois", "fr", "fr_FR", "+33 6 39 98 01 02", "marie@dubois.demo", "8 rue Mercière", "69002", "Lyon"),
    ("Hôtel du Parc", "fr", "fr_FR", "+33 4 65 71 56 78", "compta@parc.demo", "1 quai Perrache", "69002", "Lyon"),
    ("Karim Benali", "fr", "fr_FR", "+33 6 39 98 01 03", "", "21 rue Victor-Hugo", "38000", "Grenoble"),
    ("Atelier Janssens", "be", "fr_FR", "+32 470 12 34 56", "info@janssens.demo", "5 rue Haute", "1000", "Bruxelles"),
    ("Sofie Peeters", "be", "en_US", "+32 475 65 43 21", "sofie@peeters.demo", "14 Veldstraat", "9000", "Gent"),
    ("Érablière Roy", "ca", "fr_FR", "+1 418 555 0142", "info@roy.demo", "90 rue Saint-Jean", "G1R 1P7", "Québec"),
    ("Olivia Clarke", "ca", "en_US", "+1 514 555 0118", "olivia@clarke.demo", "2 Sherbrooke St", "H2X 1X3", "Montréal"),
]
PRODUCTS = [("Escalier en chêne sur mesure", 4200.0), ("Fenêtre double vitrage", 680.0), ("Pose, à l'heure", 55.0)]

# customer, ((product, quantity), …), days since the invoice, payment term
INVOICES = [
    (0, ((1, 4), (2, 12)), 75, "30 jours"),
    (0, ((2, 8),), 40, "30 jours"),
    (0, ((1, 1),), 5, "30 jours"),
    (1, ((0, 1),), 35, "3 fois"),
    (1, ((2, 3),), 2, "30 jours"),
    (2, ((1, 12), (2, 40)), 3, "2 % à 10 jours"),
    (2, ((1, 2),), 95, "30 jours"),
    (3, ((2, 6),), 20, "Comptant"),
    (4, ((0, 1), (2, 20)), 10, "3 fois"),
    (5, ((1, 3),), 50, "30 jours"),
    (6, ((0, 2),), 8, "2 % à 10 jours"),
    (7, ((1, 5), (2, 10)), 33, "30 jours"),
]


def make(env):
    """Fill a database that has just been made with the demo company's data."""
    keep_messages_here(env)
    company = make_company(env)
    env = env(context={**env.context, "lang": "fr_FR", "allowed_company_ids": company.ids})
    enable_payments(env, company)
    company._paylink_set_up_wallet()
    customers = make_customers(env)
    invoices = make_invoices(env, customers)
    make_links(env, customers, invoices)
    make_deposits(env, customers)
    make_reminders(env, customers)
    make_cards(env, customers)
    make_bank(env, customers)
    make_answers(env, customers)


def keep_messages_here(env):
    """Let e-mails and SMS wait in their queues for ever, where one can read them."""
    settings = env["ir.config_parameter"]
    # Above this number of recipients Odoo queues what it would otherwise send at once.
    settings.set_param("mail.mail.force.send.limit", "0")
    # SMS and other bought services: nobody answers there.
    settings.set_param("iap.endpoint", "http://127.0.0.1:9")
    for name in (
        "mail.ir_cron_mail_scheduler_action",
        "sms.ir_cron_sms_scheduler_action",
        "mail.ir_cron_module_update_notification",
    ):
        env.ref(name).active = False


def make_company(env):
    """Turn the first company into ours: French, with the French chart and a bank account."""
    company = env.ref("base.main_company")
    country = env.ref("base.fr")
    company.write({**COMPANY, "country_id": country.id, "currency_id": env.ref("base.EUR").id, "logo": logo()})
    company.currency_id.active = True
    company.partner_id.write({"lang": "fr_FR", "tz": "Europe/Paris"})
    env["ir.default"].set("res.partner", "lang", "fr_FR")
    admin = env.ref("base.user_admin")
    admin.write({"lang": "fr_FR", "tz": "Europe/Paris", "email": COMPANY["email"], "name": "Camille Lambert"})
    env["account.chart.template"].try_loading("fr", company)
    journal = bank_journal(env, company)
    bank = env["res.bank"].create({"name": "Banque de démonstration", "bic": BIC, "country": company.country_id.id})
    journal.set_bank_account(IBAN, bank.id)
    journal.bank_account_id.write({"acc_holder_name": COMPANY["name"], "allow_out_payment": True})
    return company


def logo():
    """A PNG with the company's initials, base64."""
    size = 256
    image = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((8, 8, size - 8, size - 8), radius=48, fill=COLOUR)
    draw.text((size / 2, size / 2), "ML", font=ImageFont.load_default(120), fill="white", anchor="mm")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue())


def bank_journal(env, company):
    """The company's bank journal."""
    return env["account.journal"].search([("type", "=", "bank"), ("company_id", "=", company.id)], limit=1)


def enable_payments(env, company):
    """Odoo's demo provider in test mode; what it takes is posted in the bank journal."""
    provider = env.ref("payment.payment_provider_demo")
    provider.write({"state": "test", "is_published": True, "company_id": company.id})
    provider.journal_id = bank_journal(env, company)


def make_customers(env):
    """Customers in three countries and two languages, one without e-mail, one with a landline."""
    names = ("name", "country_id", "lang", "phone", "email", "street", "zip", "city")
    rows = [dict(zip(names, row, strict=True)) for row in CUSTOMERS]
    for row in rows:
        row["country_id"] = env.ref(f"base.{row['country_id']}").id
        row["is_company"] = row["name"].split()[0] in {"Boulangerie", "Hôtel", "Atelier", "Érablière"}
    return env["res.partner"].create(rows)


def make_terms(env):
    """Payment terms by name: at once, 30 days, three installments, early-payment discount."""
    third = {"value": "percent", "value_amount": 33.33}
    last = {"value": "percent", "value_amount": 33.34}
    lines = {
        "Comptant": [{"value": "percent", "value_amount": 100, "nb_days": 0}],
        "30 jours": [{"value": "percent", "value_amount": 100, "nb_days": 30}],
        "3 fois": [{**third, "nb_days": 0}, {**third, "nb_days": 30}, {**last, "nb_days": 60}],
        "2 % à 10 jours": [{"value": "percent", "value_amount": 100, "nb_days": 30}],
    }
    discounts = {"2 % à 10 jours": {"early_discount": True, "discount_percentage": 2, "discount_days": 10}}
    return {
        name: env["account.payment.term"].create(
            {"name": name, "line_ids": [Command.create(line) for line in parts], **discounts.get(name, {})}
        )
        for name, parts in lines.items()
    }


def make_invoices(env, customers):
    """Posted customer invoices (some overdue) and one credit note."""
    terms = make_terms(env)
    products = env["product.product"].create(
        [{"name": name, "list_price": price, "type": "service"} for name, price in PRODUCTS]
    )
    invoices = env["account.move"].create(
        [
            {
                "move_type": "out_invoice",
                "partner_id": customers[customer].id,
                "invoice_date": fields.Date.today() - timedelta(days=age),
                "invoice_payment_term_id": terms[term].id,
                "invoice_line_ids": [
                    Command.create({"product_id": products[product].id, "quantity": quantity})
                    for product, quantity in lines
                ],
            }
            for customer, lines, age, term in sorted(INVOICES, key=lambda row: -row[2])
        ]
    )
    invoices.action_post()
    return invoices | make_credit_note(env, customers[0], products[2])


def make_credit_note(env, customer, product):
    """Two hours of work credited to ``customer``."""
    note = env["account.move"].create(
        {
            "move_type": "out_refund",
            "partner_id": customer.id,
            "invoice_date": fields.Date.today() - timedelta(days=1),
            "invoice_line_ids": [Command.create({"product_id": product.id, "quantity": 2})],
        }
    )
    note.action_post()
    return note
