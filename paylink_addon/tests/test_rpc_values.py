from odoo.exceptions import UserError
from odoo.models import MAGIC_COLUMNS
from odoo.tests import tagged

from .rpc_common import RpcCommon

NUMBERS = ("x", float("nan"), float("inf"), 1e15, True, [])
MOMENTS = ("x", 5, "0001-01-01", "9999-12-31", "2026-02-30")
TEXTS = ("a\0b", "a\ud800b")
LINES = ("x", 5, [[]], [[6]], [[4, "x"]], [[6, 0, ["x"]]], [[9, 0, 0]], [[1, 1, "x"]])
# What no field of a type can be.
BAD = {
    "integer": (*NUMBERS, 2**31),
    "float": NUMBERS,
    "monetary": NUMBERS,
    "date": MOMENTS,
    "datetime": MOMENTS,
    "char": TEXTS,
    "text": TEXTS,
    "html": TEXTS,
    "selection": (5, "a\0b", []),
    "many2one": ("x", [1, 2], True, 1.5),
    "one2many": LINES,
    "many2many": LINES,
}


@tagged("post_install", "-at_install")
class TestRpcValues(RpcCommon):
    """What a client sends that no field can be is refused in words, by each of our models that somebody may make."""

    def test_values_that_no_field_can_have(self):
        groups = "paylink_addon.group_payment_manager,account.group_account_manager,sales_team.group_sale_manager"
        everything = self._user("rpc-values", groups)
        tried = set()
        for name in self._models():
            model = self.env[name].with_user(everything).with_company(self.company)
            for field in model._fields.values() if model.has_access("create") else ():
                if field.readonly or field.related or field.name in MAGIC_COLUMNS:
                    continue  # what is another record's is checked there
                tried.add(field.type)
                for value in BAD.get(field.type, ()):
                    with self.subTest(model=name, field=field.name, value=str(value)):
                        with self.assertRaises(UserError):
                            model.create({field.name: value})
                        with self.assertRaises(UserError):
                            model.onchange({field.name: value}, [field.name], {})
                        with self.assertRaises(UserError):
                            model.with_context(**{f"default_{field.name}": value}).default_get([field.name])
        self.assertGreaterEqual(tried, BAD.keys())
