from odoo import Command, models
from odoo.exceptions import AccessError, MissingError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from .rights_table import TABLE
from .rpc_common import OURS, RpcCommon

# Who they are, by the letters of the table; the owner has the right to own payments alone.
PEOPLE = {
    "O": "paylink_addon.group_paylink_user",
    "A": "paylink_addon.group_paylink_all",
    "M": "paylink_addon.group_payment_manager",
    "C": "account.group_account_invoice",
    "P": "portal",
    "X": "paylink_addon.group_payment_manager",
    "U": "base.group_user",
}
OPERATIONS = ("read", "write", "create", "unlink")


@tagged("post_install", "-at_install")
class TestRights(RpcCommon):
    """What each kind of user may call: what the table of ``rights_table`` allows, and nothing else.

    Records are told apart by models; for their contents see ``test_rpc``.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.ref("account.group_account_invoice").implied_ids += cls.env.ref("paylink_addon.group_paylink_user")
        cls.users = {
            letter: cls._user(f"rights-{letter}", groups, cls.other if letter == "X" else cls.company)
            for letter, groups in PEOPLE.items()
            if groups != "portal"
        }
        cls.users["P"] = cls._create_new_portal_user(login="rights-P")
        cls.invoice.sudo().invoice_user_id = cls.users["O"]
        cls.samples = {model: cls._sample(records) for model, records in cls.hidden.items()} | cls._own_samples()
        for record in [*cls.marks, *cls.samples.values()]:
            if not record._auto or record._name == "res.partner":
                continue  # what others are read from has no seller of its own
            if "user_id" in record and record.sudo().user_id == cls.boss:
                record.sudo().user_id = cls.users["O"]
        cls.env.flush_all()

    @classmethod
    def _sample(cls, records):
        """One of our company, if there is one."""
        own = records.sudo()
        if "company_id" in own:
            own = own.filtered(lambda record: record.company_id in (cls.company, cls.env["res.company"])) or own
        return own[:1].with_env(cls.env)

    @classmethod
    def _own_samples(cls):
        """Those of a customer whom everybody may read, and of our company."""
        env = cls.env
        rule = {"name": "Ours", "company_id": cls.company.id}
        page = {"name": "Site", "kind": "generic", "title": "Store it", "consent": "I agree.", **rule}
        found = [
            *(cls.marie, cls.invoice, cls._items(cls.invoice), cls.company, cls.provider),
            env["paylink.autopay.rule"].sudo().create(rule),
            env["paylink.reminder.rule"].sudo().create({**rule, "step_ids": [Command.create({"days": 3})]}),
            env["paylink.card.template"].sudo().create(page),
            env["paylink.autopay.item"]._of_items(cls._items(cls.invoice)),
            env["paylink.autopay.page"]._for_customers(cls.marie, cls.company, cls.boss),
            env["paylink.statement"]._for_customers(cls.marie),
            env["paylink.reminder.hold"].create({"kind": "objection", "partner_id": cls.marie.id}),
            env["paylink.open.item"].search([("move_id", "=", cls.invoice.id)]),
        ]
        match = cls._bank_match(cls.company)
        found += [found[6].step_ids, match, match.line_id, match.journal_id]
        found += cls._account(cls.company, "acct_ours", "po_ours", "txn_ours", 10)
        return {record._name: record.with_env(env) for record in found}

    # === WHAT IS SO === #

    def _found(self, model):
        """Who may do what with a sample: ``{method or operation: letters}``."""
        found = {}
        for method in filter(self._is_own, self._methods(model)):
            letters = [letter for letter in PEOPLE if self._may_call(letter, model, method)]
            found[method] = "".join(letters)
        for operation in OPERATIONS if model.startswith(OURS) else ():
            letters = [letter for letter in PEOPLE if self._has_access(letter, model, operation)]
            found[f"({operation})"] = "".join(letters)
        return found

    @staticmethod
    def _is_own(method):
        """What each model has is what its operations are: see below."""
        return not hasattr(models.BaseModel, method)

    def _as(self, letter, model):
        user = self.users[letter]
        context = {"lang": "en_US", "tz": "Europe/Paris", "allowed_company_ids": user.sudo().company_ids.ids}
        return self.env(user=user.id, su=False, context=context)[model]

    def _has_access(self, letter, model, operation):
        return self._as(letter, model).browse(self.samples.get(model, self.env[model]).ids).has_access(operation)

    def _may_call(self, letter, model, method):
        """Whether nobody says that this user may not: whatever else keeps it from being done."""
        arguments = self._arguments(model, method)
        savepoint = self.env.cr.savepoint()
        try:
            if self._has_ids(model)(method):
                arguments.insert(0, self._ids(letter, model))
            call_kw(self._as(letter, model), method, arguments, {})
        except (AccessError, MissingError):
            return False
        except Exception:  # noqa: BLE001  it may, and can't
            return True
        finally:
            savepoint.close(rollback=True)
        return True

    def _ids(self, letter, model):
        """The sample; of dialogs a new one of the user's."""
        if self.env[model]._transient:
            return call_kw(self._as(letter, model), "create", [[{}]], {})
        return self.samples.get(model, self.env[model]).ids

    # === THE TABLE === #

    def test_who_may_call_what(self):
        """The table names each public method of ours, and who may call it: a new one is to be added there."""
        with mute_logger("odoo.sql_db", "odoo.models"):
            found = {model: self._found(model) for model in [*self._models(), *self._inherited()]}
        for model in sorted(found.keys() | TABLE.keys()):
            with self.subTest(model):
                self.assertEqual(found.get(model, {}), TABLE.get(model, {}))
