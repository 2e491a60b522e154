import inspect
import re
from datetime import timedelta

from freezegun import freeze_time
from lxml import etree
from odoo import Command, fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools.safe_eval import safe_eval

from ...models.link.paylink_link import PaylinkLink
from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestLink(PaylinkCommon):
    """What a link is, its states, and what leads from one to the other."""

    def test_number_and_token(self):
        """Links are numbered per company and year; tokens are long, unique, and never copied."""
        first, second = self._link(self._invoice()), self._link(self._invoice(self.john))
        year = fields.Date.today().year
        self.assertRegex(first.name, rf"^PL/{year}/\d{{5}}$")
        self.assertEqual(int(second.name[-5:]), int(first.name[-5:]) + 1)
        self.assertGreaterEqual(len(first.access_token), 22)
        self.assertNotEqual(first.access_token, second.access_token)
        self.assertEqual(first.url, f"https://pay.example.com/pay/{first.access_token}")
        self.assertNotEqual(first.sudo().copy().access_token, first.access_token)

    def test_numbers_of_companies_do_not_mix(self):
        other = self._other_company()
        names = other._paylink_next_names(2) + other._paylink_next_names(1)
        self.assertEqual([name[-5:] for name in names], ["00001", "00002", "00003"])

    def test_numbers_go_on_whatever_became_of_their_sequence(self):
        """Administrators may change it as Odoo lets them: links are numbered all the same, none twice."""

        def sequence():
            domain = [("code", "=", "paylink.link"), ("company_id", "=", self.company.id)]
            return self.env["ir.sequence"].with_context(active_test=False).search(domain)

        changes = {
            "none": dict,
            "no gap": lambda: sequence().write({"implementation": "no_gap"}),
            "archived": lambda: sequence().write({"active": False}),
            "standard again": lambda: sequence().write({"implementation": "standard"}),
            "without this year": lambda: [part.unlink() for part in sequence().date_range_ids],
            "deleted": lambda: [found.unlink() for found in sequence()],
            "no prefix": lambda: sequence().write({"prefix": False}),
            "without parts": lambda: sequence().write({"use_date_range": False, "prefix": "L-", "padding": 0}),
            "of no company": lambda: sequence().write({"company_id": False}),
        }
        names = []
        for change, make in changes.items():
            make()
            with self.subTest(change):
                names += [self._free_link().name, self._free_link().name]
                self.assertEqual(len(set(names)), len(names))

    def test_base_url_is_the_companys(self):
        self.company.paylink_base_url = "https://payer.lambert.example/"
        link = self._free_link()
        self.assertEqual(link.url, f"https://payer.lambert.example/pay/{link.access_token}")

    def test_amount_due_is_live(self):
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        self.assertEqual((link.amount, link.amount_due), (100, 100))
        self._register_payment(invoice, amount=30)
        self.assertEqual((link.amount, link.amount_due, link.state), (100, 70, "open"))

    def test_states(self):
        """Each state, and the status people read, by what leads to it."""

        def overpay(link):
            tx = self._force_attempt(link, link.amount + 30)
            tx._set_done()
            tx._post_process()
            self._refund(tx, 30)

        cases = {
            "draft": (lambda link: setattr(link.sudo(), "issued_at", False), "draft", "draft"),
            "open": (lambda link: None, "open", "not_opened"),
            "opened": (lambda link: link._mark_opened(), "open", "opened"),
            "at the provider": (self._attempt, "open", "in_progress"),
            "again after a failure": (self._fail_and_try_again, "failed", "in_progress"),
            "pending": (lambda link: self._attempt(link)._set_pending(), "pending", "in_progress"),
            "error": (lambda link: self._attempt(link)._set_error("No funds"), "failed", "interrupted"),
            "released": (lambda link: self._authorized(link)._set_canceled(), "open", "opened"),
            "cancelled by the payer": (lambda link: self._attempt(link)._set_canceled(), "failed", "interrupted"),
            "done": (lambda link: self._attempt(link)._set_done(), "paid", "paid"),
            "booked": (self._pay, "paid", "paid"),
            "cancelled": (lambda link: link.action_cancel(), "cancelled", "cancelled"),
            "expired": (self._expire, "expired", "expired"),
            "settled": (lambda link: self._register_payment(link.line_ids.move_id), "paid", "settled"),
            "refunded": (lambda link: self._refund(self._pay(link), link.amount), "paid", "refunded"),
            "refunded in part": (lambda link: self._refund(self._pay(link), 1), "paid", "partly_refunded"),
            "what was too much given back": (overpay, "paid", "paid"),
        }
        for name, (lead, state, status) in cases.items():
            with self.subTest(name):
                link = self._link(self._invoice())
                lead(link)
                self.assertEqual((link.state, link.status), (state, status))
                received = {"refunded": 0, "partly_refunded": link.amount - 1, "paid": link.amount}
                self.assertEqual(link.amount_kept, received.get(status, 0), "what is shown as received")
                self.assertEqual(link.settled_elsewhere, name == "settled")
                if name == "settled":
                    payment = link.line_ids.move_id.matched_payment_ids
                    self.assertEqual(link.settlement_display, payment.move_id.name)

    def _fail_and_try_again(self, link):
        self._attempt(link)._set_error("No funds")
        self._attempt(link)

    def test_beside_the_status(self):
        """What else is known shows when the status is pointed at: on the link, and on what shows its status."""
        link = self._link(self._invoice(amount=100))
        link.sudo().write({"sent_at": "2031-05-06 10:00:00", "opened_at": "2031-05-06 11:00:00"})
        self._attempt(link)._set_error("Card declined")
        self._refund(self._pay(link), 30)
        detail = link.status_detail
        for part in ("Sent on: 05/06/2031", "Opened on:", "Attempts: 2, failed: 1", "Paid on:", "Refunded: $ 30.00"):
            self.assertIn(part, detail.replace("\N{NO-BREAK SPACE}", " "))
        self.assertEqual(link.line_ids.move_id.paylink_status_detail, detail)
        settled = self._link(self._invoice())
        self._register_payment(settled.line_ids.move_id)
        self.assertIn(f"Settled by: {settled.settlement_display}", settled.status_detail)

    def test_one_status_on_each_screen(self):
        """Each screen shows it once, and nothing beside it that says another."""
        for model in ("paylink.link", "account.move", "res.partner", "sale.order"):
            for kind in ("list", "kanban", "form"):
                with self.subTest(model, kind=kind):
                    arch = etree.fromstring(self.env[model].get_view(view_type=kind)["arch"])
                    name = "status" if model == "paylink.link" else "paylink_status"
                    shown = arch.xpath(f"//field[@name='{name}'][not(ancestor::field)]")
                    self.assertFalse({node.get("widget") for node in shown} - {"paylink_status"})
                    if model == "paylink.link":
                        self.assertEqual(len(shown), 1)
                        self.assertFalse(arch.xpath("//widget[@name='web_ribbon']"))
                        others = arch.xpath("//field[@name='state' or @name='delivery_state']")
                        self.assertTrue(all(map(self._is_hidden, others)))

    def _is_hidden(self, node):
        return "1" in (node.get("invisible"), node.get("column_invisible")) or node.get("optional") == "hide"

    def test_filters(self):
        """Each finds the links that say so; the field of the address is none to search by."""
        lead = {
            "in_progress": lambda link: self._attempt(link)._set_pending(),
            "interrupted": lambda link: self._attempt(link)._set_error("No funds"),
            "partly_paid": lambda link: self._pay(link, 40),
            "paid": self._pay,
            "settled": lambda link: self._register_payment(link.line_ids.move_id),
            "refunded": lambda link: self._refund(self._pay(link), 30),
            "unread": lambda link: setattr(link.sudo(), "unread", True),
        }
        links = {name: self._link(self._invoice(amount=100), allow_partial=True) for name in lead}
        for name, act in lead.items():
            act(links[name])
        self.env["paylink.link"].union(*links.values()).filtered(
            lambda link: link != links["unread"]
        ).sudo().unread = False
        view = self.env["paylink.link"].get_view(view_type="search")
        filters = {node.get("name"): node for node in etree.fromstring(view["arch"]).iter("filter")}
        ours = [("id", "in", [link.id for link in links.values()])]
        for name, link in links.items():
            domain = safe_eval(filters[name].get("domain"), {"uid": self.env.uid})
            self.assertEqual(self.env["paylink.link"].search([*domain, *ours]), link, name)
        self.assertEqual(filters["paid_at"].get("date"), "paid_at")
        described = self.env["paylink.link"].fields_get(attributes=["string", "searchable"])
        self.assertFalse(described.get("access_token", {}).get("searchable"))
        strings = [described[name]["string"] for name in described if described[name]["searchable"]]
        self.assertEqual(sorted(strings), sorted(set(strings)), "no two fields to filter by have the same name")

    def test_failed_then_paid_counts_attempts(self):
        link = self._link(self._invoice())
        self._attempt(link)._set_error("Card declined")
        self.assertEqual((link.state, link.attempt_count), ("failed", 1))
        self._pay(link)
        self.assertEqual((link.state, link.attempt_count, link.amount_paid), ("paid", 2, 100))

    def test_paid_is_final(self):
        """Neither expiry, cancelling nor a reopened invoice takes a payment away from a link."""
        link = self._link(self._invoice())
        self._pay(link)
        self._expire(link)
        self.assertEqual(link.state, "paid")
        with self.assertRaisesRegex(UserError, "is paid"):
            link.action_cancel()
        link.line_ids.move_line_id.remove_move_reconcile()
        self.assertEqual(link.state, "paid")

    def test_expiry(self):
        """The job expires links on time, closes their open attempts, and leaves the others alone."""
        link, later, endless = (self._link(self._invoice()) for _ in range(3))
        later.expires_at = fields.Datetime.now() + timedelta(days=3)
        endless.expires_at = False
        attempt = self._attempt(link)
        pending = self._link(self._invoice())
        self._attempt(pending)._set_pending()
        with freeze_time(fields.Datetime.now() + timedelta(hours=25)):
            self._run_cron("ir_cron_paylink_expire")
            self.assertEqual((link + later + endless + pending).mapped("state"), ["expired", "open", "open", "pending"])
        self.assertEqual(attempt.state, "cancel")

    def test_default_expiry_is_the_companys(self):
        cases = ((24, timedelta(hours=24)), (48, timedelta(hours=48)), (0, None))
        for hours, expected in cases:
            with self.subTest(hours=hours), freeze_time("2026-05-01 10:00:00"):
                self.company.paylink_expiry_hours = hours
                link = self._free_link()
                self.assertEqual(link.expires_at and link.expires_at - fields.Datetime.now(), expected or False)

    def test_form_of_a_new_link_has_a_title(self):
        """Its number comes when it is saved."""
        form = Form(self.env["paylink.link"])
        self.assertEqual((form.name, form._get_modifier("name", "invisible")), ("/", True))
        form = Form(self._free_link())
        self.assertFalse(form._get_modifier("name", "invisible"))

    def test_renewal_is_asked_first(self):
        """In the dialog that sends, filled in as the link was sent; nothing goes out before somebody says so."""
        link = self._link(self._invoice(amount=100), lang="en_US", email="other@example.com")
        link.write({"send_sms": True, "phone": "+33639981234"})
        self._expire(link)
        action = link.action_renew()
        self.assertEqual((action["res_model"], action["target"]), ("paylink.send", "new"))
        with Form(self.env["paylink.send"].with_context(**action["context"])) as form:
            self.assertEqual((form.email, form.phone, form.lang, form.amount), (link.email, link.phone, "en_US", 100))
            self.assertTrue(form.send_email and form.send_sms)
            self.assertIn("100.00", form.subject)
            url = form.sms_body[form.sms_body.index("http") :]
            form.email = "new@example.com"
        self.assertFalse(link.renewal_ids)
        wizard = form.record
        wizard.action_send()
        successor = link.renewal_ids
        self.assertEqual((successor.url, successor.email, successor.user_id), (url, "new@example.com", link.user_id))
        self.assertEqual(self._customer_mails(successor).email_to, "new@example.com")
        wizard.action_send()
        self.assertEqual(len(link.renewal_ids), 1)

    def test_two_renew_at_the_same_time(self):
        """Two dialogs are open on the same link: one successor, and who comes second is told."""
        link = self._free_link(50)
        link.action_cancel()
        wizards = [
            self.env["paylink.send"].with_context(**link.action_renew()["context"]).create({}) for _person in range(2)
        ]
        wizards[0].action_send()
        wizards[1].line_ids.reuse = False
        with self.assertRaisesRegex(UserError, "already replaced"):
            wizards[1].action_send()
        self.assertEqual(len(link.renewal_ids), 1)

    def test_renew(self):
        """A successor of an expired link asks for what is still due, at a new address, and is sent."""
        link = self._link(self._invoice(amount=100))
        self._register_payment(link.line_ids.move_id, amount=40)
        self._expire(link)
        successor = self._renewed(link)
        self.assertEqual(successor.renewed_from_id, link)
        self.assertEqual(
            (successor.state, successor.amount, successor.line_ids.move_id), ("open", 60, link.line_ids.move_id)
        )
        self.assertNotEqual(successor.access_token, link.access_token)
        self.assertTrue(successor.sent_at)
        self.assertEqual(link.state, "expired")

    def test_over_before_the_job_has_said_so(self):
        """As soon as its time has passed a link is offered to be sent anew: it can't be paid, nor sent again."""
        invoice = self._invoice()
        link = self._link(invoice, expires_at=fields.Datetime.now() + timedelta(hours=1))
        self.assertEqual(self._send_buttons(link), {"action_copy", "action_send"})
        self.assertEqual((invoice.paylink_is_live, invoice.paylink_open_link_count), (True, 1))
        with freeze_time(fields.Datetime.now() + timedelta(hours=2)):
            self.env.invalidate_all()
            self.assertEqual(link.state, "open")
            self.assertEqual(self._send_buttons(link), {"action_renew"})
            self.assertEqual((invoice.paylink_is_live, invoice.paylink_open_link_count), (False, 0))
            successor = self._renewed(link)
            self.assertEqual((successor.renewed_from_id, successor.state, link.state), (link, "open", "expired"))

    def _send_buttons(self, link):
        """The buttons above the form of a link by which its customer is asked again."""
        facts = {name: link[name] for name in ("state", "is_over", "can_cancel", "unread", "is_mine", "consolidated")}
        facts |= {name: link[name] for name in ("kind", "is_limited", "is_in_parts", "is_running_part", "amount_paid")}
        facts |= {"amount_authorized": 0, "can_refund": False}
        header = etree.fromstring(link.get_view(view_type="form")["arch"]).find("header")
        shown = [one.get("name") for one in header if not safe_eval(one.get("invisible") or "False", dict(facts))]
        return {"action_copy", "action_send", "action_renew"} & set(shown)

    def test_renewed_twice_is_sent_twice(self):
        """One live request, whichever of its ancestors is sent again; a new one only when that is over."""
        links = [self._free_link(50)]
        links[0].action_cancel()
        links.append(self._renewed(links[0]))
        self.assertEqual(self._renewed(links[0]), links[1])
        self.assertEqual(len(self._customer_mails(links[1])), 2)
        self._expire(links[1])
        links.append(self._renewed(links[1]))
        for link in links[:2]:
            self.assertEqual(self._renewed(link), links[2])
        self.assertEqual([len(link.renewal_ids) for link in links], [1, 1, 0])
        self._pay(links[2])
        self.assertNotEqual(self._renewed(links[1]), links[2])

    def test_renew_while_a_payment_runs(self):
        """It is not asked for twice; once it has failed, it is asked for again."""
        link = self._free_link(50)
        attempt = self._attempt(link)
        attempt._set_pending()
        link.action_cancel()
        with self.assertRaisesRegex(UserError, "payment is in progress"):
            link.action_renew()
        attempt._set_error("No")
        self.assertEqual(link._check_renewable(), 50)

    def test_renew_refuses(self):
        link = self._link(self._invoice())
        with self.assertRaisesRegex(UserError, "neither expired nor been canceled"):
            link.action_renew()
        link.action_cancel()
        self._register_payment(link.line_ids.move_id)
        with self.assertRaisesRegex(UserError, "nothing is due"):
            link.action_renew()

    def test_cancel_closes_attempts(self):
        link = self._link(self._invoice())
        attempt = self._attempt(link)
        link.action_cancel()
        self.assertEqual(attempt.state, "cancel")
        self.assertFalse(self.env["paylink.link"]._find_by_token(link.access_token)._payable_amount() == 0)
        self.assertEqual(link._page_view(), "closed")

    def test_replace_token(self):
        link = self._link(self._invoice())
        old = link.access_token
        link.action_replace_token()
        Link = self.env["paylink.link"]
        self.assertFalse(Link._find_by_token(old))
        self.assertEqual(Link._find_by_token(link.access_token), link)

    def test_replaced_address_waits_to_be_sent(self):
        draft = self.env["paylink.link"].create({"partner_id": self.marie.id, "amount": 5})
        draft.action_replace_token()
        self.assertFalse(draft.is_address_new)
        link = self._link(self._invoice())
        for way in (link.action_send, link.action_copy, lambda: link._register_sent("with it", "")):
            link.action_replace_token()
            form = Form(link)
            self.assertTrue(form.is_address_new)
            way()
            self.assertFalse(link.is_address_new)

    def test_find_by_token_takes_anything(self):
        for token in (None, "", 0, "x" * 1000, "é" * 24, "a" * 24, "%' OR 1=1 --aaaaaaaaaa", b"bytes" * 5):
            with self.subTest(token=token):
                self.assertFalse(self.env["paylink.link"]._find_by_token(token))

    def test_credit_notes_are_netted(self):
        invoice, credit = self._invoice(amount=100), self._invoice(amount=30, move_type="out_refund")
        link = self._link(invoice + credit)
        self.assertEqual((link.amount, link.amount_due), (70, 70))

    def test_items_share_currency_and_company(self):
        foreign = self._invoice(currency_id=self.currency_euro.id)
        items = self._items(foreign) + self._items(self._invoice())
        values = [Command.create({"move_line_id": item.id}) for item in items]
        with self.assertRaisesRegex(ValidationError, "one link per currency"):
            self.env["paylink.link"].sudo().create(
                {
                    "kind": "open_items",
                    "partner_id": self.marie.id,
                    "line_ids": values,
                    "currency_id": items[0].currency_id.id,
                }
            )

    def test_free_amount_must_be_positive(self):
        for amount in (0, -5, 0.001):
            with self.subTest(amount=amount), self.assertRaisesRegex(ValidationError, "more than zero"):
                self._free_link(amount)

    def test_mark_read_is_the_owners(self):
        link = self._link(self._invoice())
        self._pay(link)
        self.assertTrue(link.unread)
        other = self._user("all", "paylink_addon.group_paylink_all")
        with self.assertRaisesRegex(UserError, "Only its owner"):
            link.with_user(other).action_mark_read()
        foreign = self._link(self._invoice(), user_id=other.id)
        (link | foreign).with_user(other).action_mark_read()
        self.assertTrue(link.unread)
        link.with_user(link.user_id).action_mark_read()
        self.assertFalse(link.unread)

    def test_only_drafts_are_deleted(self):
        link = self._link(self._invoice())
        with self.assertRaisesRegex(UserError, "cancel the link"):
            link.unlink()
        draft = self.env["paylink.link"].create({"partner_id": self.marie.id, "amount": 5})
        draft.unlink()
        self.assertFalse(draft.exists())

    def test_time_line(self):
        """Each event is one line, whose text is the subtype's in the reader's language."""
        link = self._link(self._invoice())
        link.action_send()
        link._mark_opened()
        link._mark_opened()
        self._attempt(link)._set_error("Card declined")
        self._pay(link)
        events = link.message_ids.filtered(lambda m: m.subtype_id.res_model == "paylink.link").sorted("id")
        names = ["sent", "opened", "attempt_failed", "paid", "receipt"]
        self.assertEqual(
            events.subtype_id,
            self.env["mail.message.subtype"].union(*(self.env.ref(f"paylink_addon.mt_link_{name}") for name in names)),
        )
        self.assertEqual(len(events), len(names))
        self.assertIn("Card declined", events[2].body)
        self.assertEqual(events[3].subtype_id.with_context(lang="fr_FR").description, "Le client a payé")

    def test_hooks_of_kinds_are_listed(self):
        """The model's docstring names each hook that is called or that a kind has, and each has a general version."""
        Link = self.env["paylink.link"]
        classes = [cls for cls in type(Link).mro() if cls.__module__.startswith("odoo.addons.paylink_addon")]
        listed = set(re.findall(r"^ +``(\w+)\(", PaylinkLink.__doc__, re.MULTILINE))
        called = re.findall(
            r'(?<!answer\.)_(?:of|by|for_each)_kind\(\s*"(\w+)"', "".join(map(inspect.getsource, classes))
        )
        self.assertEqual(set(called), listed)
        self.assertEqual([hook for hook in listed if not hasattr(Link, f"_{hook}_general")], [])
        kinds = "|".join(Link._fields["kind"].get_values(self.env))
        own = {match[1] for name in dir(Link) if (match := re.fullmatch(rf"_(\w+)_(?:{kinds})", name))}
        self.assertEqual(own - listed, set())

    def test_many_links_take_few_queries(self):
        """The number of queries does not grow with the number of links."""
        groups = [({"partner_id": self.marie.id}, self._items(self._invoice())) for _ in range(30)]
        Link = self.env["paylink.link"]
        Link._create_for_items(groups[:1])
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(22):
            Link._create_for_items(groups)
            self.env.flush_all()

    # === HELPERS === #

    def _expire(self, link):
        link.expires_at = fields.Datetime.now() - timedelta(minutes=1)

    def _register_payment(self, invoices, amount=None):
        wizard = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoices.ids)
            .create({} if amount is None else {"amount": amount})
        )
        return wizard._create_payments()
