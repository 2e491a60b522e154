from itertools import permutations

from odoo.tests import TransactionCase, tagged

from .filters_common import asked_field, filter_groups

# What says the same thing of a model's records by several fields.
TOGETHER = {
    "paylink.link": {"state": "status"},
    "paylink.autopay.item": {"decline": "outcome", "is_skipped": "outcome", "left_out": "outcome"},
    "account.move": {"paylink_link_id": "paylink_status"},
    "res.partner": {"paylink_link_id": "paylink_status"},
}


@tagged("post_install", "-at_install")
class TestFilters(TransactionCase):
    """Each filter that is added narrows a list. Only values of one thing are alternatives: “Paid” or “Refunded”."""

    def _views(self):
        """Our search views and those of Odoo that ours extend, each as it is shown."""
        View = self.env["ir.ui.view"].with_context(active_test=True)
        data = self.env["ir.model.data"].search([("module", "=like", "paylink_addon%"), ("model", "=", "ir.ui.view")])
        ours = View.search([("id", "in", data.mapped("res_id")), ("type", "=", "search")])
        found = ours
        while parents := found.filtered(lambda view: view.mode == "extension").inherit_id - found:
            found |= parents
        found |= View.search([("mode", "=", "primary"), ("inherit_id", "in", found.ids)])
        return ours, found.filtered(lambda view: view.mode == "primary")

    def _groups(self):
        """``(view, [node, …])`` of each group that has a filter of ours."""
        ours, shown = self._views()
        for view in shown:
            arch = self.env[view.model].get_view(view.id, "search")["arch"]
            for group in filter_groups(arch):
                if view in ours or any(node.get("name", "").startswith("paylink_") for node in group):
                    yield view, group

    def test_alternatives_are_of_one_field(self):
        mixed, count = {}, 0
        for view, group in self._groups():
            same = TOGETHER.get(view.model, {})
            asked = {same.get(name, name) for name, _values in map(asked_field, group)}
            count += 1
            if len(asked) > 1:
                mixed[view.xml_id] = [node.get("name") for node in group]
        self.assertFalse(mixed)
        self.assertGreater(count, 60)

    def test_no_alternative_is_a_part_of_another(self):
        """Who chooses it with the other sees no difference."""
        parts = []
        for view, group in self._groups():
            for (part, one), (whole, other) in permutations([(node, asked_field(node)) for node in group], 2):
                if one[0] == other[0] and one[1] and other[1] and one[1] <= other[1]:
                    parts.append(f"{view.xml_id}: {part.get('name')} of {whole.get('name')}")
        self.assertFalse(parts)
