"""What of a record its user may open."""


def openable(records, *names):
    """Those of ``records`` of which all that is named leads to records that the user may read.

    :param names: of many2one fields; what is empty leads nowhere, and hinders nothing
    """
    found = records
    for name in names:
        targets = records.sudo().mapped(name).with_env(records.env)
        allowed = {False, *targets._filtered_access("read").ids}
        found = found.filtered(lambda record, name=name, allowed=allowed: record.sudo()[name].id in allowed)
    return found
