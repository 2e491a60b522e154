from odoo import api, models
from odoo.exceptions import AccessError
from odoo.models import MAGIC_COLUMNS


class PaylinkGuardMixin(models.AbstractModel):
    """Fields that only our own methods write, in sudo mode: all that are stored and read only.

    Odoo's ``readonly`` binds forms alone: without this a client could write them, or give them as a default.
    """

    _name = "paylink.guard.mixin"
    _description = "Fields That Only We Write"
    # Read-only fields that clients may write all the same: the reason, by name.
    _open_to_clients = {}

    @api.model_create_multi
    def create(self, vals_list):
        """Refuse what only we write, and leave such defaults of a client's context aside."""
        for vals in vals_list:
            self._check_written(vals)
        vals_list = [dict(vals) for vals in vals_list]
        self._complete(vals_list)
        records = super(PaylinkGuardMixin, self._without_guarded_defaults()).create(vals_list)
        return records.with_env(self.env)

    def write(self, vals):
        """Refuse what only we write."""
        self._check_written(vals)
        return super().write(vals)

    @api.model
    def _complete(self, vals_list):
        """Hook: put into the values of new records, in place, what only we write. A client's have been checked."""

    @api.model
    def _check_written(self, vals):
        """Hook: refuse values that are not for the user to write."""
        guarded = None if self.env.su else next(filter(self._is_guarded, vals), None)
        if guarded:
            raise AccessError(
                self.env._(
                    "“%(field)s” is filled in automatically: it can't be changed by hand.",
                    field=self._fields[guarded]._description_string(self.env),
                )
            )

    @api.model
    def _is_guarded(self, name):
        """Whether only we write the field ``name``."""
        if name in MAGIC_COLUMNS or name in self._open_to_clients:
            return False  # Odoo itself leaves aside what clients say of its own fields, such as ``create_uid``
        field = self._fields.get(name)
        return bool(field and field.store and field.readonly)

    def _without_guarded_defaults(self):
        if self.env.su:
            return self
        prefix = "default_"
        context = {
            key: value
            for key, value in self.env.context.items()
            if not (key.startswith(prefix) and self._is_guarded(key.removeprefix(prefix)))
        }
        return self.with_env(self.env(context=context))
