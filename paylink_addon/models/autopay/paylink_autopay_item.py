import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ...const import Task
from ...tools.texts import said
from ..messaging.paylink_sending_mixin import FAILED_STATUSES, LEFT_STATUSES, NO_ADDRESS, UNSENT_STATUSES

_logger = logging.getLogger(__name__)
# Why a charge came to nothing, as far as the plan of further tries goes.
DECLINES = [
    ("funds", "Not enough money"),
    ("technical", "Technical problem"),
    ("other", "Declined"),
    ("authentication", "The customer must confirm it"),
    ("unfit", "Amount or currency not accepted"),
    ("hard", "Refused for good"),
    ("canceled", "The charge was withdrawn"),
]
# Why a charge can't be announced.
UNTOLD = ("template", "address", "undelivered")
# Why something is not charged on its day although nothing speaks against charging it: names of reasons, see
# ``paylink.autopay.rule._reason_texts``.
LEFT_OUT = [
    ("cap", "More than the limit per charge"),
    ("month_cap", "More than the limit of the month"),
    ("refused", "Not accepted by the provider"),
    ("template", "The e-mail that announces it is missing"),
    ("address", "No e-mail address to announce it"),
    ("undelivered", "Announcement not delivered"),
]
# What is shown of an item: the first of these that holds.
STATUSES = [
    ("charged", "Charged"),
    ("in_progress", "In progress"),
    ("settled", "Nothing due anymore"),
    ("skipped", "Not to be charged"),
    ("ended", "No Further Tries"),
    ("left_out", "Not charged"),
    ("retry", "To be tried again"),
    ("announced", "Announced"),
    ("planned", "Planned"),
]
# Of what of this the task on the customer is; the others have tasks of their own.
TOLD = ("cap", "month_cap", "refused", "undelivered")
# What the notification of a message says that has arrived nowhere, and will not.
IN_VAIN = (*FAILED_STATUSES, "canceled")
# After how long a notice that a mail server did not take is sent anew.
TRY_AGAIN = timedelta(days=1)


class PaylinkAutopayItem(models.Model):
    """What automatic payment has to do with an open item: announced, tried, given up, skipped.

    There is one for each item that rules had anything to do with. Only we write it.
    """

    _name = "paylink.autopay.item"
    _inherit = ["paylink.guard.mixin", "paylink.customer.mixin", "paylink.ending.mixin"]
    _description = "Automatic Payment of an Item"
    _order = "id desc"
    _rec_name = "move_id"

    move_line_id = fields.Many2one(
        "account.move.line", string="Journal Item", required=True, readonly=True, ondelete="cascade"
    )
    move_id = fields.Many2one(
        "account.move", string="Document", required=True, readonly=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    rule_id = fields.Many2one("paylink.autopay.rule", readonly=True, ondelete="set null", index="btree_not_null")
    token_id = fields.Many2one("payment.token", string="Payment Profile", readonly=True, ondelete="set null")
    link_id = fields.Many2one(
        "paylink.link", string="Collection Link", readonly=True, ondelete="set null", index="btree_not_null"
    )
    name = fields.Char(
        string="Open item", compute="_compute_item_name", help="The installment, where there are several."
    )
    currency_id = fields.Many2one(related="move_line_id.currency_id")
    amount = fields.Monetary("Amount", related="move_line_id.amount_currency")
    noticed_on = fields.Date(string="Announced on", readonly=True)
    charge_on = fields.Date(string="Announced for", readonly=True)
    announced_amount = fields.Monetary(readonly=True)
    announced_token_id = fields.Many2one(
        "payment.token", string="Announced Payment Profile", readonly=True, ondelete="set null"
    )
    notice_message_id = fields.Many2one(
        "mail.message", readonly=True, ondelete="set null", index="btree_not_null", help="By which it was announced."
    )
    notice_email = fields.Char(string="Announced to", readonly=True)
    # When a run has found that the announcement has left: it may have been before.
    left_on = fields.Date(string="Sent on", readonly=True)
    # How often in a row none has left by its day.
    withdrawals = fields.Integer(readonly=True)
    left_out = fields.Selection(
        LEFT_OUT,
        string="Left out",
        readonly=True,
        help="Why it is not charged on its day. Reminders go on, and each run looks at it again.",
    )
    tries = fields.Integer(readonly=True)
    next_on = fields.Date(string="Next Try", readonly=True)
    decline = fields.Selection(DECLINES, string="Last Try", readonly=True)
    is_charged = fields.Boolean(string="Charged", readonly=True, help="It was charged once: never again by itself.")
    is_ended = fields.Boolean(string="No Further Tries", readonly=True)
    is_skipped = fields.Boolean(string="Not to be charged", readonly=True, help="It is not charged automatically.")
    by_customer = fields.Boolean(string="By the customer", readonly=True)
    status = fields.Selection(STATUSES, compute="_compute_status")
    reason = fields.Char(compute="_compute_status", help="Why it is not charged, or was declined last.")
    can_charge = fields.Boolean(compute="_compute_can", help="The user may charge what is open of it by hand.")
    can_open_link = fields.Boolean(compute="_compute_can")

    _item_unique = models.UniqueIndex("(move_line_id)")

    # === COMPUTE METHODS === #

    @api.depends("move_line_id")
    def _compute_item_name(self):
        labels = self.sudo().move_line_id._paylink_labels()
        for row in self:
            row.name = labels.get(row.sudo().move_line_id.id)

    @api.depends("is_charged", "is_skipped", "is_ended", "left_out", "decline", "next_on", "charge_on")
    @api.depends("move_line_id.reconciled", "move_id.state")
    @api.depends_context("lang")
    def _compute_status(self):
        reasons = {name: dict(self._fields[name]._description_selection(self.env)) for name in ("left_out", "decline")}
        in_flight = self.sudo().move_line_id._paylink_in_flight()
        for row in self:
            holds = {
                "charged": row.is_charged,
                "in_progress": row.sudo().move_line_id in in_flight,
                "settled": row.sudo().move_line_id.reconciled or row.sudo().move_id.state != "posted",
                "skipped": row.is_skipped,
                "ended": row.is_ended,
                "left_out": row.left_out,
                "retry": row.next_on,
                "announced": row.charge_on,
            }
            row.status = next((status for status, is_so in holds.items() if is_so), "planned")
            why = {"left_out": "left_out", "ended": "decline", "retry": "decline"}.get(row.status)
            row.reason = why and reasons[why].get(row[why])

    @api.depends("name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for row in self:
            row.display_name = row.name

    @api.depends("move_id", "link_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_can(self):
        moves = self.sudo().move_id.sudo(False)._filtered_access("read")
        moves -= moves.sudo().line_ids._paylink_in_flight().move_id
        links = self.sudo().link_id.sudo(False)._filtered_access("read")
        for row in self:
            item = row.sudo().move_line_id
            token = item.partner_id.commercial_partner_id.with_company(item.company_id).paylink_token_id
            is_due = item.move_id.state == "posted" and not item.reconciled and not row.is_charged
            row.can_charge = bool(is_due and item.move_id.id in moves.ids and token._paylink_autopay_usable())
            row.can_open_link = row.sudo().link_id.id in links.ids

    # === ACTIONS === #

    def action_skip(self):
        """Do not charge these automatically."""
        return self._skip_by_user(True)

    def action_resume(self):
        """Let the rules charge them again."""
        return self._skip_by_user(False)

    def _skip_by_user(self, is_skipped):
        self._check_user()
        self.check_access("read")
        self.sudo()._skip(is_skipped)
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_charge_now(self):
        """Open the dialog that charges what is open of the document by hand."""
        self.ensure_one()
        self._check_user()
        self.check_access("read")
        return self.sudo().move_id.sudo(False).action_paylink_charge_now()

    def action_open_link(self):
        """Open the collection link of the last charge."""
        self.ensure_one()
        self.check_access("read")
        link = self.sudo().link_id.sudo(False)
        link.check_access("read")
        return link._get_records_action()

    # === OF ITEMS === #

    @api.model
    def _of_items(self, items):
        """The rows of journal items, in sudo mode; those that are missing are made."""
        rows = self.sudo().search([("move_line_id", "in", items.ids)])
        missing = items.sudo() - rows.move_line_id
        return rows | self.sudo().create(
            [
                {
                    "move_line_id": item.id,
                    "move_id": item.move_id.id,
                    "partner_id": item.partner_id.commercial_partner_id.id,
                    "company_id": item.company_id.id,
                }
                for item in missing
            ]
        )

    @api.model
    def _of_customers(self, customers, company):
        """The rows of what these owe to ``company``, in sudo mode."""
        rows = self.sudo()
        return (
            rows.search([("partner_id", "in", customers.ids), ("company_id", "=", company.id)]) if customers else rows
        )

    # === ANNOUNCED === #

    def _note_announced(self, charge, date, day, emails):
        """The customer was told on ``date`` that these are charged on ``day``, as parts of ``charge``."""
        rule, shares = self.env["paylink.autopay.rule"].browse(charge.rule_id), charge.shares()
        self.write({"rule_id": rule.id, "noticed_on": date, "charge_on": day, "announced_token_id": charge.token_id})
        self.left_on = False
        for row in self:
            row.announced_amount = shares[row.move_line_id.id]
        env = rule.sudo().company_id._paylink_env()
        text = env._(
            "Automatic payment on %(date)s announced to %(emails)s.", date=format_date(env, day), emails=emails
        )
        self.move_id._message_log_batch(dict.fromkeys(self.move_id.ids, text))

    def _forget_notice(self):
        """What was said does not hold anymore: the customer is told anew before the charge. What has not left yet is
        not sent, nor does it count for what else it tells of.
        """
        untold = self | self._withdraw_notices()
        untold.write({"noticed_on": False, "charge_on": False, "announced_amount": 0, "announced_token_id": False})
        untold.left_on = False

    def _withdraw_notices(self):
        """Have the notices about these not sent that have left nowhere yet.

        :return: all that they tell of
        """
        messages = self.filtered("noticed_on").notice_message_id
        waiting = messages._paylink_waiting()
        taken = messages._paylink_take_back() & waiting
        told = self.sudo().search([("notice_message_id", "in", taken.ids)]) if taken else self.sudo().browse()
        told.notice_message_id = False
        for company, rows in told.grouped("company_id").items():
            text = company._paylink_env()._("The announcement of the automatic payment was withdrawn: it had not left.")
            rows.move_id._message_log_batch(dict.fromkeys(rows.move_id.ids, text))
        return told

    @api.model
    def _failed_notice_sql(self, message):
        """Whether a notice was delivered to nobody.

        :param SQL message: the id of its ``mail.message``
        """
        return SQL(
            """(SELECT bool_and(fate.notification_status IN %s)
                  FROM mail_notification fate WHERE fate.mail_message_id = %s)""",
            IN_VAIN,
            message,
        )

    @api.model
    def _newly_left(self, company):
        """The rows of what is to be charged whose notices have left, in sudo mode, where no run has noted that."""
        domain = Domain("company_id", "=", company.id) & Domain("noticed_on", "!=", False)
        domain &= Domain("left_on", "=", False) & Domain("is_charged", "=", False)
        has_left = Domain("notice_message_id.notification_ids.notification_status", "in", LEFT_STATUSES)
        return self.sudo().search(domain & has_left)

    def _note_left(self, date):
        """Their notices have left by ``date``: from then on customers have the time that was left, however long the
        outbox stood still. A day less, as a run may find out only after midnight; never on the same day.
        """
        for row in self:
            days = min(row.rule_id.notice_days, (row.charge_on - row.noticed_on).days)
            first = date + timedelta(days=max(days - 1, 1))
            row.write({"left_on": date, "charge_on": max(row.charge_on, first), "withdrawals": 0})

    def _notice_is(self, *statuses):
        """Whether there is a notice, and all of its addresses have one of these statuses."""
        fates = set(self.notice_message_id.notification_ids.mapped("notification_status"))
        return bool(fates) and fates <= set(statuses)

    @api.model
    def _take_back_unsent(self, item_ids, date):
        """Notices about these items that have left nowhere by the day that they name, ``date`` or before, are not sent
        anymore: the customers are told anew, of a later one.

        :return: the ids of items whose notices leave just now, or have since the run began: the next one notes that
        """
        due = [("noticed_on", "!=", False), ("charge_on", "<=", date), ("left_on", "=", False)]
        told = self.sudo().search([("move_line_id", "in", list(item_ids)), *due])
        withdrawn = told._withdraw_notices()
        withdrawn._forget_notice()
        for row in withdrawn:
            row.withdrawals += 1
        return set((told - withdrawn).filtered("notice_message_id.notification_ids").move_line_id.ids)

    @api.model
    def _addresses_in_vain(self, item_ids):
        """Where notices about these items were not delivered, and would not be now, and forget these notices.

        What a mail server only did not take for the moment is worth another try after a day.

        :return: a set of ``(customer id, addresses)``
        """
        rows = self.sudo().search([("move_line_id", "in", list(item_ids)), ("notice_message_id", "!=", False)])
        failed = rows.filtered(lambda row: row._notice_is(*IN_VAIN))
        failed.filtered("noticed_on")._forget_notice()
        again = fields.Datetime.now() - TRY_AGAIN
        return {
            (row.partner_id.id, row.notice_email)
            for row in failed
            if row.notice_message_id.date > again
            or any(
                fate.notification_status == "bounce" or fate.failure_type in NO_ADDRESS
                for fate in row.notice_message_id.notification_ids
            )
        }

    # === LEFT OUT === #

    @api.model
    def _note_left_out(self, dues, reasons):
        """Mark what of ``dues`` is not charged on its day, so that it is reminded of, and have people told once; the
        others lose their mark.

        :param list dues: ``Due`` of ``paylink_autopay_rule_pick.py``
        :param dict reasons: why some are left out, by id of item; those that are no matter of a mark are ignored
        """
        names = dict(LEFT_OUT)
        reasons = {item_id: name for item_id, name in reasons.items() if name in names}
        rules = {due.item_id: due.rule_id for due in dues}
        marked = self.sudo().search([("move_line_id", "in", list(rules)), ("left_out", "!=", False)])
        items = self.env["account.move.line"].browse([item_id for item_id in rules if item_id in reasons])
        changed = (marked | self._of_items(items)).filtered(
            lambda row: row.left_out != reasons.get(row.move_line_id.id, False)
        )
        for row in changed:
            row.left_out = reasons.get(row.move_line_id.id, False)
            row.rule_id = rules[row.move_line_id.id]
        changed._tell_left_out()

    @api.model
    def _of_company_left_out(self, company, seen):
        """The rows of ``company`` whose mark no run has looked at: nobody would charge them now anyway. Of those that
        were announced once more the mark stays until that is delivered.

        :param seen: the ids of items that were looked at
        """
        domain = Domain("company_id", "=", company.id) & Domain("left_out", "!=", False)
        rows = self.sudo().search(domain & Domain("move_line_id", "not in", list(seen)))
        return rows.filtered(lambda row: row.left_out != "undelivered" or not row._is_notice_on_its_way())

    def _is_notice_on_its_way(self):
        """Whether it was announced, and the mail server has not said anything of it yet."""
        return bool(self.noticed_on) and self._notice_is(*UNSENT_STATUSES, "pending")

    def _keep_no_mark(self):
        self.left_out = False
        self._tell_left_out()

    def _tell_left_out(self):
        """Give who is responsible one task for each customer of whom something is left out; it says what it is now.

        Who has no address is told of by a task of its own (``Task.AUTOPAY_ADDRESS``).
        """
        tasks = self.env["paylink.task.mixin"]
        for rule in self.filtered(lambda row: row.left_out == "template").rule_id:
            tasks._give(rule, Task.AUTOPAY_TEMPLATE, rule._template_texts, rule._responsible())
        told = self.env["paylink.autopay.page"].sudo().browse(tasks._about(Task.AUTOPAY_LEFT_OUT) if self else ())
        for company, rows in self.grouped("company_id").items():
            for page in told.exists().filtered(lambda page, rows=rows: page.partner_id in rows.partner_id):
                tasks._reword(page.partner_id, Task.AUTOPAY_LEFT_OUT, page._left_out_texts, about=page)
            new = rows.filtered(lambda row: row.left_out in TOLD).grouped("partner_id")
            owner = rows.rule_id.with_company(company)._responsible()[:1]
            customers = self.env["res.partner"].concat(*new)
            for page in told.with_company(company)._for_customers(customers, company, owner):
                user = new[page.partner_id].rule_id.with_company(company)._responsible()[:1]
                tasks._give(page.partner_id, Task.AUTOPAY_LEFT_OUT, page._left_out_texts, user, about=page)

    # === SKIPPED === #

    def _skip(self, is_skipped, by_customer=False):
        """Do not charge these automatically, or do it again; it is told on the documents."""
        changed = self.filtered(lambda row: row.is_skipped != is_skipped)
        changed.write({"is_skipped": is_skipped, "by_customer": by_customer and is_skipped})
        if is_skipped:
            changed.link_id.transaction_ids._paylink_withdraw_autopay()
        changed._forget_notice()
        for move, _rows in changed.grouped("move_id").items():
            env = move.company_id._paylink_env()
            if by_customer:
                text = env._("The customer objects to the automatic payment: it is not charged.")
            elif is_skipped:
                text = env._("It is not charged automatically.")
            else:
                text = env._("It may be charged automatically again.")
            move._message_log(body=text, author_id=self.env.user.partner_id.id)

    # === CHARGED === #

    def _note_started(self, rule, token):
        """A charge of these to ``token`` is stored; tries are counted for each method anew."""
        self.filtered(lambda row: row.token_id != token).tries = 0
        self.write({"rule_id": rule.id, "token_id": token.id, "next_on": False})

    @api.model
    def _of_charge(self, transaction):
        """The rows of what a charge was for."""
        domain = Domain("move_line_id", "in", transaction.paylink_id.line_ids.move_line_id.ids)
        return self.sudo().search(domain & Domain("link_id", "=", transaction.paylink_id.id))

    def _note_charged(self):
        """What was charged once is never charged again by itself."""
        self.write({"is_charged": True, "is_ended": True, "next_on": False})

    def _note_failed(self, transaction):
        """The next day of the plan for this reason, of each by how often it was tried; or there is none."""
        kind = transaction._paylink_decline_kind()
        if kind == "hard":
            transaction.token_id.sudo().paylink_refused_at = fields.Datetime.now()
        today = transaction.company_id._paylink_today()
        for (rule, before), rows in self.grouped(lambda row: (row.rule_id, row.tries)).items():
            wait = rule._retry_after(kind, before + 1)
            next_on = wait and fields.Date.add(today, days=wait)
            rows.write({"tries": before + 1, "decline": kind, "next_on": next_on, "is_ended": not next_on})

    @api.model
    def _tell_failed(self, transactions):
        """Tell on the documents that it came to nothing, and when it is tried again."""
        for tx in transactions:
            env = tx.company_id._paylink_env()
            reason = said(tx._paylink_last_reason(), env) or env._("The provider gave no reason.")
            for next_on, rows in self._of_charge(tx).grouped("next_on").items():
                text = env._("The automatic payment failed. %(reason)s", reason=reason)
                if next_on:
                    text += " " + env._("It is tried again on %(date)s.", date=format_date(env, next_on))
                rows.move_id._message_log_batch(dict.fromkeys(rows.move_id.ids, text))

    # === AT THE END === #

    @api.model
    def _end_plan(self, transactions):
        """Do what the rule says of what could not be charged; where the customer has to confirm it, ask at once."""
        for tx in transactions:
            ended = self._of_charge(tx).filtered("is_ended")
            kind, rule = tx._paylink_decline_kind(), ended.rule_id[:1]
            if not ended or kind == "canceled":
                continue
            tx.paylink_id.transaction_ids._paylink_stripe_close_declined()
            if kind == "authentication" or rule.at_end == "link":
                self._ask_customer(tx)
            elif rule.at_end == "task" or not rule:
                self._give_end_task(tx)

    @api.model
    def _ask_customer(self, transaction):
        """Send the link of the charge: on its page the customer pays otherwise, or the bank can ask them."""
        link = transaction.paylink_id
        sent = link.with_user(link._task_users()).sudo()
        problem = link._recipient_problem(link.partner_id, link.email, link.phone, link.send_email, link.send_sms)
        if problem or not link._is_live() or not (link.send_email or link.send_sms):
            self._give_end_task(transaction)
            return
        try:
            with self.env.cr.savepoint():
                sent._send_out()
        except UserError as error:  # whatever it is, a person has to see to it
            _logger.info("%s could not be sent: %s", link.name, error)
            self._give_end_task(transaction)

    @api.model
    def _give_end_task(self, transaction):
        link = transaction.paylink_id
        link._give_task(Task.AUTOPAY_FAILED, transaction._paylink_autopay_failed_texts, about=transaction, ever=True)

    # === TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"is_skipped", "left_out"}

    def _paylink_task_subjects(self):
        """Also the pages of their customers, and their rules."""
        pages = self.env["paylink.autopay.page"].sudo().search([("partner_id", "in", self.partner_id.ids)])
        return [*super()._paylink_task_subjects(), pages, self.rule_id]

    def _paylink_done_autopay_objection(self, _task):
        """It is paid, or may be charged again."""
        return self.move_line_id.reconciled or not self.is_skipped

    # === RIGHTS === #

    def _check_user(self):
        if not self.env.user.has_group("paylink_addon.group_paylink_user"):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
