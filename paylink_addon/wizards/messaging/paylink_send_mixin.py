from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import clean_context

from ...tools.hooks import named_hook
from ...tools.locks import hold


class PaylinkSendMixin(models.AbstractModel):
    """A dialog that writes to customers about selected records: which ones, whether the user may, and only once.

    A client sends no more of them than their ids: they are read again, and the right to them checked, each time.
    """

    _name = "paylink.send.mixin"
    _inherit = ["paylink.dialog.mixin", "paylink.server.mixin"]
    _description = "Dialog that Writes to Customers"

    # Of the dialog's window; Odoo's usual one is "large".
    _dialog_size = "extra-large"

    source_model = fields.Char()
    source_ids = fields.Json()
    is_sent = fields.Boolean(readonly=True)

    @api.model
    def default_get(self, fields_list):
        """Take the records from ``active_model`` and ``active_ids``."""
        values = super().default_get(fields_list)
        context = self.env.context
        if "source_ids" in fields_list and context.get("active_model") in self._source_models():
            ids = context.get("active_ids") or [context.get("active_id")]
            values |= {"source_model": context["active_model"], "source_ids": [id_ for id_ in ids if id_]}
        return values

    @api.model
    def _action_open(self, records):
        """The action that opens the dialog on ``records``."""
        action = self.env["ir.actions.act_window"]._for_xml_id(f"paylink_addon.{self._table}_action")
        context = {"active_model": records._name, "active_ids": records.ids, "dialog_size": self._dialog_size}
        return action | {"context": context}

    # === SOURCES === #

    @api.model
    def _source_models(self):
        """Hook: the models whose records can be selected."""
        return []

    def _sources(self):
        """The selected records, once the user's right to read them is checked."""
        self.ensure_one()
        if not self.env.user.has_group("paylink_addon.group_paylink_user"):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        models_ = self._source_models()
        if self.source_model not in models_:
            return self.env[models_[0]]
        ids = self.source_ids if isinstance(self.source_ids, list) else []
        records = self.env[self.source_model].browse(id_ for id_ in ids if isinstance(id_, int)).exists()
        records.check_access("read")
        return records

    @api.model
    def _of_source(self, hook, sources, *args):
        """What the hook of the model of ``sources`` answers: ``_<hook>_<model>``, or ``_<hook>_general``."""
        return named_hook(self, hook, sources._name)(sources, *args)

    # === ONCE === #

    def _send_once(self):
        """Send, unless it is done: who waited for a first click that was at work is run again, to find that it is."""
        self.ensure_one()
        self.flush_recordset(["is_sent"])
        hold(self)
        self.invalidate_recordset(["is_sent"])
        if not self.is_sent:
            # Defaults of the client's context are none of what is made here, some of it in sudo mode.
            self.with_context(clean_context(self.env.context))._send()
            self.sudo().is_sent = True

    def _send(self):
        """Hook: check what is to be sent, and send it."""
        raise NotImplementedError
