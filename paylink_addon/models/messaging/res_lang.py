from odoo import api, models

from ...tools.texts import said


class ResLang(models.Model):
    _inherit = "res.lang"

    @api.model
    def _paylink_nearest(self, *wanted):
        """The first of these languages that is installed, or that has a relative which is: French of France for that
        of Canada.

        :param wanted: codes as browsers, addresses and records give them (anything, or nothing), the best first
        :return: the code of an installed language, or ``None``
        """
        installed = [code for code, _name in self.get_installed()]
        for code in filter(None, wanted):
            code = code.replace("-", "_")  # noqa: PLW2901
            language = code.partition("_")[0].lower()
            relatives = [found for found in installed if found.partition("_")[0] == language]
            if relatives:
                return code if code in relatives else relatives[0]
        return None

    @api.model
    def _paylink_direction(self, lang):
        """From which side ``lang`` (a code) is read, as HTML says it: ``ltr`` or ``rtl``."""
        return self._get_data(code=lang).direction or "ltr"

    @api.model
    def _paylink_known(self):
        """All languages, those that were given up as well, as ``(code, name)``, each named in itself."""
        known = self.sudo().with_context(active_test=False).search_fetch([], ["code", "name"])
        return [(lang.code, lang.name.rpartition(" / ")[2]) for lang in known]

    @api.model
    def _paylink_translations(self, text):
        """``text`` in each installed language, as names have to be that everybody reads, whoever has them made.

        :param text: see :func:`~..tools.texts.said`
        :return: what ``update_field_translations`` takes
        """
        return {code: said(text, self.with_context(lang=code).env) for code, _name in self.get_installed()}

    @api.model
    def _paylink_spoken(self, lang):
        """The language to do something in for who has ``lang``: the nearest, where that was given up. Who has none
        still has none.
        """
        return lang and (self._paylink_nearest(lang, self.env.lang) or "en_US")

    def write(self, vals):
        """Requests in a language that is given up go on in another one: whoever asks Odoo for it gets an error."""
        result = super().write(vals)
        if "active" in vals and not vals["active"]:
            self._paylink_give_up()
        return result

    def _paylink_give_up(self):
        """Customers' requests in these languages are in that of their customer from now on, else in our own."""
        for name in self.env.registry.descendants(["paylink.request.mixin"], "_inherit"):
            Request = self.env[name].sudo()
            if Request._abstract:
                continue
            for partner, requests in (
                Request.search([("lang", "in", self.mapped("code"))]).grouped("partner_id").items()
            ):
                requests.lang = partner._paylink_lang(requests[0].lang)
