from io import BytesIO

from odoo.tests import BaseCase, tagged
from werkzeug.datastructures import FileStorage

from ...tools.uploads import LARGEST, BadUpload, received

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 20
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 "
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
HEIF = b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1heicmiaf"


def sent(content=PDF, name="facture.pdf", content_type="application/pdf"):
    return FileStorage(BytesIO(content), filename=name, content_type=content_type)


@tagged("post_install", "-at_install")
class TestUploads(BaseCase):
    """Files that strangers send are what their first bytes say, whatever they are called."""

    def test_what_is_taken(self):
        kinds = [
            *((PDF, "application/pdf", ".pdf"), (JPEG, "image/jpeg", ".jpg"), (PNG, "image/png", ".png")),
            *((WEBP, "image/webp", ".webp"), (HEIC, "image/heic", ".heic"), (HEIF, "image/heic", ".heic")),
        ]
        for content, mimetype, extension in kinds:
            # What it is called, and what is said of it, says nothing.
            for name in ("photo.html", "photo", "photo.svg"):
                with self.subTest(extension=extension, name=name):
                    upload = received(sent(content, name, "text/html"))
                    self.assertEqual(upload, (f"photo{extension}", mimetype, content))
        self.assertEqual(len(received(sent(PDF.ljust(LARGEST))).content), LARGEST)

    def test_what_is_not(self):
        cases = {
            "large": [PDF.ljust(LARGEST + 1)],
            "empty": [b""],
            "type": [
                *(b"<script>alert(1)</script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", b"MZ\x90\x00"),
                *(b"PK\x03\x04", b"\n%PDF-1.7", b"<html>%PDF-1.7", b"%PDF", b"\x00" * 100, b"\xff\xd8", PNG[:8]),
                *(b"RIFF\x24\x00\x00\x00WAVEfmt ", b"#!/bin/sh\n%PDF-1.4", b"%!PS-Adobe", b"II*\x00", b"BM6\x00"),
                *(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00mif1avif"),
                *(b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00avifmif1miaf", b"x", b"\xef\xbb\xbf%PDF-1.7", b"\x89PNG"),
            ],
        }
        for code, contents in cases.items():
            for content in contents:
                with self.subTest(code=code, content=content[:30]), self.assertRaises(BadUpload) as raised:
                    received(sent(content))
                self.assertEqual(raised.exception.code, code)

    def test_no_file(self):
        for nothing in (None, "", "a text instead", sent(b"", ""), sent(b"", None)):
            with self.subTest(nothing=nothing):
                self.assertIsNone(received(nothing))

    def test_names(self):
        cases = {
            "Facture 12.03.2026.pdf": "Facture 12.03.2026.pdf",
            "photo.JPEG": "photo.pdf",
            "facture.pdf.exe": "facture.pdf",
            "../../etc/passwd": "passwd.pdf",
            r"C:\fakepath\réclamation.pdf": "réclamation.pdf",
            "<script>alert(1)</script>.pdf": "script.pdf",
            '"><img src=x onerror=alert(1)>.pdf': "img src=x onerror=alert(1).pdf",
            "a\r\nContent-Type: text/html\0.pdf": "html.pdf",
            "a\r\nContent-Type: text\0.pdf": "a Content-Type text.pdf",
            "facture\u202efdp.exe": "facture fdp.pdf",
            "..": "file.pdf",
            ".htaccess": "htaccess.pdf",
            ".exe": "file.pdf",
            "": "file.pdf",
            "é" * 5_000: "é" * 96 + ".pdf",
        }
        for name, clean in cases.items():
            with self.subTest(name=name[:40]):
                self.assertEqual(received(sent(name=name)).name, clean)
