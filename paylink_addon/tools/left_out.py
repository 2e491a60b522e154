"""What was left out of something that was done with many records, and why: said the same way everywhere."""

from markupsafe import Markup, escape

# More names than this are counted.
NAMES = 8


def by_reason(reasons):
    """The ids of what was left out (or its records), by why.

    :param dict reasons: the reason (a text) by id, or by record
    :return: ``{reason: [ids]}``, in the order in which they come
    """
    found = {}
    for record_id, reason in reasons.items():
        found.setdefault(reason, []).append(record_id)
    return found


def as_html(env, groups, names):
    """How many were left out, and for each reason how many and which.

    :param dict groups: see :func:`by_reason`
    :param dict names: what people call the records, by id
    :rtype: Markup
    """
    if not groups:
        return Markup()
    total = env._("Left out: %(count)s", count=sum(map(len, groups.values())))
    rows = [
        Markup("<li><b>%s</b> (%s)<br/>%s</li>") % (reason, len(ids), _few([names[id_] for id_ in ids]))
        for reason, ids in groups.items()
    ]
    return Markup("<p>%s</p><ul>%s</ul>") % (total, Markup().join(rows))


def _few(names):
    more = f" +{len(names) - NAMES}" if len(names) > NAMES else ""
    return escape(", ".join(names[:NAMES]) + more)
