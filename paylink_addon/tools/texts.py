"""Texts as other programs want them."""


def one_line(text):
    """``text`` on a single line, as headers and the like must be; what is empty stays what it is."""
    return " ".join(text.split()) if text else text
