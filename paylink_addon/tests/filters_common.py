from lxml import etree
from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval


def filter_groups(arch):
    """The filters of a search view as Odoo groups them (``search_arch_parser.js``): those of a group are alternatives.

    :return: ``[[node, …], …]``, without those that group
    """
    groups, current = [], []
    for event, node in etree.iterwalk(etree.fromstring(arch), events=("start", "end")):
        is_own = node.tag == "filter" and node.getparent().tag in ("search", "group")
        if is_own and event == "start" and not _groups_by(node):
            current.append(node)
        elif node.tag in ("separator", "field", "group", "search") or (is_own and _groups_by(node)):
            groups.append(current)
            current = []
    return [group for group in groups if group]


def _groups_by(node):
    return "group_by" in node.get("context", "")


def asked_field(node):
    """The field by which a filter chooses, or the first of them; and the values, where it names some."""
    if node.get("date"):
        return node.get("date"), None
    leaves = [leaf for leaf in safe_eval(node.get("domain"), {"uid": 1}) if not isinstance(leaf, str)]
    name, operator, value = leaves[0]
    values = {"=": [value], "in": value}.get(operator)
    names_all = values is not None and name not in [leaf[0] for leaf in leaves[1:]]
    return name, set(values) if names_all else None


def chosen(arch, names, uid):
    """What a list shows with these filters."""
    domain = Domain.TRUE
    for group in filter_groups(arch):
        own = [node for node in group if node.get("name") in names]
        if own:
            domain &= Domain.OR(Domain(safe_eval(node.get("domain"), {"uid": uid})) for node in own)
    return domain
