import re

from .card_common import CardCommon


class OpenCommon(CardCommon):
    """A page with an address of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._user("open-manager", "paylink_addon.group_payment_manager")
        cls.page = cls.env["paylink.card.template"].create(
            {
                "name": "Site",
                "kind": "generic",
                "company_id": cls.company.id,
                "user_id": cls.manager.id,
                "title": "Store it",
                "consent": "I authorize {company}.",
            }
        )
        for name in ("title", "consent"):
            cls.page.with_context(lang="fr_FR")[name] = f"[fr] {cls.page[name]}"

    def _mails(self):
        return self.env["mail.mail"].search([("subject", "like", "code"), ("model", "=", False)], order="id")

    def _code(self):
        """The code in the last e-mail."""
        return re.search(r">(\d{6})<", self._mails()[-1].body_html)[1]

    def _things(self):
        """How many there are of what a stranger must not make."""
        return [
            self.env[name].sudo().with_context(active_test=False).search_count([])
            for name in ("res.partner", "paylink.card.request", "sms.sms", "mail.message")
        ]
