"""System parameters that administrators may set by hand."""


def whole_number(env, name, default):
    """The parameter ``name``, or ``default`` where it is not set or is no whole number from 0 on."""
    value = env["ir.config_parameter"].sudo().get_param(name) or ""
    return int(value) if value.isdecimal() else default
