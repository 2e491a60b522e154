"""System parameters that administrators may set by hand."""

# What is more counts as this: so many days or minutes any clock can tell.
MOST = 100_000


def whole_number(env, name, default):
    """The parameter ``name``, or ``default`` where it is not set or is no whole number from 0 on."""
    value = env["ir.config_parameter"].sudo().get_param(name) or ""
    if not value.isdecimal():
        return default
    return int(value) if len(value.lstrip("0")) < len(str(MOST)) else MOST
