from odoo import api, models
from odoo.exceptions import UserError
from odoo.models import MAGIC_COLUMNS


class PaylinkDialogMixin(models.AbstractModel):
    """What all dialogs of ours share: each is one user's, and tells no more than that user has the right to read.

    - All of its fields are computed with the rights of who has opened it: stored ones too, which Odoo computes as
      superuser, and whoever's call it is that needs them.
    - What is read only is filled in by us: said by a client it is refused.
    - What a client names by an id, the user must be able to read: see ``paylink.guard.mixin``.
    """

    _name = "paylink.dialog.mixin"
    _inherit = "paylink.guard.mixin"
    _description = "Dialog of One User"

    def _compute_field_value(self, field):  # pylint: disable=missing-return
        readers = self.grouped(lambda dialog: dialog._reader()) if self.env.su else {self.env.user: self}
        for user, dialogs in readers.items():
            super(PaylinkDialogMixin, dialogs.with_user(user))._compute_field_value(field)

    def _reader(self):
        """Who sees what is computed: in sudo mode, who has opened the dialog."""
        stored = self.browse(id_ for id_ in self._ids if id_)
        return (self.env.su and stored.create_uid) or self.env.user

    @api.model
    def _is_guarded(self, name):
        """All that is read only, stored or not: a related field would be taken for what it shows."""
        field = self._fields.get(name)
        return bool(field and field.readonly and name not in MAGIC_COLUMNS and name not in self._open_to_clients)

    @api.model
    def _most_from_lists(self):
        """How many ids lists hand over at once, where all that fits a filter is chosen."""
        return int(self.env["ir.config_parameter"].sudo().get_param("web.active_ids_limit", 20000))

    @api.model
    def _check_count(self, records, most=None):
        """Raise where there are more than ``most``; of all that fits a filter, lists hand over no more than a part."""
        context, count, handed_over = self.env.context, len(records), self._most_from_lists()
        if count >= handed_over and context.get("active_model") == records._name and "active_domain" in context:
            count = max(count, records.search_count(context["active_domain"]))
        if count > min(most or count, len(records)):
            raise UserError(
                self.env._(
                    "%(count)s are chosen, and at most %(most)s can be done at once: narrow the filter, by month for "
                    "example, or choose fewer.",
                    count=count,
                    most=min(most or handed_over, handed_over),
                )
            )
