from markupsafe import Markup
from odoo import api, models
from odoo.fields import Domain

TODO = "mail.mail_activity_data_todo"


class PaylinkTaskMixin(models.AbstractModel):
    """Tasks (``mail.activity``) that people are given, each known by a key that no language changes.

    What they are about, and their keys: :class:`~odoo.addons.paylink_addon.const.Task`. A model of ours inherits this,
    says who gets the tasks of a record, and gives and postpones them on it. For records of Odoo's models, and for tasks
    on no record, the methods of the model do the same: ``self.env["paylink.task.mixin"]._give(…)``. They end by
    themselves when what they ask for is done: see ``paylink.ending.mixin``.

    All work in sudo mode: who gets a task need not be who caused it.
    """

    _name = "paylink.task.mixin"
    _inherit = ["paylink.ending.mixin"]
    _description = "Tasks"

    # === ON RECORDS OF OURS === #

    def _task_users(self):
        """Hook: who gets the tasks of this record."""
        raise NotImplementedError

    def _seen_by(self, user):
        """These as ``user`` has them, in all of that person's companies: whose page or job this is may be in others."""
        return self.with_user(user).with_context(allowed_company_ids=[])  # none are chosen: all

    def _give_task(self, key, texts, **options):
        """Give whoever it concerns a task on this record. See :meth:`_give`."""
        self.ensure_one()
        self.env["paylink.task.mixin"]._give(self, key, texts, self._task_users(), **options)

    def _postpone_task(self, key, deadline, about=None):
        """See :meth:`_postpone`."""
        self.env["paylink.task.mixin"]._postpone(self, key, deadline, about=about)

    def _end_task(self, key, about=None, feedback=None):
        """See :meth:`_end`."""
        self.env["paylink.task.mixin"]._end(self, key, about=about, feedback=feedback)

    # === ON ANY RECORD, OR NONE === #

    @api.model
    def _give(
        self, records, key, texts, users, *, about=None, deadline=None, activity_type=TODO, ever=False, quiet=False
    ):
        """Give ``users`` a task on each of ``records``, worded in the language of each, unless it is given already.

        A task for several people is given to each who does not have it. One for a single person is given once, whoever
        has it by now: people hand tasks on.

        :param records: of a model with ``mail.activity.mixin``; None: a task on no record
        :param str key: one of those in ``const.Task``
        :param texts: function of an environment in the reader's language; returns the summary, and the note as text, as
            markup, or as a dict of these by id of record
        :param users: who gets it; empty: nobody
        :param about: a record that tells this task from others with the same key on the same record
        :param date deadline: default the day it is where each of ``users`` is
        :param str activity_type: XML id
        :param bool ever: a task that is done is given already; by default, only open ones are
        :param bool quiet: nobody is notified: the task is found in the list
        """
        if self.env.context.get("mail_activity_automation_skip"):
            return
        missing = self._missing(records, key, users, about, ever)
        values = self._task_values(records, key, about, activity_type)
        subject = {"paylink_about_model": about._name, "paylink_about_id": about.id} if about else {}
        new = []
        for lang, readers in users.filtered(missing.get).grouped("lang").items():
            summary, note = texts(self.with_context(lang=lang).env)
            new += [
                values
                | (subject or _itself(records, res_id))
                | {
                    "res_id": res_id,
                    "user_id": user.id,
                    "summary": summary,
                    "note": _html(note, res_id),
                    "date_deadline": deadline or user.partner_id._paylink_today(user.company_id),
                }
                for user in readers
                for res_id in missing[user]
            ]
        if new:
            self.env["mail.activity"].sudo().with_context(mail_activity_quick_update=quiet).create(new)

    @api.model
    def _postpone(self, records, key, deadline, about=None):
        """Give the open tasks of this key another deadline."""
        tasks = self._tasks(records, key, about)
        if changed := tasks.filtered(lambda task: task.date_deadline != deadline):
            changed.date_deadline = deadline

    @api.model
    def _reword(self, records, key, texts, about=None):
        """Say anew what the open tasks of this key are about: it has changed. See :meth:`_give`."""
        for task in self._tasks(records, key, about):
            summary, note = texts(self.with_context(lang=task.user_id.lang).env)
            task.write({"summary": summary, "note": _html(note, task.res_id)})

    @api.model
    def _end(self, records, key, about=None, feedback=None):
        """End the open tasks of this key, whoever has them.

        :param str feedback: why they are done, for the timeline; None: they are taken away without a word
        """
        tasks = self._tasks(records, key, about)
        if feedback is None:
            tasks.unlink()
        else:
            tasks.action_feedback(feedback=feedback)

    # === HELPERS === #

    def _tasks(self, records, key, about=None, ever=False):
        """The tasks of this key: open ones, or all that there have ever been."""
        domain = [("paylink_key", "=", _full_key(key, about))]
        if records is None:
            domain.append(("res_model", "=", False))
        else:
            domain += [("res_model", "=", records._name), ("res_id", "in", records.ids)]
        Activity = self.env["mail.activity"].sudo().with_context(active_test=not ever)
        return Activity.search_fetch(domain, ["res_id", "user_id"])

    def _about(self, key):
        """The open tasks of this key, wherever they stand, by id of the record that they are about."""
        tasks = self.env["mail.activity"].sudo()
        return tasks.search_fetch([("paylink_key", "=like", f"{key}:%")], ["paylink_about_id"]).grouped(
            "paylink_about_id"
        )

    def _open_by_record(self, keys, model):
        """The open tasks of these keys about records of ``model``, by that record."""
        same = Domain("paylink_key", "in", keys) | Domain.OR(Domain("paylink_key", "=like", f"{key}:%") for key in keys)
        domain = Domain("paylink_about_model", "=", model) & same
        tasks = self.env["mail.activity"].sudo().search_fetch(domain, ["paylink_about_id"]).grouped("paylink_about_id")
        return {record: tasks[record.id] for record in self.env[model].sudo().browse(tasks).exists()}

    def _missing(self, records, key, users, about, ever):
        """On which records, by id, each of ``users`` still needs the task."""
        holders = {res_id: users.browse() for res_id in ([False] if records is None else records.ids)}
        for task in self._tasks(records, key, about, ever):
            holders[task.res_id or False] |= task.user_id
        if len(users) == 1:
            return {users: [res_id for res_id, known in holders.items() if not known]}
        return {user: [res_id for res_id, known in holders.items() if user not in known] for user in users}

    def _task_values(self, records, key, about, activity_type):
        values = {"paylink_key": _full_key(key, about), "automated": True}
        if records is not None:
            values["res_model_id"] = self.env["ir.model"]._get_id(records._name)
        # Somebody may have deleted the type: then it is Odoo's default.
        if type_id := self.env["ir.model.data"]._xmlid_to_res_id(activity_type, raise_if_not_found=False):
            values["activity_type_id"] = type_id
        return values


def _full_key(key, about):
    return f"{key}:{about.id}" if about else key


def _itself(records, res_id):
    """What a task is about that is about nothing else: the record that it stands on."""
    return {"paylink_about_model": records._name, "paylink_about_id": res_id} if records else {}


def _html(note, res_id):
    """The note of one record, as markup."""
    if isinstance(note, dict):
        note = note.get(res_id, "")
    return note if isinstance(note, Markup) or not note else Markup("<p>%s</p>") % note
