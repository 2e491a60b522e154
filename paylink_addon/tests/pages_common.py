from unittest.mock import patch

from odoo.tests import HttpCase
from odoo.tools import SQL

from ..controllers.page import MAX_BODY, PageMixin
from ..models.link import paylink_link_pay
from ..tools import pages
from .autopay.autopay_common import AutopayCommon
from .card.open_common import OpenCommon
from .deposit.deposit_common import DepositCommon

LANGUAGES = {"fr_FR": "ltr", "en_US": "ltr", "ar_001": "rtl"}
# How many documents stand on the page to pay on: less than one can read, and more.
DOCUMENTS = 3


class PagesCommon(AutopayCommon, OpenCommon, DepositCommon, HttpCase):
    """Every page that customers can get, in each of its states, as the server sends it.

    What a page looks like in a state that none of its records is in yet belongs into one of the methods ``_of_…``:
    ``{name: path}``, or ``(path, form)`` where it is the answer to a form.

    :cvar dict pages: the HTML by name, of each language
    :cvar set rendered: the templates of which these pages were made
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("ar_001")
        cls.pages, cls.rendered = {}, set()
        cls._say_in_arabic("paylink_card_template", "title", "text", "consent")
        cls.company.write({"phone": "+33 1 23 45 67 89", "email": "compta@example.com", "paylink_expiry_hours": 0})
        cls.company.write({"paylink_plan_parts": 4, "paylink_plan_least": 20})

    @classmethod
    def _say_in_arabic(cls, table, *columns):
        """Nobody is asked to agree to what is not said in the language of the page."""
        cls.env.flush_all()
        said = SQL(", ").join(
            SQL(
                "%(name)s = %(name)s || jsonb_build_object('ar_001', '[ar] ' || (%(name)s->>'en_US'))",
                name=SQL.identifier(name),
            )
            for name in columns
        )
        cls.env.cr.execute(SQL("UPDATE %s SET %s", SQL.identifier(table), said))
        cls.env.invalidate_all()

    def _page_templates(self):
        """The XML ids of all templates that are pages for customers."""
        views = self.env["ir.ui.view"].search(
            [("arch_db", "like", 't-call="paylink_addon.page_layout"'), ("key", "=like", "paylink_addon%")]
        )
        return set(views.filtered(lambda view: view.mode == "primary").mapped("key"))

    def _all_pages(self):
        """``{language: {name: HTML}}``: made once for all tests of the class."""
        if not self.pages:
            render = PageMixin._render

            def noted(controller, template, *args, **kwargs):
                self.rendered.add(template)
                return render(controller, template, *args, **kwargs)

            with patch.object(PageMixin, "_render", noted):
                parts = [self._of_links(), self._of_statements(), self._of_cards(), self._of_autopay()]
                for lang in LANGUAGES:
                    found = self.pages[lang] = {}
                    for wanted in (*parts, self._of_forms()):
                        found |= {name: self._html(where, lang) for name, where in wanted.items()}
                    found |= self._of_moments(parts[0] | parts[1], lang)
        return self.pages

    def _html(self, where, lang):
        path, form = where if isinstance(where, tuple) else (where, None)
        self.opener.cookies.clear()
        answer = self.url_open(f"{path}{'&' if '?' in path else '?'}lang={lang}", data=form)
        self.assertIn("pl-body", answer.text, path)
        return answer.text

    def _path(self, link, rest=""):
        return f"/pay/{link.access_token}{rest}"

    # === LINKS === #

    def _of_links(self):
        moves = [self._invoice(amount=100.0 + day, invoice_date_due="2026-01-05") for day in range(DOCUMENTS)]
        credit = self._invoice(amount=10, move_type="out_refund")
        link = self._link(credit.union(*moves), allow_partial=True)
        paid = self._link(self._invoice(), allow_partial=True)
        self._pay(paid, 40)
        self._pay(paid)
        refunded = self._link(self._invoice())
        self._refund(self._pay(refunded), 100)
        planned = self._link(self._invoice(amount=400)).sudo()
        planned._choose_plan(planned._plan_offers()[0].key)
        running, failed, back = (self._link(self._invoice()) for _number in range(3))
        self._attempt(running)._set_pending()
        self._attempt(failed)._set_error("R-03")
        self._attempt(back)
        return {
            "pay": self._path(link),
            "pay: a wrong amount": (self._path(link, "/pay"), {"part": "other", "amount": "abc"}),
            "pay: fields": self._path(link, f"?method={self.provider.id}-{self.payment_method_id}"),
            "pay: failed": self._path(failed),
            "documents": self._path(link, "/documents"),
            "saved": self._path(link, "/saved"),
            "saved: code": (self._path(link, "/saved"), {"x": "1"}),
            "plan": self._path(planned),
            "plan: a part": self._path(planned._link_of_plan("next")),
            "plan: charged": self._path(self._charged_plan()),
            "help": self._path(link, "/help"),
            "in progress": self._path(running),
            "back": self._path(back, "?returned=1"),
            "paid": self._path(paid),
            "receipt": self._path(paid, "/receipt/page"),
            "refunded": self._path(refunded),
            "unknown": f"/pay/{'x' * 24}",
            "unknown at Stripe's": "/paylink/stripe/return",
            "too much": (self._path(link, "/pay"), {"amount": "x" * (MAX_BODY + 1)}),
            **self._of_closed(),
            **self._of_answers(link),
        }

    def _charged_plan(self):
        """A link whose parts are charged to what its customer has stored."""
        link = self._link(self._invoice(amount=500)).sudo()
        link._choose_plan(link._plan_offers()[0].key).token_id = self.token
        return link

    def _of_closed(self):
        expired, canceled, settled = (self._link(self._invoice()) for _number in range(3))
        expired.expires_at = "2026-01-01 00:00:00"
        canceled.action_cancel()
        register = self.env["account.payment.register"]
        register.with_context(active_model="account.move", active_ids=settled.line_ids.move_id.ids).create(
            {}
        ).action_create_payments()
        order = self._order()
        deposit = self._deposit(order, 300)
        invoiced = self._order()
        late = self._deposit(invoiced, 300)
        invoiced.action_confirm()
        self._final_invoice(invoiced)
        return {
            "expired": self._path(expired),
            "canceled": self._path(canceled),
            "settled": self._path(settled),
            "deposit": self._path(deposit),
            "invoiced": self._path(late),
        }

    def _of_answers(self, link):
        """All that can be answered, each form open; and sent with nothing in it."""
        path, found = self._path(link, "/answer"), {}
        for kind in link.sudo()._answer_kinds():
            found |= {f"answer: {kind}": f"{path}?kind={kind}", f"answer: {kind}?": (f"{path}/{kind}", {"x": "1"})}
        return found

    # === STATEMENTS === #

    def _of_statements(self):
        Statement = self.env["paylink.statement"]
        statement, empty, revoked = (
            Statement._for_customers(partner)
            for partner in (self.marie, self._customer("Nothing due"), self._customer("Gone"))
        )
        (statement | empty | revoked)._activate()
        revoked.action_revoke()
        path = f"/account/{statement.access_token}"
        return {
            "account": path,
            "account: nothing ticked": (f"{path}/pay", {"day": ""}),
            "account: help": f"{path}/help",
            "account: empty": f"/account/{empty.access_token}",
            "account: revoked": f"/account/{revoked.access_token}",
        }

    # === CARDS === #

    def _of_cards(self):
        request, agreed, pending, stored, canceled = (self._card_request() for _number in range(5))
        agreed.sudo()._agree("192.0.2.7")
        self._start_storing(pending)._set_pending()
        self._store_card(stored)
        canceled.action_cancel()
        refused = self.page.sudo().with_context(lang="en_US")._new_request("ada@example.com", {})
        self._store_card(refused, state="error", person={"given_name": "Ada", "given_email": "ada@example.com"})
        closed = self.page.copy({"name": "Closed"})
        closed.is_open = False
        open_path = f"/card/open/{self.page.public_token}"
        return {
            "card": f"/card/{request.access_token}",
            "card: help": f"/card/{request.access_token}/help",
            "card: new customer": f"/card/{self._new_request().access_token}",
            "card: method": f"/card/{agreed.access_token}",
            "card: fields": f"/card/{agreed.access_token}?method={self.provider.id}-{self.payment_method_id}",
            "card: in progress": f"/card/{pending.access_token}",
            "card: stored": f"/card/{stored.access_token}",
            "card: canceled": f"/card/{canceled.access_token}",
            "card: code": f"/card/{refused.access_token}",
            "open": open_path,
            "open: help": f"{open_path}/help",
            "open: code": (f"{open_path}/ask", {"given_name": "Bo", "given_email": "bo@example.com"}),
            "open: closed": f"/card/open/{closed.public_token}",
        }

    # === AUTOMATIC PAYMENTS === #

    def _of_autopay(self):
        self._rule()
        self._due_invoice(late=-2)
        page = self.env["paylink.autopay.page"]._for_customers(self.marie, self.company, self.manager)
        item = self.env["paylink.autopay.page"]._find_by_token(page.access_token)._planned()[0].item_id
        path = f"/autopay/{page.access_token}"
        return {
            "autopay": path,
            "autopay: object?": (f"{path}/object", {"item": item}),
            "autopay: end?": (f"{path}/off", {"x": "1"}),
        }

    # === ANSWERS TO FORMS, WHICH ARE GIVEN ONCE === #

    def _of_forms(self):
        expired, leaving = self._link(self._invoice()), self._link(self._invoice())
        expired.expires_at = "2026-01-01 00:00:00"
        self.dummy_provider.write({"is_published": True, "state": "test"})
        option = f"{self.dummy_provider.id}-{self.dummy_provider.payment_method_ids[:1].id}"
        return {
            "asked": (self._path(expired, "/renew"), {"x": "1"}),
            "leave": (self._path(leaving, "/pay"), {"option": option}),
        }

    def _of_moments(self, paths, lang):
        """What is seen while another request makes a document, and of long lists."""
        with (
            patch.object(self.registry["paylink.link"], "_receipt_pdf", lambda self: False),
            patch.object(pages, "PAGE_SIZE", 2),
            patch.object(paylink_link_pay, "FEW", 2),
        ):
            return {
                "preparing": self._html(paths["receipt"].removesuffix("/page"), lang),
                "pay: many documents": self._html(paths["pay"], lang),
                "documents: many": self._html(f"{paths['documents']}?page=2", lang),
                "account: many": self._html(paths["account"], lang),
            }
