from collections import Counter
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.base.models.res_partner import _tz_get

from ...tools import days
from ...tools.web_address import server_address


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_base_url = fields.Char(
        string="Address of the payment pages",
        help="The address that customers see, such as https://pay.example.com. Empty: the address of this server.",
    )
    paylink_tz = fields.Selection(
        _tz_get,
        string="Time zone",
        required=True,
        compute="_compute_paylink_tz",
        store=True,
        readonly=False,
        precompute=True,
        help="Decides which day it is in the books, for reminders and for promises; and for customers whose own time "
        "zone is not known.",
    )

    # === COMPUTE METHODS === #

    @api.depends("partner_id.country_id")
    def _compute_paylink_tz(self):
        """That of the country; what was chosen stays as long as the country has it."""
        for company in self:
            user_tz = self.env.user.tz
            own = days.of_country(company.sudo().partner_id.country_id.code, company.paylink_tz, user_tz)
            company.paylink_tz = own or company.paylink_tz or days.known(user_tz, "Europe/Paris")

    # === CONSTRAINTS === #

    @api.constrains("paylink_base_url")
    def _check_paylink_base_url(self):
        for company in self:
            company._paylink_check_address(company.paylink_base_url)

    @api.model
    def _paylink_check_address(self, url):
        """Refuse an address that customers could not open, or that is none of a server.

        :raises ValidationError: it is such a one
        """
        if url and not server_address(url):
            raise ValidationError(
                self.env._("“%(url)s” is not a web address: write it like https://pay.example.com.", url=url)
            )

    # === BUSINESS METHODS === #

    def _paylink_base_url(self):
        """Where customers find this company's pages: never taken from the request, whose host anyone can forge.

        What was written before it was checked counts as nothing.
        """
        parameter = self.env["ir.config_parameter"].sudo().get_param("web.base.url", "").strip().rstrip("/")
        own = server_address(self.sudo().paylink_base_url)
        return own or (parameter if parameter.lower().startswith(("http://", "https://")) else "")

    # === DAYS === #

    def _paylink_zone(self):
        return days.zone(self.paylink_tz)

    def _paylink_today(self):
        """The day it is for the company: see :mod:`~odoo.addons.paylink_addon.tools.days`."""
        return self._paylink_day(days.now())

    def _paylink_day(self, moment):
        """The day on which a ``moment`` (UTC) falls for the company."""
        return days.day(moment, self.paylink_tz)

    def _paylink_open_day(self, day, journal=None, has_tax=False):
        """The first day, from ``day`` on, that is locked neither for entries nor for who books.

        :param journal: of sales or purchases, whose own locks count, too
        :param bool has_tax: whether the entry counts for a tax report, so that the lock of tax periods counts, too
        """
        while locks := self._get_violated_lock_dates(day, has_tax, journal):
            day = max(lock for lock, _name in locks) + timedelta(days=1)
        return day

    def _paylink_in_books(self, records):
        """``records`` in the environment in which anything that touches the books of this company is done, whoever or
        whatever does it: what Odoo dates itself is of the company's day, what it writes in the company's language, and
        money that has moved is booked on the accounts of what it settles, also where one was archived meanwhile.
        """
        self.ensure_one()
        return records.with_company(self).with_context(
            tz=self.paylink_tz, lang=self._paylink_lang(), skip_account_deprecation_check=True
        )

    # === LANGUAGE === #

    def _paylink_lang(self):
        """The language of the company: of its books, and of what all of its people read of a record.

        That of its own contact; where this has none, as that of the first company in Odoo, that of most of its people.

        :return: ``None``: that of the code
        """
        return self.env["res.lang"]._paylink_nearest(self.sudo().partner_id.lang or self._paylink_common_lang())

    def _paylink_common_lang(self):
        people = self.env["res.users"].sudo().search([("share", "=", False), ("company_ids", "in", self.ids)])
        return next((lang for lang, _count in Counter(filter(None, people.mapped("lang"))).most_common(1)), None)

    def _paylink_in_its_language(self, records):
        """``records`` as what writes texts into entries of this company has to have them.

        The texts (“Early Payment Discount”, “Currency exchange rate difference”…) are then in its language, whoever or
        whatever makes the entry: a webhook, a job, a user who reads another one, the customer's page.
        """
        return records.with_context(lang=self._paylink_lang()) if self else records

    def _paylink_env(self):
        """An environment for texts that stay on record, which whoever opens it reads: the lines of chatters, reasons.

        What is for one person (a task, a notification) is in that one's language instead, what the customer reads in
        the customer's.
        """
        return self._paylink_in_its_language(self).env

    # === PEOPLE === #

    def _paylink_managers(self):
        """The payment managers of this company, who get the tasks that are nobody's in particular; without any an
        administrator.
        """
        self.ensure_one()
        managers = self.env.ref("paylink_addon.group_payment_manager").sudo().all_user_ids
        managers = managers.filtered(lambda user: user.active and not user.share and self in user.company_ids)
        return managers or self._paylink_administrator()

    @api.model
    def _paylink_administrator(self):
        """Who gets the tasks of people who have left: Odoo's first user, or who has taken over from that one."""
        first = self.env.ref("base.user_admin", raise_if_not_found=False)
        if first and first.sudo().active:  # perhaps of another company: not everybody may read that
            return first.sudo()
        others = self.env.ref("base.group_system").sudo().all_user_ids
        return others.filtered(lambda user: user.active and not user.share)[:1] or self.env.ref("base.user_root").sudo()
