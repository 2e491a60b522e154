from datetime import timedelta

from lxml import html
from odoo.tests import HttpCase

from ..common import PaylinkCommon


class AnswerMixin:
    """What has become of answers."""

    def _answers(self, links):
        return self.env["paylink.answer"].search([("link_id", "in", links.ids)])

    def _holds(self, moves):
        return self.env["paylink.reminder.hold"].search([("move_id", "in", moves.ids)])


class AnswerCommon(AnswerMixin, PaylinkCommon, HttpCase):
    """Short ways to what customers answer on the page of a link."""

    def _page(self, link, path="", **options):
        """A page of the link: the response, and what it shows."""
        response = self.url_open(f"/pay/{link.access_token}{path}", **options)
        return response, html.fromstring(response.text)

    def _send(self, link, kind, headers=None, **said):
        """Send a form, as the page does; what has changed is read anew."""
        said = {name: str(value) for name, value in said.items()}
        path = f"/pay/{link.access_token}/answer/{kind}"
        response = self.url_open(path, data=said, headers=headers, allow_redirects=False)
        self.env.invalidate_all()
        return response

    def _day(self, link, days):
        return link._today() + timedelta(days=days)

    def _told(self, link):
        """What the owner of the link was told."""
        domain = [("model", "=", link._name), ("res_id", "=", link.id), ("message_type", "=", "user_notification")]
        return self.env["mail.message"].sudo().search(domain)
