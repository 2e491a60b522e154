import contextlib
import json
import re
import traceback
from collections import defaultdict
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.fields import Domain
from odoo.models import MAGIC_COLUMNS
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .common import ROLES
from .rpc_common import EVERYBODYS, OURS, SPACES, RpcCommon

# What refuses a call. Odoo turns what the database refuses into an error in words.
REFUSALS = (UserError, RedirectWarning, IntegrityError)
# Odoo's dialogs that lead into what we do, without a class of ours.
DIALOGS = ("payment.refund.wizard",)
# What else the dialogs of Odoo that we extend can be told to do.
CONFIRM = ("action_create_payments", "action_refund", "action_merge")
IN_ADDONS = re.compile(r"/paylink_addon\w*/(?:models|wizards|tools)/")
WRITING = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)
READING = ("web_read", "read", "export_data", "search_read", "web_search_read", "search_count", "name_search")
READING += ("fields_get", "formatted_read_group")
# What Odoo calls by way of ours, and fails in.
PASSED_ON = ("create", "write", "onchange", "default_get", "_compute_field_value")
# Written by whoever calls whatever: who is there, and what jobs are to do.
NOTES = {"ir_cron_trigger", "mail_presence", "bus_bus"}


@tagged("post_install", "-at_install")
class TestRpc(RpcCommon):
    """Whatever a client may call of ours, with ids of what its user may not read: it learns and changes nothing.

    Models, fields and methods are found by themselves, so that new ones are tried too: our models, and what we add to
    Odoo's. Whatever refuses a call says so in words.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = dict(zip(ROLES, cls._people(*ROLES), strict=True))
        cls.users["stranger"] = cls._user("rpc-stranger", ROLES["manager"], cls.other)
        cls.users["portal"] = cls._create_new_portal_user(login="rpc-portal")
        cls.users["public"] = cls.env.ref("base.public_user")
        cls.env.flush_all()

    def setUp(self):
        super().setUp()
        self.changed, self.found = set(), {}
        cursor = type(self.env.cr)
        execute = cursor.execute

        def noting(cr, query, *args, **options):
            if found := WRITING.match(query if isinstance(query, str) else getattr(query, "code", "")):
                self.changed.add(found[1])
            return execute(cr, query, *args, **options)

        self.startPatcher(patch.object(cursor, "execute", noting))

    # === CALLS === #

    def _as_user(self, model, ids=(), context=None):
        return self.env(user=self.user.id, su=False, context={**self.context, **(context or {})})[model].browse(ids)

    def _call(self, model, method, *args, context=None, **kwargs):
        """Call as a client does, and look for marks in the answer, or the refusal; what it has changed is noted.

        :return: the answer; ``None`` if it is refused
        """
        answer = refusal = None
        self.changed = set()
        try:
            with self.env.cr.savepoint(flush=method not in READING):
                answer = call_kw(self._as_user(model, context=context), method, list(args), kwargs)
        except REFUSALS as error:
            refusal, self.changed = error, set()
        except AssertionError as error:  # it would be committed: what may be done is done
            if "commit" not in str(error):
                raise
        except Exception as error:  # noqa: BLE001  whatever it is, a client gets it as it is
            refusal = error
            frames = traceback.extract_tb(error.__traceback__)
            ours = [frame for frame in frames if IN_ADDONS.search(frame.filename) and frame.name not in PASSED_ON]
            if ours:
                place = " > ".join(f"{frame.filename.rpartition('/')[2]} {frame.name}" for frame in ours[-3:])
                self._tell(model, method, args, context, f"{type(error).__name__} in {place}: {error}")
        told = json.dumps([answer, str(refusal or "")], default=str, ensure_ascii=False).translate(SPACES)
        for mark in self.forbidden:
            if mark in told:
                self._tell(model, method, args, context, mark)
        return answer

    def _tell(self, model, method, args, context, what):
        """Note that something is wrong: once, with the first call and all users."""
        users, _call = self.found.setdefault((f"{model}.{method}", what), (set(), f"{args!r:.150} {context or ''}"))
        users.add(self.name)

    def _as_each(self, probe):
        """Run ``probe`` as each user, undone after each; tell at last all that was found."""
        for name, user in self.users.items():
            self.name, self.user = name, user
            companies = self.user.sudo().company_ids
            self.context = {"lang": "en_US", "tz": "Europe/Paris", "allowed_company_ids": companies.ids}
            self.readable = set(filter(self._can_read, self.marks))
            matches = [record.sudo() for record in self.readable if record._name == "paylink.bank.match"]
            self.decided = {match.line_id for match in matches}  # who decides on a match has its line reconciled
            known = [marks for record, marks in self.marks.items() if record in self.readable]
            self.forbidden = set().union(*self.marks.values()) - set().union(*known)
            self.fields = {}
            savepoint = self.env.cr.savepoint()
            # What lacks a value is refused by the database; what has no name is not found by it.
            with mute_logger("odoo.sql_db", "odoo.models"):
                probe()
            savepoint.close(rollback=True)
        lines = [f"{name}: {what} ({', '.join(users)}) {call}" for (name, what), (users, call) in self.found.items()]
        self.assertFalse(lines, "\n".join(lines))

    def _can_read(self, record):
        return self._as_user(record._name, record.ids).has_access("read")

    # === MODELS, FIELDS, METHODS === #

    def _dialogs(self):
        """Dialogs of Odoo's that we extend."""
        return [name for name in self._inherited() if self.env[name]._transient] + list(DIALOGS)

    def _our_fields(self, model):
        """The fields that the user is told of: all of a model of ours and of dialogs, of others' ours."""
        if model not in self.fields:
            may = self._as_user(model).has_access("read")
            told = self._call(model, "fields_get", attributes=["groupable", "searchable"]) if may else {}
            everything = model.startswith(OURS) or self.env[model]._transient
            self.fields[model] = {
                name: found for name, found in told.items() if everything or name.startswith("paylink_")
            }
        return self.fields[model]

    def _spec(self, model):
        """What the web client asks for: the names of what fields lead to, too."""
        fields_ = self.env[model]._fields
        return {
            name: {"fields": {"display_name": {}}} if fields_[name].relational else {}
            for name in self._our_fields(model)
        }

    # === READING === #

    def _read_all(self, model):
        names = list(self._our_fields(model))
        for record in self.hidden.get(model, ()):
            self._call(model, "web_read", record.ids, self._spec(model))
            self._call(model, "export_data", record.ids, [name for name in names if name not in MAGIC_COLUMNS])
            self._call(model, "copy", record.ids)

    def _search_all(self, model):
        self._call(model, "web_search_read", [], self._spec(model))
        self._call(model, "name_search", "Mark", limit=None)
        for name, told in self._our_fields(model).items():
            if told["groupable"] and self.env[model]._fields[name].type in ("char", "many2one"):
                self._call(model, "formatted_read_group", [], [name], ["__count"])

    def _seek_all(self, model):
        """What is found by a text tells whoever may guess it: by the fields themselves, and by those they lead to."""
        for name, told in self._our_fields(model).items():
            field = self.env[model]._fields[name]
            if not told["searchable"] or (name == "display_name" and not self.env[model]._rec_name):
                continue  # without a name Odoo finds all there is
            targets = [name] if field.type in ("char", "text") else []
            if field.comodel_name in self.hidden:
                targets += [f"{name}.{key}" for key in self._texts(field.comodel_name)]
            for target in targets:
                marks = Domain.OR([(target, "like", mark)] for mark in self.forbidden)
                if self._call(model, "search_count", list(marks)):
                    self._tell(model, "search_count", marks, None, f"found by {target}")

    def _texts(self, model):
        names = ("access_token", "email", "phone", "reference", "note", "name")
        return [name for name in names if getattr(self.env[model]._fields.get(name), "store", False)]

    def test_reading(self):
        """What is there: by id, by searching, by grouping, by exporting, by copying."""

        def probe():
            for model in [*self._models(), *self._inherited()]:
                if self._our_fields(model):
                    self._read_all(model)
                    self._search_all(model)

        self._as_each(probe)

    def test_searching(self):
        """By what cannot be read nothing is found."""

        def probe():
            for model in [*self._models(), *self._inherited()]:
                self._seek_all(model)

        self._as_each(probe)

    def test_chatter(self):
        """Nor do messages, tasks, attachments and what else hangs on records that the user may read."""
        wizard = self.env["account.move.send.wizard"].with_user(self.boss)
        wizard = wizard.with_context(active_model="account.move", active_ids=self.invoice.ids)
        wizard.create({"paylink_add_link": True}).action_send_and_print()
        texts = {
            "mail.message": ["body", "subject"],
            "mail.activity": ["note", "summary"],
            "ir.attachment": ["name", "description", "index_content"],
            "mail.notification": ["failure_reason", "mail_email_address"],
            "mail.tracking.value": ["old_value_char", "new_value_char"],
            "mail.mail": ["body_html"],
            "sms.sms": ["body"],
        }

        def probe():
            for model, names in texts.items():
                self._call(model, "search_read", [], names)

        self._as_each(probe)

    # === CALLING === #

    def test_every_method_is_tried(self):
        """There is something hidden of each model that has a method of ours, but for dialogs, which are made."""
        models_ = {name for name in (*self._models(), *self._inherited()) if not self.env[name]._transient}
        tried = {name for name in models_ if any(map(self._has_ids(name), self._methods(name)))}
        self.assertEqual(tried - set(self.hidden), EVERYBODYS)

    def _harmless(self):
        """Tables in which a user may leave something whoever it is: dialogs, calls to jobs."""
        return NOTES | {model._table for model in self.env.values() if model._transient}

    def test_actions(self):
        """On what the user may not read no method does anything."""

        def probe():
            for model in [*self._models(), *self._inherited()]:
                for method in self._methods(model):
                    if method == "create":
                        continue  # see test_making
                    arguments = self._arguments(model, method)
                    if not self._has_ids(model)(method):
                        self._undone(model, method, *arguments)
                        continue
                    for record in self._samples(model):
                        if changed := self._undone(model, method, record.ids, *arguments):
                            self._judge(record, method, changed)

        self._as_each(probe)

    def _samples(self, model):
        """Of customers, of whom there are many, those hidden in one way are hidden in the same."""
        records = self.hidden.get(model, ())
        return records - self.alike if model == "res.partner" else records

    def _undone(self, model, method, *args):
        """Call a method, follow it, and undo it.

        :return: the tables that it has changed
        """
        savepoint = self.env.cr.savepoint()
        answer, changed = self._call(model, method, *args), self.changed
        self._follow(answer)
        savepoint.close(rollback=answer is not None or changed)
        return changed

    def _judge(self, record, method, changed):
        """Who may not read a record changes nothing by it. Who may read it has what rights the method gives."""
        if (tables := changed - self._harmless()) and record not in self.readable:
            self._tell(record._name, method, record.ids, None, f"it has changed {', '.join(sorted(tables))}")

    # === MAKING === #

    def _foreign(self, field):
        """Ids of what is hidden, for a field that leads to a model."""
        return self.hidden.get(field.comodel_name, self.env[field.comodel_name]).ids

    def _minimum(self, model):
        """Values with which a record can be made, of what everybody may read."""
        if not model.startswith(OURS):
            return {}
        found = {"partner_id": self.marie.id, "amount": 1.0, "days": 3, "name": "x"}
        if model == "paylink.reminder.hold":
            found["kind"] = "objection"
        fields_ = self.env[model]._fields
        return {name: value for name, value in found.items() if name in fields_ and not fields_[name].readonly}

    def _relations(self, model):
        for name, field in self.env[model]._fields.items():
            if field.type in ("many2one", "many2many") and name not in MAGIC_COLUMNS and self._foreign(field):
                yield name, field

    def _named(self, model):
        """Values that name what is hidden, by field."""
        for name, field in self._relations(model):
            for id_ in self._foreign(field):
                yield name, id_ if field.type == "many2one" else [Command.link(id_)]

    def _values_to_try(self, model):
        """What a client may send: values, and what stands in its context."""
        base = self._minimum(model)
        yield base, {}
        for name, value in self._named(model):
            yield base | {name: value}, {}
            yield {key: found for key, found in base.items() if key != name}, {f"default_{name}": value}
        for source, records in [*self.hidden.items(), ("account.move", self.invoice)]:
            for record in records:
                yield base, {"active_model": source, "active_ids": record.ids, "active_id": record.id}
        for source, records in self._sources(model):
            for record in records:
                chosen = {"source_model": source, "source_ids": record.ids}
                yield base | chosen, {}
                yield base, {f"default_{name}": value for name, value in chosen.items()}

    def _sources(self, model):
        """What may be selected for a dialog that writes to customers, and what may not, for instance."""
        if "source_ids" in self.env[model]._fields:
            models_ = [*self.env[model]._source_models(), "payment.token"]
            yield from [(source, self.hidden[source]) for source in models_ if source in self.hidden]

    def _make_all(self, model):
        """Each way to make one; what says nothing new by its defaults, or is made of the same, is tried once."""
        names, spec, known = list(self._our_fields(model)), self._spec(model), set()
        for number, (values, context) in enumerate(self._values_to_try(model)):
            if context or not number:
                offered = self._call(model, "default_get", names, context=context)
                if self._is_known(known, [sorted(values), offered]):
                    continue
                self._call(model, "onchange", [], {}, [], spec, context=context)
            if values:
                self._call(model, "onchange", [], values, list(values), spec, context=context)
            savepoint = self.env.cr.savepoint()
            if made := self._call(model, "create", [values], context=context):
                if not number:
                    self._write_all(model, made, spec)
                told = self._read_made(model, made, context)
                if not self._is_known(known, [self._relations_of(model, row) for row in told or ()]):
                    self._act_all(model, made, context)
            savepoint.close(rollback=True)

    def _read_made(self, model, made, context):
        """All of it; where something is refused, one field after the other: it would hide what the others tell."""
        told = self._call(model, "web_read", made, self._spec(model), context=context)
        for name in self._our_fields(model) if told is None else ():
            self._call(model, "read", made, [name], context=context)
        return told

    def _is_known(self, known, what):
        """Whether this was seen before, but for what is drawn by lot."""
        what = json.dumps(what, default=str, sort_keys=True)
        what = re.sub(r"[\w-]{24,}|virtual_\w+|NewId_\w+", "", what)
        return what in known or known.add(what)

    def _relations_of(self, model, row):
        fields_ = self.env[model]._fields
        shaping = {"kind", "state", "source_model", "source_ids"}
        return {name: found for name, found in row.items() if name in shaping or fields_[name].type == "many2one"}

    def _write_all(self, model, made, spec):
        for name, value in self._named(model):
            savepoint = self.env.cr.savepoint()
            self._call(model, "web_save", made, {name: value}, spec)
            savepoint.close(rollback=True)

    def _act_all(self, model, made, context):
        before = self._versions()
        for method in [name for name in self._methods(model) if name.startswith("action_")] + self._confirming(model):
            savepoint = self.env.cr.savepoint()
            answer = self._call(model, method, made, context=context)
            changed = self.changed
            self._follow(answer)
            if changed and self._versions() != before:
                after = self._versions()
                tables = sorted(table for table in before if before[table] != after.get(table))
                self._tell(model, method, made, context, f"it has changed what the user may not read: {tables}")
            savepoint.close(rollback=True)

    def _confirming(self, model):
        return [name for name in CONFIRM if not model.startswith(OURS) and hasattr(self.env[model], name)]

    def _versions(self):
        """What the rows hold that the user may not read."""
        found = {}
        hidden = defaultdict(list)
        for record in set(self.marks) - self.readable - self.decided:
            if record._auto:  # else it is a view of others' rows
                hidden[record._table].append(record.id)
        for table, ids in hidden.items():
            self.env.cr.execute(f"SELECT id, md5({table}::text) FROM {table} WHERE id = ANY(%s) ORDER BY id", [ids])
            found[table] = self.env.cr.fetchall()
        return found

    def _follow(self, answer):
        """Read what an action leads to."""
        if not isinstance(answer, dict) or answer.get("res_model") not in self.env:
            return
        name = answer["res_model"]
        if answer.get("res_id"):
            self._call(name, "read", [answer["res_id"]], list(self._our_fields(name)))
        elif name.startswith(OURS):
            self._call(name, "search_read", answer.get("domain") or [], list(self._our_fields(name)))

    def test_making(self):
        """Each of our models, dialogs first of all, with ids of what is hidden: by value, by default, as selected."""

        def probe():
            for model in [*self._models(), *self._dialogs()]:
                if self._as_user(model).has_access("create"):
                    self._make_all(model)

        self._as_each(probe)

    # === WHO READS === #

    def _derived(self, model, user):
        """What is computed for who reads it, of our fields."""
        told = self.env[model].with_user(user).fields_get(attributes=["type"])
        fields_ = (
            self.env[model]._fields[name] for name in told if model.startswith(OURS) or name.startswith("paylink_")
        )
        return [field.name for field in fields_ if field.compute and not field.store]

    def test_nobody_is_told_what_another_reader_may_see(self):
        """Values are kept for the transaction: not for other readers, where it depends on who reads."""
        message = next(message for message in self.marks if message._name == "paylink.reminder.message")
        message.sudo().copy({"user_id": self.users["seller"].id, "link_ids": [Command.set(message.link_ids.ids)]})
        for name, user in self.users.items():
            for model in [*self._models(), *self._inherited()]:
                if not self.env[model].with_user(user).has_access("read"):
                    continue
                records = self.env[model].with_user(user).search([], order="id desc", limit=30)
                records |= records.browse(self.marie.ids if model == "res.partner" else ())
                if not (names := self._derived(model, user)):
                    continue
                self.env.invalidate_all()
                alone = records.read(names)
                for other in (records.sudo(), records.with_user(self.users["manager"])):
                    self.env.invalidate_all()
                    for field_name in names:
                        with contextlib.suppress(AccessError):
                            other._filtered_access("read").read([field_name])
                    with self.subTest(user=name, model=model, after=other.env.user.login):
                        self.assertEqual(records.read(names), alone)

    def test_what_is_hidden_is_found_where_it_may_be(self):
        """These tests can fail: who may read it finds each mark."""
        self.users = {"admin": self.env.ref("base.user_admin")}
        admin = self.users["admin"]
        admin.company_ids |= self.company | self.other
        self.env["ir.rule"].search([("name", "=", "Hidden contacts")]).active = False

        def probe():
            self.forbidden = {mark for marks in self.marks.values() for mark in marks}
            for model, records in self.hidden.items():
                self._call(model, "read", records.ids)

        with self.assertRaises(AssertionError):
            self._as_each(probe)
        told = "\n".join(what for _name, what in self.found)
        for record, marks in self.marks.items():
            with self.subTest(record=record):
                self.assertTrue(not marks or any(mark in told for mark in marks))
