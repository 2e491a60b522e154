import re

from lxml import etree
from odoo.tests import TransactionCase, tagged
from reportlab.pdfbase.pdfmetrics import stringWidth

# The width in pixels of columns that have no other; see FIELD_WIDTHS of Odoo's column_width_hook.js.
WIDTHS = {"boolean": 100, "date": 103, "datetime": 145, "float": 93, "integer": 71, "monetary": 105}


@tagged("post_install", "-at_install")
class TestTitles(TransactionCase):
    """Odoo gives some columns of lists a fixed width, and cuts titles that do not fit."""

    def test_titles_of_columns_are_not_cut(self):
        views = self.env["ir.ui.view"].search([("type", "in", ("list", "form")), ("mode", "=", "primary")])
        for lang in ("en_US", "fr_FR"):
            cut = {}
            for view in views.filtered(lambda view: (view.xml_id or "").startswith("paylink_")):
                model = self.env[view.model].with_context(lang=lang)
                arch = etree.fromstring(model.get_view(view.id, view.type)["arch"])
                for title, needed, width in self.columns(model, arch, view.type == "list"):
                    if needed > width:
                        cut[f"{view.xml_id}: {title}"] = f"{needed} > {width}"
            with self.subTest(lang=lang):
                self.assertFalse(cut)

    def columns(self, model, node, in_list):
        """The title, the width that it needs and the width of each column of a fixed width below ``node``."""
        for child in node.iterchildren(etree.Element):
            name, field = child.get("name"), model._fields.get(child.get("name")) if child.tag == "field" else None
            if field is not None and len(child) and field.comodel_name:
                yield from self.columns(model.env[field.comodel_name], child, in_list=False)
                continue
            if in_list and field is not None and (width := self.width(child, field)):
                title = child.get("string") or model.fields_get([name], ["string"])[name]["string"]
                yield title, round(stringWidth(title, "Helvetica-Bold", 14)), width
            yield from self.columns(model, child, in_list or child.tag == "list")

    def width(self, node, field):
        """The width of a column; None: it has room, or no title."""
        if node.get("column_invisible") in ("1", "True") or node.get("nolabel") or node.get("widget") == "handle":
            return None
        if width := node.get("width"):
            return int(width.removesuffix("px"))
        return None if node.get("widget") else WIDTHS.get(field.type)

    def test_amounts_and_days_on_cards_stay_in_one_piece(self):
        """Beside a long name they would be broken, sign by sign."""
        rows = "//t[@t-name='card']//div[contains(@class, 'justify-content-between')]"
        views = self.env["ir.ui.view"].search([("type", "=", "kanban"), ("mode", "=", "primary")])
        broken = []
        for view in views.filtered(lambda view: (view.xml_id or "").startswith("paylink_")):
            model = self.env[view.model]
            arch = etree.fromstring(model.get_view(view.id, "kanban")["arch"])
            for node in arch.xpath(f"{rows}/*[position() > 1][self::field]"):
                field = model._fields[node.get("name")]
                if field.type in ("monetary", "date", "datetime") and "text-nowrap" not in node.get("class", ""):
                    broken.append(f"{view.xml_id}: {field.name}")
        self.assertFalse(broken)

    def test_lists_of_menus_are_cards_on_phones(self):
        """Odoo shows cards there where an action has some; a list that wide is not read, nor its buttons found."""
        lists = {"paylink.reminder.preview.line"}  # what stands above it, only lists have
        ours = self.env["ir.model.data"].search([("module", "=like", "paylink_addon%"), ("model", "=", "ir.ui.menu")])
        actions = [menu.action for menu in self.env["ir.ui.menu"].browse(ours.mapped("res_id")) if menu.action]
        for action in (action for action in actions if action._name == "ir.actions.act_window"):
            model = action.res_model
            if "list" in action.view_mode and model.startswith("paylink.") and model not in lists:
                with self.subTest(action.name):
                    self.assertIn("kanban", action.view_mode)
                    self.assertTrue(
                        self.env["ir.ui.view"].search_count([("model", "=", model), ("type", "=", "kanban")])
                    )

    def test_empty_lists_say_what_comes_there(self):
        """A line that says so, and a sentence on where it comes from."""
        data = self.env["ir.model.data"].search([("module", "=like", "paylink_addon%")])
        ours = data.filtered(lambda row: row.model == "ir.actions.act_window")
        actions = self.env["ir.actions.act_window"].browse(ours.mapped("res_id"))
        actions -= self.env.ref("paylink_addon.res_partner_address_action")  # of what is ticked
        lists = actions.filtered(lambda action: "list" in action.view_mode)
        told = re.compile(r"o_view_nocontent.*</p>\s*<p>[\w“]", re.DOTALL)
        self.assertFalse([action.xml_id for action in lists if not told.search(action.help or "")])
