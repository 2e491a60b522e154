from odoo import fields
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_bulk import BulkCommon

# What the buttons of the lists do with a link of the owner's, by who presses them: it is done, or left out with the
# reason, or it is refused. O has the right to own payments, and the link is theirs; B the same right, but the link is a
# colleague's; A sees everyone's payments; M manages payments; C is an accountant; X manages those of another company.
TABLE = {
    "action_bulk_cancel": {"O": "done", "A": "left out", "M": "done"},
    "action_bulk_send": {"O": "done", "A": "done", "M": "done"},
    "action_remind": {"O": "asked", "A": "asked", "M": "asked"},
    "action_bulk_read": {"O": "done", "A": "left out", "M": "left out"},
    "action_consolidate": {"M": "done"},
    "action_undo_consolidation": {"M": "done"},
}
PEOPLE = "OBAMCX"


@tagged("post_install", "-at_install")
class TestDeskRights(BulkCommon):
    """Who may do what with whose links, by RPC; for all other methods see ``test_rpc_rights``."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        foreign = cls._user("foreign", "paylink_addon.group_payment_manager", cls._other_company())
        users = (cls.seller, cls.colleague, cls.everyone, cls.manager, cls.accountant, foreign)
        cls.users = dict(zip(PEOPLE, users, strict=True))
        cls.open, cls.paid, cls.said = cls._links(), cls._paid(), cls._paid()
        (cls.open + cls.paid).sudo().unread = True
        cls.env["paylink.bulk"].with_user(cls.manager)._action_do("consolidate", cls.said.with_user(cls.manager))
        cls.env.flush_all()

    def _link_of(self, method):
        return {"action_consolidate": self.paid, "action_undo_consolidation": self.said}.get(method, self.open)

    def _result_of(self, letter, method):
        """What comes of it, undone again."""
        link, user = self._link_of(method), self.users[letter]
        savepoint = self.env.cr.savepoint()
        try:
            action = self._press(user, method, link)
            if action.get("res_model") == "paylink.reminder.send":
                return "asked"
            if action.get("res_model") != "paylink.bulk":
                return "done"
            dialog = self._dialog(user, action)
            dialog.reason = "By mistake"
            dialog.action_run()
            return "done" if dialog.done_ids == link.ids else "left out"
        except (AccessError, MissingError):
            return None
        except UserError:
            return "left out"
        finally:
            savepoint.close(rollback=True)
            self.env.invalidate_all()

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule")
    def test_who_may_do_what_with_whose_links(self):
        for method, expected in TABLE.items():
            for letter in PEOPLE:
                with self.subTest(method, who=letter):
                    self.assertEqual(self._result_of(letter, method), expected.get(letter))

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule")
    def test_what_is_said_of_a_dialog_by_a_client(self):
        """Ids of links that the user may not see, another's dialog, and what only we write are refused."""
        colleague = self.env(user=self.colleague.id, su=False)
        values = {"action": "cancel", "source_model": "paylink.link", "source_ids": self.open.ids}
        (made,) = call_kw(colleague["paylink.bulk"], "create", [[values]], {})
        for method, arguments in (("action_run", []), ("read", [["left_out", "summary"]])):
            with self.subTest(method), self.assertRaises(AccessError):
                call_kw(colleague["paylink.bulk"], method, [[made], *arguments], {})
        own = self._press(self.seller, "action_bulk_cancel", self.open)["res_id"]
        with self.assertRaises(AccessError):
            call_kw(colleague["paylink.bulk"], "action_run", [[own]], {})
        for name, value in (("done_ids", self.open.ids), ("left_ids", {"x": self.open.ids}), ("is_sent", True)):
            with self.subTest(name), self.assertRaises(UserError):
                call_kw(colleague["paylink.bulk"], "create", [[{name: value}]], {})
        seller = self.env(user=self.seller.id, su=False)
        values = {"action": "consolidate", "source_model": "paylink.link", "source_ids": self.paid.ids}
        (made,) = call_kw(seller["paylink.bulk"], "create", [[values]], {})
        with self.assertRaises(AccessError):
            call_kw(seller["paylink.bulk"], "action_run", [[made]], {})
        self.assertFalse(self.paid.consolidated)

    def test_customers_read_nothing_of_the_desk_in_the_portal(self):
        """Neither who consolidated a payment nor what the timeline tells of attempts is for customers."""
        classes = [cls for cls in type(self.env["paylink.link"]).mro() if ".models.desk." in cls.__module__]
        of_desk = {name for cls in classes for name, value in vars(cls).items() if isinstance(value, fields.Field)}
        self.assertIn("attempt_detail", of_desk)
        portal = self.env["paylink.link"].with_user(self._create_new_portal_user(login="desk-portal"))
        self.assertFalse(of_desk & set(portal.fields_get()))
