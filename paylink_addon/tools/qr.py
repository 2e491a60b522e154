"""QR codes, drawn by what Odoo itself requires (``qrcode``, Pillow).

Odoo draws them with reportlab, whose renderer has no build for Python 3.12 and above.
"""

import functools
import io

import qrcode
from qrcode.image.svg import SvgPathImage

# In pixels: enough for print.
MODULE = 8
# Drawing takes several milliseconds: of what strangers may ask for without end, each process keeps the last pictures.
KEPT = 200
LEVELS = {
    "L": qrcode.ERROR_CORRECT_L,
    "M": qrcode.ERROR_CORRECT_M,
    "Q": qrcode.ERROR_CORRECT_Q,
    "H": qrcode.ERROR_CORRECT_H,
}


def png(text, *, level="M", margin=0, size=None):
    """The QR code of ``text`` as a PNG (bytes).

    :param str level: how much damage it bears; transfers want 15 %, which is M:
        https://www.europeanpaymentscouncil.eu/document-library/guidance-documents (EPC069-12)
    :param int margin: in modules, of which the code is made
    :param int size: how wide and high, in pixels; default: what is good for print
    :raises ValueError: the text is too long for a QR code
    """
    code = qrcode.QRCode(error_correction=LEVELS[level], box_size=MODULE, border=margin)
    code.add_data(text, optimize=0)
    picture = code.make_image().get_image()
    picture = picture.resize((size, size)) if size else picture
    data = io.BytesIO()
    picture.save(data, format="PNG")
    return data.getvalue()


@functools.lru_cache(maxsize=KEPT)
def kept_png(text, margin=0):
    """As :func:`png`; only for texts that are ours, lest others be pushed out by what somebody makes up."""
    return png(text, margin=margin)


@functools.lru_cache(maxsize=KEPT)
def kept_svg(text, margin=0):
    """Likewise as an SVG, which is sharp in any size."""
    code = qrcode.QRCode(error_correction=LEVELS["M"], box_size=MODULE, border=margin)
    code.add_data(text, optimize=0)
    return code.make_image(image_factory=SvgPathImage).to_string(encoding="utf-8", xml_declaration=True)
