import logging
from collections import defaultdict

from odoo import SUPERUSER_ID, api, fields, models
from odoo.fields import Domain
from psycopg2 import OperationalError

_logger = logging.getLogger(__name__)
# What has changed in this database transaction, until it is looked at.
CHANGED = "paylink_addon.changed"
# How many tasks a job looks at at once.
BATCH = 100


class MailActivity(models.Model):
    """Tasks of ours: known by a key, and ended by what they ask for (see ``paylink.ending.mixin``)."""

    _name = "mail.activity"
    _inherit = ["mail.activity", "paylink.guard.mixin"]
    _guarded_prefix = "paylink_"

    paylink_key = fields.Char(string="Task Key", readonly=True, copy=False)
    paylink_about_model = fields.Char(
        string="Model the task is about",
        readonly=True,
        copy=False,
        help="Its record tells whether the task is done.",
    )
    paylink_about_id = fields.Many2oneReference(
        string="Record the task is about", model_field="paylink_about_model", readonly=True, copy=False
    )

    _paylink_key_index = models.Index("(res_model, res_id, paylink_key) WHERE paylink_key IS NOT NULL")
    _paylink_about_index = models.Index("(paylink_about_id, paylink_about_model) WHERE paylink_key IS NOT NULL")

    # === WHAT IS DONE === #

    @api.model
    def _paylink_look_again(self, records):
        """Have the tasks looked at, before this is committed, that may be done as ``records`` have changed."""
        precommit = self.env.cr.precommit
        if CHANGED not in precommit.data:
            precommit.data[CHANGED] = defaultdict(set)
            precommit.add(self.with_env(self.env(user=SUPERUSER_ID, su=True, context={}))._paylink_end_changed)
        precommit.data[CHANGED][records._name].update(records.ids)

    @api.model
    def _paylink_end_changed(self):
        changed = self.env.cr.precommit.data.pop(CHANGED, {})
        if not self.search_count([("paylink_about_model", "!=", False)], limit=1):
            return
        about = defaultdict(set)
        for model, ids in changed.items():
            for records in self.env[model].browse(ids).exists()._paylink_task_subjects():
                about[records._name].update(records.ids)
        domains = [
            Domain("paylink_about_model", "=", model) & Domain("paylink_about_id", "in", ids)
            for model, ids in about.items()
            if ids
        ]
        if domains:
            self.search(Domain.OR(domains))._paylink_end_done()

    @api.autovacuum
    def _paylink_end_all_done(self):
        """Also what time alone has brought about, or two at once that could not see each other."""
        tasks = self.search([("paylink_about_model", "!=", False)])
        self.env["paylink.job.mixin"]._each(tasks, lambda some: some._paylink_end_done(), size=BATCH, take=False)

    def _paylink_end_done(self):
        """End those of these tasks whose work is done. Whoever has done it fails for no task."""
        done = self.browse()
        for task in self.filtered("paylink_about_model"):
            try:
                with self.env.cr.savepoint():
                    done |= task.filtered(lambda task: task._paylink_is_done())
            except OperationalError:
                raise
            except Exception:
                _logger.exception("Nobody can tell whether task %s is done", task.paylink_key)
        done.unlink()

    def _paylink_is_done(self):
        """What the record says that the task is about; where that is gone, nothing is to be done about it."""
        record = self.env[self.paylink_about_model].browse(self.paylink_about_id).exists()
        if not record:
            return True
        if "company_id" in record and record.company_id:
            record = record.with_company(record.company_id)
        is_done = getattr(record, f"_paylink_done_{self.paylink_key.partition(':')[0]}", None)
        return bool(is_done and is_done(self))
