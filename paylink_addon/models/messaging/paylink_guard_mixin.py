from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.models import MAGIC_COLUMNS

from ...tools.client_values import is_value
from ...tools.texts import no_formula, typed

NAMING = (Command.LINK, Command.UPDATE)


class Known(dict):
    """What is known of the defaults of records that are made together, by the model and the names of the fields: those
    that clients may change, and which names are ours.
    """


class PaylinkGuardMixin(models.AbstractModel):
    """What clients may not say: what only our own methods write, in sudo mode, and records hidden from their users.

    Only we write all fields that are stored and read only. Odoo's ``readonly`` binds forms alone: without this a client
    could write them, or give them as a default. Nor does Odoo ask whether the user may read what a client names: all
    that is computed of it in sudo mode, as stored fields are, would be told, and its name.
    """

    _name = "paylink.guard.mixin"
    _description = "What Clients May Not Say"
    # Read-only fields that clients may write all the same: the reason, by name.
    _open_to_clients = {}
    # What the names of our fields begin with, on a model that is not ours; of ours all are.
    _guarded_prefix = ""

    @api.model
    def default_get(self, fields_list):
        """Of what only we write the defaults are ours: not a client's context's, nor what users made their own."""
        known, key = self.env.context.get("paylink_known"), (self._name, *fields_list)
        if not isinstance(known, Known):
            known = Known()
        if key not in known:
            guarded = [name for name in fields_list if self._is_guarded(name)]
            names = [name for name in fields_list if name not in guarded]
            self._check_context(names)
            offered = super().default_get(names)
            if not self.env.su:
                self._check_named(offered)
            known[key] = offered, [name for name in guarded if self._fields[name].default]
        offered, guarded = known[key]
        return offered | self._own_defaults(guarded)

    @api.model
    def _check_context(self, names):
        """Refuse defaults that a client's context has for these fields and may not."""
        if not self.env.su:
            context = self.env.context
            self._check_values({name: context[f"default_{name}"] for name in names if f"default_{name}" in context})

    @api.model_create_multi
    def create(self, vals_list):
        """Refuse what is not for clients to say."""
        for vals in vals_list:
            self._check_written(vals)
        vals_list = [dict(vals) for vals in vals_list]
        self._complete(vals_list)
        together = self.with_context(paylink_known=Known())
        return super(PaylinkGuardMixin, together).create(vals_list).with_env(self.env)

    def write(self, vals):
        """Refuse what is not for clients to say."""
        self._check_written(vals)
        return super().write(vals)

    def export_data(self, fields_to_export):
        """Odoo writes texts into Excel files as they are: what strangers have typed is no formula there."""
        exported = super().export_data(fields_to_export)
        exported["datas"] = [[no_formula(value) for value in row] for row in exported["datas"]]
        return exported

    @api.model
    def _complete(self, vals_list):
        """Hook: put into the values of new records, in place, what only we write. A client's have been checked."""

    # === WHAT ONLY WE WRITE === #

    @api.model
    def _check_written(self, vals):
        """Hook: refuse values that are not for the user to write."""
        if self.env.su:
            return
        if guarded := next(filter(self._is_guarded, vals), None):
            raise AccessError(
                self.env._(
                    "“%(field)s” is filled in automatically: it can't be changed by hand.",
                    field=self._fields[guarded]._description_string(self.env),
                )
            )
        self._check_values(vals)
        self._check_named(vals)

    @api.model
    def _is_guarded(self, name):
        """Whether only we write the field ``name``."""
        if name in MAGIC_COLUMNS or name in self._open_to_clients:
            return False  # Odoo itself leaves aside what clients say of its own fields, such as ``create_uid``
        field = self._fields.get(name)
        return bool(field and field.store and field.readonly and name.startswith(self._guarded_prefix))

    @api.model
    def _own_defaults(self, names):
        """The defaults that the fields have in the code."""
        found = {}
        for field in map(self._fields.get, names):
            value = field.convert_to_cache(field.default(self), self, validate=False)
            found[field.name] = field.convert_to_write(value, self)
        return found

    # === WHILE A FORM IS EDITED === #
    # Clients say all fields again at each change, ours too, and Odoo believes them.

    def onchange(self, values, field_names, fields_spec):
        """Refuse what is hidden from the user; what only we write is ours, whatever a client says of it."""
        said = self._completed(self._said(values))
        return super().onchange(said, [name for name in field_names if name in said], fields_spec)

    def _said(self, values):
        """What of the values of a form is for a client to say; those of its lines and of its parent, likewise."""
        said = {name: value for name, value in values.items() if not self._is_left_aside(name)}
        if not self.env.su:
            self._check_values({name: value for name, value in said.items() if not isinstance(value, dict)})
            self._check_named({name: value for name, value in said.items() if not self._is_named_already(name, value)})
        return {name: self._said_of(self._fields.get(name), value) for name, value in said.items()}

    @api.model
    def _is_left_aside(self, name):
        """What is read only, but for texts and numbers that are only shown: those are compared with what they are."""
        field = self._fields.get(name)
        ours = field and field.readonly and (field.store or field.relational)
        if name in MAGIC_COLUMNS or name in self._open_to_clients or not name.startswith(self._guarded_prefix):
            return False
        return bool(ours)

    def _is_named_already(self, name, value):
        """Whether the record of the form names just this: its user need not be able to read that."""
        field = self._fields.get(name)
        return bool(self and field and field.type == "many2one" and self[name].id == value)

    @api.model
    def _said_of(self, field, value):
        Comodel = self.env.get(getattr(field, "comodel_name", None))
        if not value or not isinstance(Comodel, PaylinkGuardMixin):
            return value
        if isinstance(value, dict):
            return Comodel.browse(value.get("id"))._said(value)
        if field.type == "many2one":
            return value
        return [Comodel._said_by(command) for command in value]

    @api.model
    def _said_by(self, command):
        """One command of the lines of a form."""
        if not isinstance(command, tuple | list) or command[0] not in (Command.CREATE, Command.UPDATE):
            return command
        line = self.browse(command[1] if command[0] == Command.UPDATE else ())
        return [*command[:2], line._said(command[2])]

    def _completed(self, values):
        """Hook: what a client has said of a record that is being edited, with what we know of it."""
        return values

    # === WHAT IS HIDDEN FROM THE USER === #

    @api.model
    def _check_named(self, vals):
        """Refuse values that name records which the user may not read, or companies the user does not work in."""
        for name, value in vals.items():
            if not name.startswith(self._guarded_prefix):
                continue  # of others' fields Odoo's own rules hold
            records = self._named(self._fields.get(name), value)
            if records:
                records.check_access("read")
                if records._name == "res.company" and records - self.env.companies:
                    raise AccessError(self.env._("It belongs to another company: switch to it."))

    @api.model
    def _named(self, field, value):
        """The records that a client names, by the value of a field; lines that are Odoo's, Odoo writes as the user."""
        Comodel = self.env.get(getattr(field, "comodel_name", None))
        if not value or Comodel is None or (field.type == "one2many" and not isinstance(Comodel, PaylinkGuardMixin)):
            return None
        return Comodel.browse(named_ids(field, value))

    # === WHAT IS NO VALUE === #

    @api.model
    def _check_values(self, vals):
        """Refuse, in words, what is no value of its field: JSON has NaN and infinity, and clients send anything."""
        for name, value in vals.items():
            field = self._fields.get(name)
            ours = field and name.startswith(self._guarded_prefix)
            if ours and not is_value(field, value):
                raise UserError(
                    self.env._(
                        "“%(field)s” can't be %(value)s.",
                        field=field._description_string(self.env),
                        value=typed(str(value), 50),
                    )
                )


def named_ids(field, value):
    """The ids of the records that a client names by ``value``, in any of the forms that Odoo takes.

    :param field: a relational field
    """
    if field.type == "many2one":
        ids = (
            [value.get("id")] if isinstance(value, dict) else [value[0]] if isinstance(value, tuple | list) else [value]
        )
    else:
        ids = [id_ for command in value for id_ in _command_ids(command)]
    return [int(id_) for id_ in ids if id_]


def _command_ids(command):
    """The ids that one command names: it may be an id itself."""
    if not isinstance(command, tuple | list):
        return [command]
    return command[2] if command[0] == Command.SET else [command[1]] if command[0] in NAMING else []
