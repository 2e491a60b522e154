from lxml import etree
from odoo.tests import TransactionCase, tagged

# What can't be undone once somebody has clicked it, and opens no dialog of its own that asks.
SERIOUS = (
    *("action_send", "action_cancel", "action_void", "action_revoke", "action_replace_token", "action_delete"),
    *("action_paylink_remove", "action_undo", "action_undo_link"),
)


@tagged("post_install", "-at_install")
class TestConfirmations(TransactionCase):
    """What can't be undone is asked back, in words that say what each answer does."""

    def _buttons(self):
        """Each button in a view of ours, with the model of the view."""
        names = self.env["ir.model.data"].search([("model", "=", "ir.ui.view"), ("module", "=like", "paylink%")])
        for view in self.env["ir.ui.view"].browse(names.mapped("res_id")).filtered("model"):
            for button in etree.fromstring(view.arch).iter("button"):
                yield view, button

    def test_answers_are_verbs(self):
        asked = [(view, button) for view, button in self._buttons() if button.get("confirm")]
        self.assertTrue(asked)
        for view, button in asked:
            with self.subTest(view=view.name, button=button.get("name"), text=button.get("confirm")):
                self.assertTrue(button.get("confirm-label"))
                if "Cancel" in button.get("confirm-label"):  # beside Odoo's own “Cancel”
                    self.assertTrue(button.get("cancel-label"))

    def test_what_is_final_is_asked_back(self):
        """Dialogs, which are transient, are the question; a draft is only sent once."""
        for view, button in self._buttons():
            name, model = button.get("name"), self.env[view.model]
            if name not in SERIOUS or model._transient or button.get("invisible") == "state != 'draft'":
                continue
            with self.subTest(view=view.name, button=name):
                self.assertTrue(button.get("confirm"))
