from odoo import api, models

from ...tools import qr

# In modules; whoever asks for the picture may ask for any.
MAX_MARGIN = 16
# As Odoo has them.
QR_OPTIONS = {"width": 600, "height": 100, "quiet": True, "barBorder": 4, "barLevel": "L"}


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    @api.model
    def barcode(self, barcode_type, value, **kwargs):
        """Odoo's QR codes on the documents of links, too, where reportlab has no renderer."""
        try:
            return super().barcode(barcode_type, value, **kwargs)
        except ValueError:  # it can't be one
            raise
        except Exception:
            if barcode_type != "QR" or kwargs.get("mask"):
                raise
            return self._paylink_qr(value, {**QR_OPTIONS, **kwargs})

    @api.model
    def _paylink_qr(self, value, options):
        """A QR code by Odoo's options, which may come from anybody; those that are wrong were refused before."""
        return qr.png(
            value,
            level=options["barLevel"] if options["barLevel"] in qr.LEVELS else "L",
            margin=min(max(int(options["barBorder"]), 0), MAX_MARGIN) if int(options["quiet"]) else 0,
            size=min(int(options["width"]), int(options["height"])),
        )
