from ..common import PaylinkCommon


class CardCommon(PaylinkCommon):
    """Requests to store a card, and what customers do with them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.template = cls.env.ref("paylink_addon.paylink_card_template_existing")
        cls.update_template = cls.env.ref("paylink_addon.paylink_card_template_update")
        cls.new_template = cls.env.ref("paylink_addon.paylink_card_template_new")

    @classmethod
    def _card_request(cls, partner=None, issue=True, **values):
        """A request, issued unless said otherwise."""
        values = {"partner_id": (partner or cls.marie).id, "template_id": cls.template.id, **values}
        request = cls.env["paylink.card.request"].create(values)
        if issue:
            request._issue()
        return request

    @classmethod
    def _new_request(cls, email="ada@example.com", **values):
        """A request to somebody who is no customer yet."""
        values = {"partner_id": False, "template_id": cls.new_template.id, "email": email, "lang": "fr_FR", **values}
        request = cls.env["paylink.card.request"].create(values)
        request._issue()
        return request

    @classmethod
    def _stored_by_newcomer(cls, request=None, **person):
        """What a new customer has stored, who says that they are ``person``."""
        request = request or cls._new_request()
        person = {"given_name": "Ada Martin", "given_email": "ada@example.com"} | person
        return cls._store_card(request, person=person).token_id

    @classmethod
    def _start_storing(cls, request, person=None, **values):
        """The customer agrees, and wants to store a method: the transaction, as the page makes it."""
        own = request.sudo().with_context(lang=request.lang)
        own._agree("192.0.2.7", person)
        prepared = own._start_attempt(cls.provider.id, cls.payment_method_id)
        custom = prepared.pop("custom_create_values")
        prepared.pop("is_validation")
        Transaction = cls.env["payment.transaction"].sudo()
        return Transaction.create(
            {
                **prepared,
                **custom,
                "amount": 0,
                "currency_id": cls.company.currency_id.id,
                "operation": "validation",
                "tokenize": True,
                "reference": Transaction._compute_reference(cls.provider.code, prefix=request.name),
                **values,
            }
        )

    @classmethod
    def _store_card(cls, request, state="done", person=None):
        """The customer agrees, and Odoo's demo provider stores a card (or not: ``state``)."""
        transaction = cls._start_storing(request, person)
        transaction._process(
            "demo",
            {"reference": transaction.reference, "payment_details": "1234", "simulated_state": state},
        )
        return transaction
