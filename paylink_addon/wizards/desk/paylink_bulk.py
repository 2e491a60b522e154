from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import clean_context

from ...tools.left_out import as_html, by_reason

ACTIONS = [
    ("cancel", "Cancel"),
    ("send", "Send again"),
    ("read", "Mark as read"),
    ("consolidate", "Consolidate"),
    ("undo", "Undo the consolidation"),
]


class PaylinkBulk(models.TransientModel):
    """Does something with many collection links: says before what it leaves out and why, and after what it has done.

    What it does is a name (``action``) for which links have two hooks: see the stage ``paylink_link_bulk.py``.
    """

    _name = "paylink.bulk"
    _inherit = "paylink.send.mixin"
    _description = "Action on Several Collection Links"
    _dialog_size = "large"
    _most = 1000

    action = fields.Selection(ACTIONS, required=True, default="read")
    reason = fields.Char(help="The timeline of each link keeps it.")
    # What was done, once it is: ids, and pairs of a reason and ids. The database sorts keys of objects.
    done_ids = fields.Json(readonly=True)
    left_ids = fields.Json(readonly=True)
    ready_count = fields.Integer(compute="_compute_texts")
    summary = fields.Char(compute="_compute_texts")
    warning = fields.Char(compute="_compute_texts")
    left_out = fields.Html(compute="_compute_texts", sanitize=False)

    # === COMPUTE METHODS === #

    @api.depends("action", "source_ids", "is_sent")
    @api.depends_context("lang", "uid")
    def _compute_texts(self):
        for dialog in self:
            links = dialog._sources()
            groups = dialog._left_groups(links)
            left = {id_ for ids in groups.values() for id_ in ids}
            count = len(dialog.done_ids or ()) if dialog.is_sent else len(links) - len(left)
            dialog.ready_count = 0 if dialog.is_sent else count
            dialog.summary = dialog._summary_text(count)
            dialog.warning = not dialog.is_sent and dialog._warning_text(links - links.browse(left))
            dialog.left_out = as_html(self.env, groups, dialog._names(links.browse(left)))

    def _left_groups(self, links):
        """The ids of links that are left out, or were, by reason."""
        return dict(self.left_ids or ()) if self.is_sent else by_reason(self._reasons(links))

    def _reasons(self, links):
        return getattr(links, f"_left_out_{self.action}")()

    @api.model
    def _names(self, links):
        """What people call links that they may read: with the customer, whose contact need not be theirs to read."""
        return {link.id: f"{link.name} {link.partner_id.display_name}" for link in links.sudo()}

    def _summary_text(self, count):
        before = {
            "cancel": self.env._("To be canceled: %(count)s. Their customers can no longer pay by them.", count=count),
            "send": self.env._("To be sent again: %(count)s, each by the ways chosen on it.", count=count),
            "undo": self.env._("To be undone: %(count)s", count=count),
        }
        after = {
            "cancel": self.env._("Canceled: %(count)s", count=count),
            "send": self.env._("Sent: %(count)s", count=count),
            "read": self.env._("Marked as read: %(count)s", count=count),
            "consolidate": self.env._("Consolidated: %(count)s", count=count),
            "undo": self.env._("Consolidation undone: %(count)s", count=count),
        }
        if not count:
            return self.env._("There is nothing to do.") if not self.is_sent else self.env._("Nothing was done.")
        return (after if self.is_sent else before | after | before)[self.action]

    def _warning_text(self, links):
        """What else comes of it, before it is done, or ``False``."""
        if self.action != "cancel":
            return False
        plans = links.filtered("is_in_parts").sudo().plan_id
        parts = links.filtered(lambda link: link.is_running_part and link.sudo().plan_part_id.plan_id not in plans)
        texts = [
            plans and self.env._("Payment plans that end with them: %(count)s.", count=len(plans)),
            parts and self.env._("Parts of plans, asked for again by other links: %(count)s.", count=len(parts)),
        ]
        return " ".join(filter(None, texts)) or False

    # === ACTIONS === #

    @api.model
    def _source_models(self):
        return ["paylink.link", *super()._source_models()]

    @api.model
    def _action_ask(self, action, links):
        """Open the dialog that says what would be done, and asks."""
        return self._make(action, links)._action_show()

    @api.model
    def _action_do(self, action, links):
        """Do it at once, and say what was done.

        :raises UserError: it is one link, and that can't be done with it
        """
        dialog = self._make(action, links)
        if len(links) == 1 and (reasons := dialog._reasons(links)):
            raise UserError(self.env._("%(name)s: %(reason)s.", name=links.name, reason=reasons[links.id]))
        return dialog.action_run()

    @api.model
    def _make(self, action, links):
        self._check_count(links, self._most)
        links.check_access("write")
        values = {"action": action, "source_model": links._name, "source_ids": links.ids}
        return self.with_context(clean_context(self.env.context)).create(values)

    def action_run(self):
        """Do it, once, and say what was done: where something was left out in a dialog, which stays."""
        self._send_once()
        if self.left_ids:
            return self._action_show()
        message = {"type": "success" if self.done_ids else "warning", "message": self.summary}
        close = {"type": "ir.actions.act_window_close"}
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": message | {"next": close},
        }

    def action_show_left_out(self):
        """Show the links that were left out."""
        self.ensure_one()
        links = self._sources()
        left = links.browse(id_ for ids in self._left_groups(links).values() for id_ in ids)
        return left._get_records_action(name=self.env._("Left out"), view_mode="list,kanban,form")

    def _action_show(self):
        titles = dict(self._fields["action"]._description_selection(self.env))
        return self._get_records_action(
            name=titles[self.action], target="new", context={"dialog_size": self._dialog_size}
        )

    # === DOING IT === #

    def _send_ahead(self):
        links = self._sources()
        if work := getattr(type(links), f"_ahead_{self.action}", None):
            links.check_access("write")
            reasons = self._reasons(links)
            work(links.filtered(lambda link: link.id not in reasons), self)

    def _send(self):
        """Do it with those that it can be done with now; what fails nevertheless is left out, with the reason."""
        if self.action == "undo" and not (self.reason or "").strip():
            raise UserError(self.env._("Say why: the timeline of each link keeps the reason."))
        links = self._sources()
        links.check_access("write")
        reasons = self._reasons(links)
        ready = links.filtered(lambda link: link.id not in reasons)
        failed = self._in_halves(ready, getattr(type(links), f"_bulk_{self.action}"))
        done = [link_id for link_id in ready.ids if link_id not in failed]
        self.sudo().write({"done_ids": done, "left_ids": list(by_reason(reasons | failed).items())})

    def _in_halves(self, links, work):
        """Do ``work`` with all; where that is refused, with each half, until those that can't be are found.

        :return: why, by id of link
        """
        if not links:
            return {}
        try:
            with self.env.cr.savepoint():
                work(links, self)
            return {}
        except UserError as error:
            if len(links) == 1:
                return {links.id: str(error)}
        middle = len(links) // 2
        return self._in_halves(links[:middle], work) | self._in_halves(links[middle:], work)
