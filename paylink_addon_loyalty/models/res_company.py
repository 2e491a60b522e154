from odoo import models
from odoo.exceptions import UserError
from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

# Where the chart of a country has a place for what customers have paid in advance; else behind its other liabilities.
ACCOUNT_CODES = {"FR": "419700"}


class ResCompany(models.Model):
    _inherit = "res.company"

    def _paylink_wallet_program(self):
        """The eWallet program that links top up, in sudo mode; an archived one where it has taken money by links
        already: what is still on its way belongs there.

        :raises UserError: there is none, saying what to do
        """
        self.ensure_one()
        programs = self._paylink_ewallets()
        if not programs and self.chart_template:
            self._paylink_set_up_wallet()
            programs = self._paylink_ewallets()
        if program := programs.filtered("paylink_account_id")[:1]:
            return program
        if programs:
            raise UserError(
                self.env._(
                    "%(program)s has no wallet account: ask an accountant to choose it in Sales → Products → Gift "
                    "cards & eWallet.",
                    program=programs[0].name,
                )
            )
        raise UserError(
            self.env._(
                "%(company)s has no chart of accounts yet: choose one in Invoicing → Configuration → Settings, then "
                "top up wallets.",
                company=self.name,
            )
        )

    def _paylink_ewallets(self):
        """The eWallet programs of the company, else those archived that have a wallet account."""
        programs = self.env["loyalty.program"].sudo().with_context(active_test=False)
        found = programs.search(
            [
                ("program_type", "=", "ewallet"),
                ("company_id", "=", self.id),
                "|",
                ("active", "=", True),
                ("paylink_account_id", "!=", False),
            ],
            order="sequence, id",
        )
        return (found.filtered("active") or found).with_env(self.env(su=True))

    def _paylink_set_up_wallet(self):
        """Give each company with a chart of accounts an eWallet program, and its programs a wallet account each."""
        for company in self.sudo().filtered("chart_template"):
            company = company._paylink_in_books(company)  # noqa: PLW2901  the same one, as itself
            programs = company._paylink_ewallets() or company._paylink_create_ewallet()
            for program in programs.filtered(lambda program: not program.paylink_account_id):
                if not program.coupon_count:  # the currency changes with the chart
                    program.currency_id = company.currency_id
                program.paylink_account_id = company._paylink_wallet_account(program)

    def _paylink_create_ewallet(self):
        Program = self.env["loyalty.program"]
        names = self.env["res.lang"]._paylink_translations(_lt("Customer wallet"))
        program = Program.create(
            {
                **Program._program_type_default_values()["ewallet"],
                "name": next(iter(names.values())),
                "program_type": "ewallet",
                "company_id": self.id,
                "currency_id": self.currency_id.id,
            }
        )
        program.update_field_translations("name", names)
        return program

    def _paylink_wallet_account(self, program):
        """The account that the rewards of ``program`` are booked on already, if it can hold wallets; else a new one."""
        Account = self.env["account.account"]
        booked = program.reward_ids.discount_line_product_id.with_company(self).property_account_income_id[:1]
        taken = self.env["loyalty.program"].search([("paylink_account_id", "=", booked.id)]) if booked else True
        if not taken and booked.account_type == "liability_current":
            return booked
        code = ACCOUNT_CODES.get(self.account_fiscal_country_id.code)
        if not code:
            others = Account._check_company_domain(self)
            liability = Account.search(
                [*others, ("account_type", "=", "liability_current")], order="code desc", limit=1
            )
            code = liability.code or "210000"
        names = self.env["res.lang"]._paylink_translations(_lt("Customer wallets"))
        account = Account.create(
            {
                "name": next(iter(names.values())),
                "code": Account._search_new_account_code(code),
                "account_type": "liability_current",
                "company_ids": [(4, self.id)],
            }
        )
        account.update_field_translations("name", names)
        return account

    def _paylink_wallet_problem(self, amount, currency):
        """Why a wallet can't be topped up with ``amount``, or ``False``."""
        program = self._paylink_wallet_program()
        if not program.active:
            return self.env._(
                "%(program)s is archived: restore it in Sales → Products → Gift cards & eWallet, then top up wallets.",
                program=program.name,
            )
        if currency.compare_amounts(amount, 0) <= 0:
            return self.env._("Enter the amount to ask for: it must be more than zero.")
        if currency != program.currency_id:
            return self.env._(
                "Wallets are kept in %(currency)s: ask for that currency.", currency=program.currency_id.name
            )
        return False
