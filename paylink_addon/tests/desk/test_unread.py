import json

from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import SQL

from ..common import PaylinkCommon

LONG_NAME = "Société coopérative des menuisiers et charpentiers réunis de la vallée de la Bièvre"


@tagged("post_install", "-at_install")
class TestUnread(PaylinkCommon):
    """What the owner of links has not seen yet: the number in the top bar, its menu, and what tells the browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        groups = "paylink_addon.group_paylink_user"
        cls.camille = cls._user("camille", groups, lang="fr_FR", name="Camille")
        cls.paul = cls._user("paul", groups, name="Paul")
        cls.manager = cls._user("manager", "paylink_addon.group_payment_manager")
        cls.links = {user: cls._free_link(1200, user_id=user.id) for user in (cls.camille, cls.paul)}
        for link in cls.links.values():
            cls._pay(link)
        cls.env.flush_all()

    def _call(self, user, method, *args):
        """As a client calls it, whose user works in our company."""
        model = self.env(user=user.id, su=False)["paylink.link"]
        return call_kw(model, method, list(args), {"context": {"lang": user.lang}})

    def _told(self, act):
        """What the browsers of which contacts are told by ``act``, once it is committed."""
        self.env.cr.precommit.run()
        Bus = self.env["bus.bus"].sudo()
        before = Bus.search([], order="id desc", limit=1).id or 0
        act()
        self.env.flush_all()
        self.env.cr.precommit.run()
        told = [
            (json.loads(row.channel)[1:], json.loads(row.message))
            for row in Bus.search([("id", ">", before)], order="id")
        ]
        return [(channel[1], said["type"], said["payload"]) for channel, said in told if "paylink" in said["type"]]

    def test_number_is_of_ones_own_in_one_query(self):
        for user, expected in ((self.camille, 1), (self.paul, 1), (self.manager, 0)):
            with self.subTest(user.login):
                self.assertEqual(self._call(user, "unread_count"), expected)
        with self.assertRaises(AccessError):
            self._call(self._user("employee", "base.group_user"), "unread_count")
        links = self.links[self.camille].with_user(self.camille)
        links.unread_count()
        with self.assertQueryCount(1):
            links.unread_count()

    def test_number_has_an_index(self):
        """It does not depend on how many links there are that were read."""
        link = self.links[self.camille].with_user(self.camille)
        self.env.cr.execute(
            """INSERT INTO paylink_link
               SELECT (jsonb_populate_record(link, jsonb_build_object(
                          'id', nextval('paylink_link_id_seq'), 'access_token', 'read' || number, 'unread', false,
                          'transfer_reference', NULL))).*
                 FROM paylink_link link, generate_series(1, 2000) number WHERE link.id = %s""",
            [link.id],
        )
        self.env.cr.execute("ANALYZE paylink_link")
        query = link._search(link._unread_domain()).select()
        self.env.cr.execute(SQL("EXPLAIN %s", query))
        self.assertIn("paylink_link_unread_index", str(self.env.cr.fetchall()))

    def test_menu_shows_the_latest(self):
        """Who, how much, when, in which status: in the reader's language, also of customers that are hidden."""
        self.marie.name = LONG_NAME
        [row] = self._call(self.camille, "unread_latest")
        link = self.links[self.camille]
        self.assertEqual((row["id"], row["customer"], row["status"]), (link.id, LONG_NAME, "paid"))
        self.assertEqual(row["label"], "Payé")
        self.assertIn("1\u202f200,00", row["amount"].replace("\xa0", "\u202f"))
        self.assertEqual(row["news_at"], link.news_at)
        newer = self._free_link(5, user_id=self.camille.id)
        newer._mark_unread()
        newer.sudo().news_at = "2099-01-01"
        self.assertEqual([row["id"] for row in self._call(self.camille, "unread_latest")], [newer.id, link.id])

    def test_nobody_reads_for_somebody_else(self):
        """By RPC, whoever it is: others' links stay unread; all of one's own are read at once."""
        foreign = self.links[self.camille]
        with self.assertRaises(AccessError):
            self._call(self.paul, "action_mark_read", foreign.ids)
        with self.assertRaises(UserError):
            self._call(self.manager, "action_mark_read", foreign.ids)
        for user in (self.paul, self.manager):
            with self.subTest(user.login):
                with self.assertRaises(AccessError):
                    self._call(user, "write", foreign.ids, {"unread": False})
                self._call(user, "action_mark_all_read")
                self.assertTrue(foreign.unread)
        self.assertFalse(self.links[self.paul].unread)
        self._call(self.camille, "action_mark_all_read")
        self.assertFalse(foreign.unread)
        self.assertEqual(self._call(self.camille, "unread_latest"), [])

    def test_what_is_nobody_s_is_managers_to_read(self):
        """So is what belongs to somebody who has left."""
        everyone = self._user("everyone", "paylink_addon.group_paylink_all")
        left, nobodys = self.links[self.camille], self.links[self.paul]
        nobodys.sudo().user_id = False
        self.camille.sudo().active = False
        for link in (left, nobodys):
            with self.subTest(link.user_id.name), self.assertRaises(UserError):
                self._call(everyone, "action_mark_read", link.ids)
            self.assertTrue(link.unread)
            self._call(self.manager, "action_mark_read", link.ids)
            self.assertFalse(link.unread)

    def test_browser_is_told_of_payments_and_of_what_was_read(self):
        link = self._free_link(1200, user_id=self.camille.id)
        told = self._told(lambda: self._pay(link))
        contact = self.camille.partner_id.id
        news = [payload for told_to, kind, payload in told if kind == "paylink_addon.news" and told_to == contact]
        self.assertEqual(len(news), 1)
        self.assertIn("1\u202f200,00", news[0]["message"].replace("\xa0", "\u202f"))
        self.assertIn("a payé", news[0]["message"])
        self.assertEqual((news[0]["show"]["res_model"], news[0]["show"]["res_id"]), ("paylink.link", link.id))
        self.assertIn((contact, "paylink_addon.unread", {}), told)
        number = [(contact, "paylink_addon.unread", {})]
        self.assertEqual(self._told(lambda: self._call(self.camille, "action_mark_read", link.ids))[:1], number)
        self.assertEqual(self._told(lambda: link.write({"send_sms": True})), [])

    def test_new_owner_and_the_old_one_are_told(self):
        link = self.links[self.camille]
        told = self._told(lambda: link.sudo().write({"user_id": self.paul.id}))
        self.assertEqual({partner for partner, *_rest in told}, {self.camille.partner_id.id, self.paul.partner_id.id})

    def test_what_is_undone_is_not_told(self):
        """Nor is what a failed booking, undone by a savepoint, would have told."""
        link = self._free_link(7, user_id=self.camille.id)

        def fail():
            with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
                self._pay(link)
                raise ZeroDivisionError

        self.assertEqual(self._told(fail), [])
