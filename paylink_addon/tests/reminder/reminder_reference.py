"""What rules remind of, written plainly: one thing after the other, no SQL. Slow and, it is hoped, obviously right.

A *thing* is an open item (a journal item) or a collection link.
"""

import unicodedata
from datetime import timedelta

import pytz
from lxml import html

SIGN = {"before": -1, "on": 0, "after": 1}


def expected(env, company, rules, today, done):
    """What the rules remind of on ``today``: a set of ``(thing, step)``.

    :param done: the reminders that are on record
    """
    found = []
    items = env["account.move.line"].search([("company_id", "=", company.id), ("reconciled", "=", False)])
    items = [item for item in items if is_open_item(item)]
    links = env["paylink.link"].search([("company_id", "=", company.id)])
    links = links.filtered(lambda link: is_open_link(link, today))
    holds = env["paylink.reminder.hold"].with_context(active_test=False).search([])
    allowed = {"link": allowed_of(env, links, holds, today), "invoice": allowed_of(env, owed(items), holds, today)}
    for rule in rules:
        for thing in allowed[rule.kind]:
            if fits(rule, thing, today):
                step = step_of(rule, thing, holds, today)
                if step and not is_done(thing, step, done) and not is_over(env, rule, step, thing):
                    found.append((rule, step, thing))
    found = [pick for pick in found if not told_lately(env, company, pick, today)]
    found = [pick for pick in found if not is_covered(pick, found, items, today)]
    found = [pick for pick in found if pick[0].grouping == manner(pick[2], found)]
    found = [pick for pick in found if pick[0].grouping == "document" or is_early(pick[0]) == moment(pick[2], found)]
    return {(thing, step) for _rule, step, thing in found}


# === WHAT IS OPEN === #


def is_open_item(item):
    return (
        item.account_id.account_type == "asset_receivable"
        and item.parent_state == "posted"
        and not item.reconciled
        and item.partner_id
        and (not item.payment_id or item.payment_id.payment_type == "inbound")
    )


def owed(items):
    return [item for item in items if item.amount_residual_currency > 0]


def is_open_link(link, today):
    if link.state not in ("open", "failed") or not link.sent_at or link.by_reminder:
        return False
    return not link.expires_at or local_date(link, link.expires_at) > today


def allowed_of(env, things, holds, today):
    """Those of which nothing speaks against any reminder."""
    items = env["account.move.line"].union(*(items_of(thing) for thing in things))
    # One look for all: each is as if it were alone.
    busy = items._paylink_in_flight() | unbooked(env) | items._paylink_charged_back()
    return [thing for thing in things if is_allowed(thing, busy, holds.filtered("active"), today)]


def is_allowed(thing, busy, holds, today):
    items = items_of(thing)
    if items & busy or (is_link(thing) and thing.has_chargeback):
        return False
    if "blocked" in items.move_id.mapped("payment_state"):
        return False
    if any(item.no_followup and not (is_link(thing) and item.journal_id.type == "general") for item in items):
        return False
    return not any(not hold.date_until or hold.date_until >= today for hold in holds_of(thing, holds))


def holds_of(thing, holds):
    """Those of the promises and objections that are about the thing."""
    items = items_of(thing)
    return [
        hold
        for hold in holds
        if (hold.move_id in items.move_id if hold.move_id else customer(thing) == hold.partner_id)
    ]


def unbooked(env):
    """What customers have paid by some link, whose money is not in the books yet."""
    confirmed = env["payment.transaction"].sudo().search([("state", "=", "done"), ("is_post_processed", "=", False)])
    return confirmed.paylink_id.line_ids.move_line_id


# === WHAT A THING IS === #


def is_link(thing):
    return thing._name == "paylink.link"


def items_of(thing):
    return thing.line_ids.move_line_id if is_link(thing) else thing


def local_date(link, moment):
    return pytz.utc.localize(moment).astimezone(pytz.timezone(link.company_id.paylink_tz)).date()


def customer(thing):
    return thing.partner_id.commercial_partner_id


def contact(thing):
    """Who was invoiced, if that is the customer."""
    invoiced = None if is_link(thing) else thing.move_id.partner_id
    return invoiced if invoiced and invoiced.commercial_partner_id == customer(thing) else thing.partner_id


def due_day(thing):
    return local_date(thing, thing.sent_at) if is_link(thing) else thing.date_maturity or thing.date


def document_day(thing):
    if is_link(thing):
        return local_date(thing, thing.issued_at)
    return thing.move_id.invoice_date or thing.move_id.date


def texts(thing):
    if is_link(thing):
        return [thing.reference, thing.name]
    move = thing.move_id
    return [move.ref, move.payment_reference, html.fromstring(move.narration).text_content() if move.narration else ""]


def amount(thing, today):
    if not is_link(thing):
        return thing.amount_residual
    company = thing.company_id
    return thing.currency_id._convert(thing.amount_due, company.currency_id, company, today, round=False)


def salesperson(thing):
    return thing.user_id if is_link(thing) else thing.move_id.invoice_user_id


def plain(text):
    """Small letters, no accents, plain spaces."""
    letters = unicodedata.normalize("NFD", text or "").replace("\u00a0", " ")
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).lower()


# === WHAT A RULE LEAVES OUT === #


def fits(rule, thing, today):
    """The rule leaves nothing out that the thing is."""
    if not fits_customer(rule, thing) or not fits_memo(rule, thing):
        return False
    if rule.ignore_before and document_day(thing) < rule.ignore_before:
        return False
    if rule.amount_min and amount(thing, today) < rule.amount_min:
        return False
    if rule.salesperson_ids and salesperson(thing) not in rule.salesperson_ids:
        return False
    return is_link(thing) or fits_invoice(rule, thing.move_id)


def fits_customer(rule, thing):
    people = customer(thing) | contact(thing)
    if rule.customer_mode != "all":
        tags = people.with_context(active_test=False).category_id
        chosen = bool(people & rule.partner_ids) or any(tag_chosen(tag, rule) for tag in tags)
        if chosen != (rule.customer_mode == "only"):
            return False
    return rule.autopay == "any" or customer(thing).paylink_autopay == (rule.autopay == "with")


def fits_memo(rule, thing):
    if rule.memo_mode == "off":
        return True
    says_so = any(plain(rule.memo_text.strip()) in plain(text) for text in texts(thing))
    return says_so == (rule.memo_mode == "include")


def fits_invoice(rule, move):
    """Links have neither payment terms nor a journal."""
    if not rule.all_terms and move.invoice_payment_term_id and move.invoice_payment_term_id not in rule.term_ids:
        return False
    return not rule.journal_ids or move.journal_id in rule.journal_ids


def tag_chosen(tag, rule):
    while tag:
        if tag in rule.category_ids:
            return True
        tag = tag.parent_id
    return False


# === WHEN === #


def step_of(rule, thing, holds, today):
    """The step whose day has come last, unless that is too long ago, or the end of what has held it up."""
    due = due_day(thing)
    if rule.kind == "invoice" and rule.condition == "before" and due <= today:
        return None
    sign = 1 if rule.kind == "link" else SIGN[rule.condition]
    come = []
    for step in rule.step_ids:
        day = due + timedelta(days=step.days * sign)
        if day <= today:
            come.append((day, step))
    if not come:
        return None
    day, step = max(come, key=lambda pair: pair[0])
    limit = max(rule.company_id.paylink_reminder_catchup_days, rule.company_id.paylink_reminder_gap_days)
    free = [hold.date_until for hold in holds_of(thing, holds) if hold.date_until and hold.date_until < today]
    return step if (today - max([day, *free])).days <= limit else None


def rows_of(thing, rows):
    """What is on record of the thing, or of an item of the invoice that other payment terms have replaced."""
    if is_link(thing):
        return [row for row in rows if row.link_id == thing]
    return [row for row in rows if (row.move_line_id or row.move_id) in (thing, thing.move_id)]


def is_done(thing, step, done):
    """The step has had its turn, for the due date of now or since it: more time begins anew."""
    first = due_day(thing) + timedelta(days=min(step.offset, 0))
    return any(
        row.step_id == step and (is_link(thing) or row.date_due == due_day(thing) or row.date >= first)
        for row in rows_of(thing, done)
    )


def is_over(env, rule, step, thing):
    """The rule has reminded of the thing on the day of the step, or later: by a step that is gone."""
    rows = rows_of(thing, env["paylink.reminder"].search([("rule_id", "=", rule.id)]))
    day = due_day(thing) + timedelta(days=step.offset)
    return any(row.outcome == "message" and row.date >= day for row in rows)


def told_lately(env, company, pick, today):
    """The customer, or the invoice or link, had a message within the days that must lie between two."""
    rule, _step, thing = pick
    gap = company.paylink_reminder_gap_days
    for message in env["paylink.reminder.message"].search([("customer_id", "=", customer(thing).id)]):
        if not 0 <= (today - message.date).days < gap:
            continue
        whole = not message.move_id and not message.link_id
        same = message.link_id == thing if is_link(thing) else message.move_id == thing.move_id
        if rule.grouping == "customer" or whole or same:
            return True
    return False


# === HOW MANY MESSAGES === #


def is_covered(pick, picks, items, today):
    """Open credits cover all that one message for the customer would ask for in the currency, and nothing else that is
    due takes them.
    """
    rule, _step, item = pick
    if rule.grouping != "customer" or is_link(item):
        return False

    def same(other):
        return not is_link(other) and customer(other) == customer(item) and other.currency_id == item.currency_id

    asked = {
        other
        for other_rule, _step, other in picks
        if other_rule.grouping == "customer" and is_early(other_rule) == is_early(rule) and same(other)
    }
    credit = -sum(other.amount_residual_currency for other in items if same(other) and other not in owed([other]))
    if not credit or item.currency_id.compare_amounts(sum(o.amount_residual_currency for o in asked), credit) > 0:
        return False
    due = [other for other in owed(items) if same(other) and due_day(other) <= today and other not in asked]
    elsewhere = sum(other.amount_residual_currency for other in due)
    return not elsewhere or item.currency_id.compare_amounts(elsewhere, credit) < 0


def manner(thing, picks):
    """Whether the customer gets one message, or one for each invoice: as the firmest rule says."""
    return firmest(thing, picks).grouping


def moment(thing, picks):
    """Whether the customer is told of what is not due yet or of what is: as the firmest rule says."""
    return is_early(firmest(thing, picks))


def is_early(rule):
    return rule.kind == "invoice" and rule.condition == "before"


def firmest(thing, picks):
    """The rule of the customer's firmest pick."""
    mine = [(rule, step) for rule, step, other in picks if customer(other) == customer(thing)]
    return min(mine, key=lambda pair: (-int(pair[1].tone), pair[0].sequence, pair[0].id))[0]
