from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger
from psycopg2.errors import CheckViolation

from ...models.card.paylink_card_request_person import ERASE_AFTER_PARAMETER
from ...tools import days
from ...tools.parameters import MOST, whole_number
from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestSettings(PaylinkCommon):
    """What administrators choose for a company, and what it is before they do."""

    def _settings(self, **values):
        return self.env["res.config.settings"].create(values)

    # === HOW LONG LINKS LAST === #

    def test_expiry_in_days_or_hours(self):
        cases = [(3, "days", 72), (36, "hours", 36), (0, "days", 0), (48, "hours", 48)]
        for number, unit, hours in cases:
            with self.subTest(number=number, unit=unit):
                self._settings(paylink_expiry_number=number, paylink_expiry_unit=unit).execute()
                self.assertEqual(self.company.paylink_expiry_hours, hours)
        settings = self._settings()
        self.assertEqual((settings.paylink_expiry_number, settings.paylink_expiry_unit), (2, "days"))

    def test_expiry_beyond_what_clocks_tell(self):
        """A number with too many digits is refused in words, where it is typed."""
        wizard = self.env["paylink.send"].with_context(active_model="account.move", active_ids=self._invoice().ids)
        for number, unit in ((2**31 - 1, "days"), (2**31 - 1, "hours"), (4000, "days"), (87601, "hours")):
            with self.subTest(number=number, unit=unit), mute_logger("odoo.sql_db"):
                with self.assertRaises(CheckViolation), self.env.cr.savepoint():
                    self._settings(paylink_expiry_number=number, paylink_expiry_unit=unit).execute()
                with self.assertRaisesRegex(UserError, "ten years"):
                    wizard.create({"expiry_number": number, "expiry_unit": unit})
        self._settings(paylink_expiry_number=3650, paylink_expiry_unit="days").execute()

    def test_parameters_that_nobody_can_mean(self):
        """What is too much is as much as clocks can tell."""
        for text, expected in (("9" * 5000, MOST), (str(10**12), MOST), ("99999", 99999), ("x", 7), ("-1", 7), ("", 7)):
            with self.subTest(text[:20]):
                self.env["ir.config_parameter"].set_param(ERASE_AFTER_PARAMETER, text)
                self.assertEqual(whole_number(self.env, ERASE_AFTER_PARAMETER, 7), expected)
                self.env["paylink.card.request"]._erase_old()

    @freeze_time("2026-03-02 08:00:00")
    def test_expiry_of_one_sending(self):
        """The dialog proposes the company's, in its unit; who says another one sees until when, and the reverse."""
        self.company.paylink_expiry_hours = 72
        now, wizard = fields.Datetime.now(), self.env["paylink.send"]
        context = {"active_model": "account.move", "active_ids": self._invoice().ids}
        with Form(wizard.with_context(**context)) as form:
            self.assertEqual((form.expiry_number, form.expiry_unit), (3, "days"))
            form.expiry_number = 5
            self.assertEqual(form.expires_at, now + timedelta(days=5))
            form.expiry_unit = "hours"
            self.assertEqual(form.expires_at, now + timedelta(hours=5))
            form.expires_at = now + timedelta(hours=30)
            self.assertEqual((form.expiry_number, form.expiry_unit), (30, "hours"))
            form.expiry_number = 0
            self.assertFalse(form.expires_at)
            form.expiry_number = 7
        self.assertEqual(self._sent(form.record).expires_at, now + timedelta(hours=7))

    # === THE TIME ZONE === #

    def test_time_zone_of_a_company_is_its_countrys(self):
        self.env.user.tz = "America/Vancouver"
        cases = [
            ("fr", "Europe/Paris"),
            ("re", "Indian/Reunion"),
            ("be", "Europe/Brussels"),
            ("es", "Europe/Madrid"),
            ("au", "Australia/Sydney"),
            ("ca", "America/Vancouver"),  # the user's own is one of them
            (False, "America/Vancouver"),
        ]
        for code, zone in cases:
            with self.subTest(code):
                country = code and self.env.ref(f"base.{code}").id
                company = self.env["res.company"].create({"name": f"Company {code}", "country_id": country})
                self.assertEqual(company.paylink_tz, zone)
        self.env.user.tz = False
        quebec = self.env["res.company"].create({"name": "Québec", "country_id": self.env.ref("base.ca").id})
        self.assertEqual(quebec.paylink_tz, "America/Toronto")
        quebec.paylink_tz = "America/Halifax"
        quebec.partner_id.city = "Gaspé"
        self.assertEqual(quebec.paylink_tz, "America/Halifax")
        quebec.country_id = self.env.ref("base.fr")
        self.assertEqual(quebec.paylink_tz, "Europe/Paris")

    def test_every_country_has_a_zone_that_is_one(self):
        for code in self.env["res.country"].search([]).mapped("code"):
            zone = days.of_country(code)
            self.assertEqual(zone, zone and days.known(zone), code)

    # === TRANSFERS === #

    def test_account_without_a_bic_is_told(self):
        self.assertIn(self.bank_account.acc_number, self._settings().paylink_transfer_hint)
        self.bank_account.bank_id = self.env["res.bank"].create({"name": "Bank", "bic": "DEMOFRPPXXX"})
        self.assertFalse(self._settings().paylink_transfer_hint)
        transfer = self._link(self._invoice())._transfer_values()
        self.assertEqual((transfer["bic"], transfer["beneficiary"]), ("DEMOFRPPXXX", "Menuiserie Lambert"))

    # === ODOO'S OWN PAYMENT LINKS === #

    def test_odoos_own_payment_links_are_hidden_unless_chosen(self):
        user = self._user("both", "account.group_account_invoice,sales_team.group_sale_manager")
        for shown in (False, True, False):
            with self.subTest(shown=shown):
                self._settings(group_odoo_payment_links=shown).execute()
                for model in ("account.move", "sale.order"):
                    bound = self.env["ir.actions.actions"].with_user(user).get_bindings(model)["action"]
                    names = [action["name"] for action in bound]
                    self.assertEqual("Generate a Payment Link" in names, shown, names)
                    self.assertTrue({"Send collection link", "Ask for a deposit"} & set(names))
