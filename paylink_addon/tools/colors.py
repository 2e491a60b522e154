"""Colors that can be read: https://www.w3.org/TR/WCAG21/#contrast-minimum."""

import re

# What WCAG asks of text of any size.
ENOUGH = 4.5


def contrast(one, other):
    """The contrast ratio of two colors (``#rrggbb``): from 1 (the same) to 21 (black and white)."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def readable_on(background, wanted="#ffffff"):
    """``wanted`` if it can be read on ``background``, else black or white, whichever can."""
    if not all(map(_is_color, (background, wanted))):
        return wanted
    return (
        wanted
        if contrast(background, wanted) >= ENOUGH
        else max("#ffffff", "#000000", key=lambda c: contrast(background, c))
    )


def _is_color(text):
    return bool(re.fullmatch("#[0-9a-fA-F]{6}", text or ""))


def _luminance(color):
    parts = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
