from odoo import models


class PaylinkDocumentsMixin(models.AbstractModel):
    """A dialog of Odoo's that we extend tells nothing of documents that its user may not read.

    What it stores, Odoo computes as superuser, of whatever a client has named: the text of an e-mail, an amount.
    """

    _name = "paylink.documents.mixin"
    _description = "Dialog on Documents that Its User May Read"
    # The field that names them.
    _documents_field = None

    def _compute_field_value(self, field):
        self[self._documents_field]._origin.sudo(False).check_access("read")
        return super()._compute_field_value(field)
