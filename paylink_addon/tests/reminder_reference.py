"""What rules remind of, written plainly: one thing after the other, no SQL. Slow and, it is hoped, obviously right."""

import unicodedata
from datetime import timedelta

from lxml import html

SIGN = {"before": -1, "on": 0, "after": 1}


def plain(text):
    """Small letters, no accents, plain spaces."""
    letters = unicodedata.normalize("NFD", text or "").replace("\u00a0", " ")
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).lower()


def expected(env, company, rules, today, done):
    """What the rules remind of on ``today``: a set of ``(item id, step id)``.

    :param done: a set of ``(item id, step id)`` that are on record
    """
    found = []
    items = env["account.move.line"].search([("company_id", "=", company.id), ("reconciled", "=", False)])
    items = [item for item in items if is_open(item)]
    for rule in rules:
        for item in items:
            if item.amount_residual_currency > 0 and is_allowed(env, item, today) and fits(rule, item):
                step = step_of(rule, item, today, company.paylink_reminder_catchup_days)
                if step and (item.id, step.id) not in done:
                    found.append((rule, step, item))
    found = [pick for pick in found if not told_lately(env, company, pick, today)]
    found = [pick for pick in found if not is_covered(pick, found, items)]
    return {(item.id, step.id) for rule, step, item in found if rule.grouping == manner(item, found)}


def is_open(item):
    return (
        item.account_id.account_type == "asset_receivable"
        and item.parent_state == "posted"
        and not item.reconciled
        and item.partner_id
        and (not item.payment_id or item.payment_id.payment_type == "inbound")
    )


def is_allowed(env, item, today):
    """Nothing speaks against any reminder of the item."""
    if item.no_followup or item in item._paylink_in_flight() or item._paylink_disputed():
        return False
    for hold in env["paylink.reminder.hold"].search([]):
        concerned = item.move_id == hold.move_id if hold.move_id else customer(item) == hold.partner_id
        if concerned and (not hold.date_until or hold.date_until >= today):
            return False
    return True


def customer(item):
    return item.partner_id.commercial_partner_id


def fits(rule, item):
    """The rule leaves nothing out that the item is."""
    move = item.move_id
    people = customer(item) | (move.partner_id or item.partner_id)
    if rule.customer_mode != "all":
        chosen = bool(people & rule.partner_ids) or any(tag_chosen(tag, rule) for tag in people.category_id)
        if chosen != (rule.customer_mode == "only"):
            return False
    if rule.autopay != "any" and customer(item).paylink_autopay != (rule.autopay == "with"):
        return False
    if rule.memo_mode != "off":
        texts = [
            move.ref,
            move.payment_reference,
            html.fromstring(move.narration).text_content() if move.narration else "",
        ]
        says_so = any(plain(rule.memo_text.strip()) in plain(text) for text in texts)
        if says_so != (rule.memo_mode == "include"):
            return False
    if rule.ignore_before and (move.invoice_date or move.date) < rule.ignore_before:
        return False
    if not rule.all_terms and move.invoice_payment_term_id and move.invoice_payment_term_id not in rule.term_ids:
        return False
    if rule.amount_min and item.amount_residual < rule.amount_min:
        return False
    if rule.journal_ids and move.journal_id not in rule.journal_ids:
        return False
    return not rule.salesperson_ids or move.invoice_user_id in rule.salesperson_ids


def tag_chosen(tag, rule):
    while tag:
        if tag in rule.category_ids:
            return True
        tag = tag.parent_id
    return False


def step_of(rule, item, today, catchup):
    """The step whose day has come last, unless that is too long ago."""
    due = item.date_maturity or item.date
    if rule.condition == "before" and due <= today:
        return None
    come = []
    for step in rule.step_ids:
        day = due + timedelta(days=step.days * SIGN[rule.condition])
        if day <= today:
            come.append((day, step))
    if not come:
        return None
    day, step = max(come, key=lambda pair: pair[0])
    return step if (today - day).days <= catchup else None


def told_lately(env, company, pick, today):
    """The customer, or the invoice, had a message within the days that must lie between two."""
    rule, _step, item = pick
    gap = company.paylink_reminder_gap_days
    for message in env["paylink.reminder.message"].search([("customer_id", "=", customer(item).id)]):
        if not 0 <= (today - message.date).days < gap:
            continue
        if rule.grouping == "customer" or not message.move_id or message.move_id == item.move_id:
            return True
    return False


def is_covered(pick, picks, items):
    """Open credits cover all that one message for the customer would ask for in the currency."""
    rule, _step, item = pick
    if rule.grouping != "customer":
        return False

    def same(other):
        return customer(other) == customer(item) and other.currency_id == item.currency_id

    asked = {other for other_rule, _s, other in picks if other_rule.grouping == "customer" and same(other)}
    credit = [other for other in items if same(other) and other.amount_residual_currency < 0]
    if not credit:
        return False
    total = sum(other.amount_residual_currency for other in [*asked, *credit])
    return item.currency_id.compare_amounts(total, 0) <= 0


def manner(item, picks):
    """Whether the customer gets one message, or one for each invoice: as the firmest rule says."""
    mine = [(rule, step) for rule, step, other in picks if customer(other) == customer(item)]
    mine.sort(key=lambda pair: (-int(pair[1].tone), pair[0].sequence, pair[0].id))
    return mine[0][0].grouping
