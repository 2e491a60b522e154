from odoo.tests import tagged

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestSendChannels(PaylinkCommon):
    """How the dialogs reach customers, and what they say: of addresses, of colleagues' links, and afterwards."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.marie.email = "marie@lambert.fr"
        cls.seller = cls._user("seller", "paylink_addon.group_paylink_user,account.group_account_invoice")

    def _sms(self, link):
        domain = [("mail_message_id.model", "=", "paylink.link"), ("mail_message_id.res_id", "=", link.id)]
        return self.env["sms.sms"].sudo().search(domain)

    # === CHANNELS === #

    def test_of_many_each_is_sent_by_what_works(self):
        """One channel that does not work keeps nobody from being asked by the other; the dialog says which, and why."""
        cases = {
            "Both": ({"email": "both@lambert.fr", "phone": "+33612345678"}, (True, True), ""),
            "Landline": ({"email": "l@lambert.fr", "phone": "+33142685300"}, (True, False), "Not sent by SMS.*mobile"),
            "No phone": ({"email": "n@lambert.fr"}, (True, False), "Not sent by SMS.*no mobile number"),
            "Bad e-mail": (
                {"email": "nonsense", "phone": "+33639981235"},
                (False, True),
                "Not sent by e-mail.*nonsense",
            ),
            "Nothing": ({"email": "nonsense", "phone": "+33142685300"}, None, ""),
        }
        partners = {name: self._customer(name, **values) for name, (values, _ways, _text) in cases.items()}
        invoices = self.env["account.move"].union(*(self._invoice(partner) for partner in partners.values()))
        wizard = self._wizard(invoices, send_email=True, send_sms=True)
        self.assertEqual((wizard.ready_count, wizard.problem_count, wizard.warning_count), (4, 1, 3))
        links = self._sent(wizard)
        for name, (_values, ways, text) in cases.items():
            with self.subTest(name):
                line = wizard.line_ids.filtered(lambda line, name=name: line.partner_id == partners[name])
                link = links.filtered(lambda link, name=name: link.partner_id == partners[name])
                self.assertEqual(bool(line.problem), ways is None)
                self.assertRegex(line.warning or "", text or "^$")
                if ways:
                    self.assertEqual((bool(self._customer_mails(link)), bool(self._sms(link))), ways)
                    self.assertEqual((link.send_email, link.send_sms), ways)

    def test_open_link_sent_again_goes_by_what_works(self):
        landline = self._customer("Landline", email="l@lambert.fr", phone="+33142685300")
        invoices = self._invoice(landline) + self._invoice()
        link = self._link(invoices[0])
        links = self._sent(self._wizard(invoices, send_email=True, send_sms=True))
        self.assertIn(link, links)
        self.assertEqual((link.send_email, link.send_sms, len(self._customer_mails(link))), (True, False, 1))

    # === DOUBTFUL ADDRESSES === #

    def test_both_dialogs_say_the_same_of_an_address(self):
        """What the sign on the contact says, and whether its owner wants no e-mail."""
        cases = [
            ({"email": "luc@gmial.com"}, "Did you mean gmail.com"),
            ({"email": "luc@lambert.test"}, "can't receive e-mail"),
            ({"email": "luc@lambert.fr", "message_bounce": 2}, "have bounced"),
            ({"email": "unwanted@lambert.fr"}, "want no e-mail"),
            ({"email": "luc@lambert.fr"}, ""),
        ]
        self.env["mail.blacklist"]._add("unwanted@lambert.fr")
        for values, text in cases:
            with self.subTest(values=values):
                luc, ann = self._customer("Luc", **values), self._customer("Ann", email="ann@lambert.fr")
                invoices = self._invoice(luc) + self._invoice(ann)
                single, many = self._wizard(invoices[0]), self._wizard(invoices)
                statement = (
                    self.env["paylink.statement.send"]
                    .with_context(active_model="res.partner", active_ids=(luc + ann).ids)
                    .create({})
                )
                told = [
                    single.warning,
                    "".join(filter(None, many.line_ids.mapped("warning"))),
                    statement.warnings,
                ]
                for place in told:
                    self.assertIn(text, place or "")
                    self.assertEqual(bool(place), bool(text))
                self.assertEqual((single.problem, many.problem_count), (False, 0))
                self.assertEqual(statement.ready_ids, luc + ann)

    # === LINKS OF COLLEAGUES === #

    def test_link_of_a_colleague_is_mentioned(self):
        """Not shown: neither its number, nor its amount, nor its address."""
        invoice = self._invoice(amount=100)
        link = self._link(invoice + self._invoice(amount=23.45))
        as_seller = self.env["paylink.send"].with_user(self.seller)
        wizard = as_seller.with_context(active_model="account.move", active_ids=invoice.ids).create({})
        self.assertFalse(wizard.existing_link_id)
        self.assertIn("already asks for this", wizard.warning)
        self.assertIn(link.user_id.name, wizard.warning)
        for secret in (link.name, "123.45", link.access_token):
            self.assertNotIn(secret, wizard.warning)
        other = self._invoice()
        many = as_seller.with_context(active_model="account.move", active_ids=(invoice + other).ids)
        many = many.create({"grouping": "document"})
        self.assertEqual(many.warning_count, 1)
        sent = self._sent(wizard)
        again = as_seller.with_context(active_model="account.move", active_ids=invoice.ids).create({})
        self.assertEqual(again.existing_link_id, sent)
        self.assertFalse(self._wizard(other).warning)
        statement = self.env["paylink.statement.send"].with_user(self.seller)
        statement = statement.with_context(active_model="res.partner", active_ids=self.marie.ids).create({})
        self.assertIn("already asks for this", statement.warnings)
        send = self.env["account.move.send.wizard"].with_user(self.seller)
        send = send.with_context(active_model="account.move", active_ids=other.ids).create({})
        self.assertFalse(send.paylink_colleagues_text)
        self._link(other)
        send.invalidate_recordset()
        self.assertIn("already asks for this", send.paylink_colleagues_text)

    def test_name_of_a_colleague_only_to_who_may_know_it(self):
        invoice = self._invoice()
        link = self._link(invoice)
        self.env["ir.rule"].create(
            {
                "name": "Only oneself",
                "model_id": self.env.ref("base.model_res_users").id,
                "domain_force": "[('id', '=', user.id)]",
                "groups": [(4, self.env.ref("paylink_addon.group_paylink_user").id)],
            }
        )
        wizard = self.env["paylink.send"].with_user(self.seller)
        wizard = wizard.with_context(active_model="account.move", active_ids=invoice.ids).create({})
        self.assertIn("of a colleague", wizard.warning)
        self.assertNotIn(link.user_id.name, wizard.warning)

    # === AFTERWARDS === #

    def test_who_sends_stays_and_is_told(self):
        """Where it went, with the address to copy; of many how many, and the list."""
        action = self._wizard(self._invoice(), send_sms=True).action_send()
        link = self.env["paylink.link"].browse(action["params"]["show"]["res_id"])
        self.assertEqual((action["type"], action["tag"]), ("ir.actions.client", "paylink_addon.sent"))
        self.assertEqual(action["params"]["message"], "Sent to marie@lambert.fr, +33 6 39 98 12 34")
        self.assertEqual(action["params"]["text"], link.url)
        again = link.action_send()
        self.assertEqual(again["params"]["message"], action["params"]["message"])
        many = self._wizard(self._invoice() + self._invoice(self.john)).action_send()["params"]
        self.assertIn("2", many["message"])
        self.assertFalse(many["text"])
        self.assertEqual(len(many["show"]["domain"][0][2]), 2)
        silent = self._wizard(self._invoice(), send_email=False).action_send()["params"]
        self.assertIn("copy", silent["message"])
        self.assertTrue(silent["text"])
