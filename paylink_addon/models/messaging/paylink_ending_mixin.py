from odoo import api, models


class PaylinkEndingMixin(models.AbstractModel):
    """Models whose changes end tasks: what was asked for is done, whoever has done it, and however.

    For each key of tasks (``const.Task``), what the task is about has a method ``_paylink_done_<key>(task)``: whether
    what it asks for is done. Nobody calls that where something is done: a change of a field that
    :meth:`_paylink_ends_tasks_by` names has the tasks about :meth:`_paylink_task_subjects` looked at, once for all that
    changes together, before it is committed (``mail.activity._paylink_end_changed``).
    """

    _name = "paylink.ending.mixin"
    _description = "What Ends Tasks"

    @api.model
    def _paylink_ends_tasks_by(self):
        """Hook: the names of the stored fields whose changes may end tasks."""
        return set()

    def _paylink_task_subjects(self):
        """Hook: what the tasks are about that may be done as these have changed: a list of record sets."""
        return [self]

    def _write_multi(self, vals_list):
        """What is computed is written here, too."""
        result = super()._write_multi(vals_list)
        names = self._paylink_ends_tasks_by()
        if any(not names.isdisjoint(vals) for vals in vals_list):
            self.env["mail.activity"]._paylink_look_again(self)
        return result
