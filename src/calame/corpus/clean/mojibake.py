"""Mojibake: UTF-8 that was read as another encoding. ftfy undoes it, on the lines that a cheap check marks.

Everything of ftfy that would touch typography is off: quotes, ligatures, widths and entities stay.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

# What the second and later bytes of UTF-8, 80 to BF, look like as Latin-1 or Windows-1252 ...
TAILS = "\u0080-\u00bf" + re.escape(bytes(range(0x80, 0xC0)).decode("cp1252", "ignore"))
# ... behind the first byte of a Latin letter, a sign or a Cyrillic letter; à often lost its no-break space to a blank.
MARK = re.compile(f"[ÂÃÄÅÐÑâ][{TAILS}]|Ã |ï»¿")


def mend(text: str) -> str:
    if MARK.search(text) is None:
        return text
    from ftfy import fix_encoding

    lines = text.split("\n")
    return "\n".join(fix_encoding(line, _gently()) if MARK.search(line) else line for line in lines)


@cache
def _gently() -> Any:
    from ftfy import TextFixerConfig

    return TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
    )
