"""System parameters that are whole numbers, and the settings by which administrators change them."""

from odoo import fields
from odoo.exceptions import ValidationError

# What is more counts as this: so many days or minutes any clock can tell.
MOST = 100_000


def whole_number(env, name, default):
    """The parameter ``name``, or ``default`` where it is not set or is no whole number from 0 on."""
    value = env["ir.config_parameter"].sudo().get_param(name) or ""
    if not value.isdecimal():
        return default
    return int(value) if len(value.lstrip("0")) < len(str(MOST)) else MOST


def parameter_field(setting, name, default, least=0, **options):
    """A field of ``res.config.settings`` for a parameter; it says what counts while nothing is set.

    Odoo's own ``config_parameter`` forgets a 0, and shows what it is not.

    :param str setting: the name of the field
    :param str name: the parameter, which :func:`whole_number` reads
    :param int least: what is less is refused
    :param options: further ones of an integer field
    """

    def compute(records):
        records[setting] = whole_number(records.env, name, default)

    def inverse(records):
        for value in set(records.mapped(setting)) - {whole_number(records.env, name, default)}:
            if not least <= value <= MOST:
                label = records._fields[setting]._description_string(records.env)
                raise ValidationError(
                    records.env._(
                        "%(setting)s: enter a number from %(least)s to %(most)s.",
                        setting=label,
                        least=least,
                        most=MOST,
                    )
                )
            records.env["ir.config_parameter"].set_param(name, str(value))

    return fields.Integer(compute=compute, inverse=inverse, readonly=False, **options)
