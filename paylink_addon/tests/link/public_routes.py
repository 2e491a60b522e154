import re

from odoo.tests import HttpCase

from ..common import PaylinkCommon


class PublicRoutes(PaylinkCommon, HttpCase):
    """All public routes that our add-ons define or extend, and a link and a statement that they open."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.link = cls._link(cls._invoice(cls.john))
        cls.statement = cls.env["paylink.statement"]._for_customers(cls.john)
        cls.statement._activate()

    def _routes(self):
        """``(rule, methods, type)`` of each public route that our add-ons define or extend."""
        found = []
        for rule in self.env["ir.http"].routing_map().iter_rules():
            method, routing = rule.endpoint.func, rule.endpoint.routing
            modules = [cls.__module__ for cls in type(method.__self__).__mro__ if method.__name__ in vars(cls)]
            ours = any(module.startswith("odoo.addons.paylink_addon") for module in modules)
            if ours and routing["auth"] in ("public", "none"):
                usual = ["GET"] if routing["type"] == "http" else ["POST"]
                found.append((rule.rule, routing["methods"] or usual, routing["type"]))
        self.assertGreater(len(found), 10)
        return found

    def _fill(self, rule, token=None, number=None):
        """An address of the route: what opens something, or what is given in its place."""
        record = self.statement if rule.startswith("/account") else self.link
        path = rule.replace("<string:token>", token or record.access_token)
        path = re.sub("<int:[^>]*>", number or str(self.link.line_ids[:1].id), path)
        self.assertNotIn("<", path, "What belongs there?")
        return path
