from odoo import api, models
from odoo.fields import Command
from odoo.models import MAGIC_COLUMNS


class PaylinkDialogMixin(models.AbstractModel):
    """What all dialogs of ours share: each is one user's, and tells no more than that user has the right to read.

    - All of its fields are computed with the rights of who has opened it: stored ones too, which Odoo computes as
      superuser, and whoever's call it is that needs them.
    - What is read only is filled in by us: said by a client it is refused, and left aside while the dialog is edited.
    - What a client names by an id, the user must be able to read: see ``paylink.guard.mixin``.
    """

    _name = "paylink.dialog.mixin"
    _inherit = "paylink.guard.mixin"
    _description = "Dialog of One User"

    def _compute_field_value(self, field):  # pylint: disable=missing-return
        for user, dialogs in self.grouped(lambda dialog: dialog._reader()).items():
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

    # === WHILE IT IS EDITED === #

    def onchange(self, values, field_names, fields_spec):
        """A client says all fields again at each change: the hidden ones are refused, ours are left aside."""
        said = self._completed(self._said(values))
        return super().onchange(said, [name for name in field_names if name in said], fields_spec)

    @api.model
    def _said(self, values):
        """What of the values of a form is for a client to say; those of its lines and of its parent, likewise."""
        said = {
            name: value
            for name, value in values.items()
            if not self._is_guarded(name) or self._is_only_shown(self._fields[name])
        }
        if not self.env.su:
            self._check_named(said)
        return {name: self._said_of(self._fields.get(name), value) for name, value in said.items()}

    @api.model
    def _is_only_shown(self, field):
        """Whether what a client says of a field is what it shows, to be compared with what it is now."""
        return field.compute and not field.store and not field.relational

    @api.model
    def _said_of(self, field, value):
        Comodel = self.env.get(getattr(field, "comodel_name", None))
        if not value or not isinstance(Comodel, PaylinkDialogMixin):
            return value
        if isinstance(value, dict):
            return Comodel._said(value)
        if field.type == "many2one":
            return value
        changing = (Command.CREATE, Command.UPDATE)
        return [[*command[:2], Comodel._said(command[2])] if command[0] in changing else command for command in value]

    def _completed(self, values):
        """Hook: what a client has said of a dialog that is being edited, with what we know of it."""
        return values
