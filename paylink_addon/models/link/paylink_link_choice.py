"""Stage of ``paylink.link``: how much the customer chooses to pay now."""

from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import float_repr

from ...const import LIVE_STATES
from ...tools.access import openable
from ...tools.locks import hold_and_touch
from ...tools.money import read_amount

# What the page calls an amount that the customer types, and all that is open of the link's invoices.
OTHER, WHOLE = "other", "whole"


class Choice(NamedTuple):
    """How much the customer pays: which of the amounts that the page offers, or another one.

    ``amount`` (major units) is what is proposed where the ``text`` that was typed can't be paid: ``problem`` says why.
    """

    part: str
    amount: float
    text: str = ""
    problem: str | bool = False


class PaylinkLinkChoice(models.Model):
    """Of invoices in installments what is due now or all of it; another amount where the company allows it."""

    _inherit = "paylink.link"

    widened_from_id = fields.Many2one(
        "paylink.link",
        string="Chosen on",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="On the page of that link the customer chose to pay all installments.",
    )
    widened_ids = fields.One2many("paylink.link", "widened_from_id", string="All installments", readonly=True)
    can_open_origin = fields.Boolean(
        compute="_compute_can_open_origin", help="The link that it was made from is the user's to see."
    )

    @api.depends("renewed_from_id", "widened_from_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_can_open_origin(self):
        allowed = openable(self, "renewed_from_id", "widened_from_id")
        for link in self:
            link.can_open_origin = link in allowed

    def _offers(self, payable):
        """The amounts that can be chosen without typing one: ``now``, if that is less than all, and ``all``."""
        now, _lines = self.sudo()._of_kind("due_now", payable) if payable > 0 else (payable, None)
        is_part = now > 0 and self.currency_id.compare_amounts(now, payable) < 0
        return ({"now": now} if is_part else {}) | {"all": payable}

    def _is_offered(self, amount, payable):
        """Whether the page offers just this amount."""
        return any(not self.currency_id.compare_amounts(amount, offered) for offered in self._offers(payable).values())

    def _chosen(self, part, text, payable):
        """How much the customer chose to pay: what is asked for at first, where nothing was chosen.

        :param part: the name of an amount that is offered, or ``other``; as it came from a client: anything
        :param text: the amount that was typed: anything
        :param float payable: all that may be paid
        :rtype: Choice
        """
        offers, text = self._offers(payable), text.strip() if isinstance(text, str) else ""
        asked = "now" if self.in_installments and "now" in offers else "all"
        if part in offers and not text:
            return Choice(part, offers[part])
        if not self.allow_partial or not (text or part == OTHER):
            return Choice(asked, offers[asked])
        amount, problem = self._read_part(text, payable)
        if not problem and part in offers and self.currency_id.compare_amounts(amount, offers[part]):
            problem = self.env._(
                "You entered %(text)s, but selected %(amount)s: select “Another amount”, or empty its field.",
                text=self._amount_text(amount),
                amount=self._amount_text(offers[part]),
            )
        return Choice(OTHER, offers[asked], text, problem) if problem else Choice(OTHER, amount, text)

    def _read_part(self, text, payable):
        """The amount that was typed, and why it can't be paid: ``False`` if it can."""
        typed = self._typed_amounts(text)
        shown, most = text[:40], self._amount_text(payable)
        if not typed:
            return 0.0, self.env._(
                "“%(text)s” is not an amount: enter one of at most %(amount)s.", text=shown, amount=most
            )
        if len(typed) > 1:
            one, other = map(self._amount_text, typed)
            return 0.0, self.env._(
                "“%(text)s” can be read as %(one)s or as %(other)s: enter it without separating thousands.",
                text=shown,
                one=one,
                other=other,
            )
        return typed[0], self._part_problem(typed[0], payable)

    def _part_problem(self, amount, payable):
        """Why a part that can be read can't be paid, or ``False``."""
        most = self._amount_text(payable)
        if self.currency_id.compare_amounts(amount, self.currency_id.rounding) < 0:
            least = self._amount_text(self.currency_id.rounding)
            return self.env._("Enter an amount of at least %(least)s and at most %(most)s.", least=least, most=most)
        if self.currency_id.compare_amounts(amount, payable) > 0:
            return self.env._("Enter an amount of at most %(amount)s.", amount=most)
        return self._online_problem(amount)

    def _typed_amounts(self, text):
        """The amounts that a person may have meant, in the language of the page; the currency may stand beside them.

        See :func:`~..tools.money.read_amount`.
        """
        lang = self.env["res.lang"]._get_data(code=self.env.lang)
        for sign in filter(None, (self.currency_id.symbol, self.currency_id.name)):
            text = text.replace(sign, "")
        found = read_amount(text, self.currency_id.decimal_places, lang.decimal_point, lang.thousands_sep)
        return [self.currency_id.round(float(amount)) for amount in found]

    def _page_offers(self, payable):
        """The amounts that the page offers: also ``whole``, where all of the invoices is more."""
        later = self._later_items()
        total = sum((later | self.line_ids.move_line_id)._paylink_due(self._today()).values()) if later else payable
        is_more = self.currency_id.compare_amounts(total, payable) > 0
        return self._offers(payable) | ({WHOLE: total} if is_more else {})

    def _shown_offers(self, offers):
        """These amounts, as the form of the page tells what it has shown."""
        digits = self.currency_id.decimal_places
        return " ".join(f"{name}={float_repr(amount, digits)}" for name, amount in offers.items())

    def _as_shown(self, shown):
        """The link as it is today, or was until some minutes ago, if that is when its page offered these amounts.

        :param shown: as the form of the page tells it: anything; ``None``: it does not
        :return: ``None`` where that is not so anymore
        """
        for link in map(self._on_day, self._promised_days()):
            if shown is None or link._shown_offers(link._page_offers(link._payable_amount())) == shown:
                return link
        return None

    def _choice_values(self, chosen, payable):
        """What the page shows of it, in the language of the context."""
        offers = self._page_offers(payable)
        asked = offers["now"] if self.in_installments and "now" in offers else payable
        total, is_more = offers.get(WHOLE, payable), WHOLE in offers
        # To whom less than all of the invoices was sent, that is what is due now.
        labels = {"now": "now", "all": "now" if is_more else "all", WHOLE: "all"}
        return {
            "shown": self._shown_offers(offers),
            "part": chosen.part,
            "part_text": chosen.text,
            "part_problem": chosen.problem,
            "offers": [(name, labels[name], amount, self._amount_text(amount)) for name, amount in offers.items()],
            "has_choice": len(offers) > 1 or self.allow_partial,
            "amount": chosen.amount,
            "amount_text": self._amount_text(chosen.amount),
            "asked_text": self._amount_text(asked),
            "total_text": asked != total and self._amount_text(total),
        }

    # === ALL INSTALLMENTS === #
    # A link settles what it asks for. Who chooses on its page to pay the later installments of its invoices, too, pays
    # by another link, which ends with the first one.

    def _later_items(self):
        """The open installments of the link's invoices that it does not ask for, where the customer may pay them."""
        self.ensure_one()
        lines = self.line_ids.filtered(lambda line: line.is_invoice and not line.is_whole)
        if not lines or self.is_limited or not self._is_live() or self.cancel_requested_at:
            return self.env["account.move.line"]
        items = lines.move_id._paylink_open_items() - self.line_ids.move_line_id
        return (items - items._paylink_in_flight()).filtered(self._fits_open)

    def _for_part(self, part):
        """The link by which the customer pays what was chosen on this one's page, and what it is called there."""
        later = self._later_items() if part == WHOLE else None
        return (self._widened(self.line_ids.move_line_id | later), "all") if later else (self, part)

    def _widened(self, items):
        """The link for all of ``items``, by which the customer pays instead of by this one; made once."""
        hold_and_touch(self)
        wanted = items._paylink_unsettled()
        live = self._live_links_by_items(wanted)
        same = self.widened_ids.filtered(lambda link: live.get(link.sudo()) == set(wanted.ids))[:1]
        if not same:
            same = self._create_for_items([({}, wanted)], **self._widened_values())
            same._issue()
        return same.with_env(self.env)

    def _widened_values(self):
        """Hook: what that link has of this one."""
        names = (
            *("partner_id", "user_id", "email", "phone", "lang", "send_email", "send_sms"),
            *("expires_at", "reference", "allow_partial", "bank_account_id"),
        )
        values = self._convert_to_write({name: self[name] for name in names})
        return values | {"widened_from_id": self.id, "in_installments": False}  # the customer has chosen

    def _live_widened(self):
        """What customers chose on the pages of these links, as long as it can be paid."""
        return self.widened_ids.filtered(lambda link: link.state in LIVE_STATES and not link.cancelled_at)

    def _led_to(self):
        """By which link the customer of this one has paid last, or is paying: this one or, if all installments were
        chosen on its page, that for those. That is what there is to show, once nothing can be paid here anymore.
        """
        self.ensure_one()
        if all(self.line_ids.mapped("is_whole")):  # nothing more could be chosen
            return self
        transactions = (self | self.widened_ids).transaction_ids
        told = transactions._paylink_received() | transactions._paylink_attempts()._paylink_in_flight()
        return told.sorted("id")[-1:].paylink_id.with_env(self.env) or self

    def _replaced_together(self):
        """Hook: with these those whose addresses have their holders: what they have led to, and lead to."""
        led_to = self.union(*(link._led_to().with_env(self.env) for link in self.sudo()))
        return self | self._live_widened() | led_to

    def _replace_token(self):
        """Whoever had the address has others by it: they are replaced together."""
        return super(PaylinkLinkChoice, self._replaced_together())._replace_token()
