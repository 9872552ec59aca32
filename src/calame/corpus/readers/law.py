"""Texts of the law as DILA publishes them: LEGI, JORF and KALI (articles and texts), JADE and CASS (decisions).

Shapes as in the archives' DTDs: <ARTICLE>, <TEXTE_VERSION>, <TEXTE_JURI_ADMIN>, <TEXTE_JURI_JUDI>,
<TEXTE_JURI_CONSTIT>; all hold their text in elements <CONTENU>. <TEXTELR>, <SECTION_TA>, <JO> and <IDCC> are tables
of contents without a text.
"""

from __future__ import annotations

import re
from html.entities import html5
from xml.etree.ElementTree import Element, ParseError, fromstring

from calame.corpus.readers.row import Row, sample_of

TEXTS = ("ARTICLE", "TEXTE_VERSION", "TEXTE_JURI_ADMIN", "TEXTE_JURI_JUDI", "TEXTE_JURI_CONSTIT")
CONTENTS = ("TEXTELR", "SECTION_TA", "SECTA", "JO", "IDCC", "CONTENEUR")
ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]*);")
KNOWN = (*TEXTS, *CONTENTS)
OF_XML = (b"amp", b"lt", b"gt", b"quot", b"apos")
NEVER = "2999-01-01"  # the date that stands for none
APART = {"p", "div", "table", "blockquote", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "pre"}
LINES = {"br", "tr", "li"}
CELLS = {"td", "th"}


def parse(content: bytes, place: str) -> Row:
    """A file of an archive as a row."""
    try:
        return row(fromstring(ENTITY.sub(_character, content)), place)
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        return Row(None, place, f"broken page: {error}", len(content), sample_of(content))


def _character(entity: re.Match[bytes]) -> bytes:
    """HTML's names of characters, which some texts use, as XML knows them: by number."""
    name = entity.group(1)
    characters = html5.get(f"{name.decode()};")
    if name in OF_XML or not characters:
        return entity.group()
    return "".join(f"&#{ord(character)};" for character in characters).encode()


def row(root: Element, place: str) -> Row:
    """A text with `text` (title and content), `title`, `content`, `id`, `nature`, `date`, `state`, and `group`: the
    text of which it is an article, in whatever version."""
    if root.tag in CONTENTS:
        return Row(None, place, f"no text in it: a table of contents, {root.tag}")
    if root.tag not in TEXTS:
        return Row(None, place, f"XML of a kind that is not read: {root.tag}"[:200])
    content = "\n\n".join(filter(None, map(flowing, _contents(root))))
    number = _first(root, ".//META_COMMUN/ID")
    if not content:
        return Row(None, place, f"no text in it: {root.tag}", sample=number)
    title = _title(root)
    context = root.find("CONTEXTE/TEXTE")
    work = context.get("cid") if context is not None else _first(root, ".//META_TEXTE_CHRONICLE/CID")
    values = {
        "text": f"{title}\n\n{content}" if title else content,
        "title": title,
        "content": content,
        "id": number,
        "nature": _first(root, ".//META_COMMUN/NATURE"),
        "date": _first(root, ".//DATE_DEC", ".//DATE_DEBUT", ".//DATE_TEXTE"),
        "state": _first(root, ".//META_ARTICLE/ETAT", ".//META_TEXTE_VERSION/ETAT"),
        "group": work or number or place,
    }
    return Row(values, place)


def _contents(root: Element) -> list[Element]:
    """The elements that hold the text itself, in order: not the notes that the editors add."""
    return [found for parent in root.iter() if parent.tag != "NOTA" for found in parent.findall("CONTENU")]


def _title(root: Element) -> str:
    if root.tag != "ARTICLE":
        return _first(root, ".//TITREFULL", ".//META_JURI/TITRE", ".//TITRE")
    titles = [t for t in root.iterfind(".//TITRE_TXT") if t.get("debut", "") < NEVER] or list(root.iter("TITRE_TXT"))
    newest = max(titles, key=lambda title: title.get("debut", ""), default=None)
    work = " ".join((newest.text or newest.get("c_titre_court") or "").split()) if newest is not None else ""
    number = _first(root, ".//META_ARTICLE/NUM")
    return ", ".join(filter(None, (work, number and f"article {number}")))


def _first(root: Element, *paths: str) -> str:
    """The first text that is not empty, in the order of the paths."""
    return next((" ".join(text.split()) for path in paths if (text := root.findtext(path)) and text.strip()), "")


def flowing(element: Element) -> str:
    """The text in an element with mark-up of HTML: paragraphs parted by an empty line, rows and items by a line end."""
    text = "".join(_pieces(element))
    lines = [" ".join(line.split(" ")).strip() for line in re.sub(r" {2,}", " ", text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _pieces(element: Element) -> list[str]:
    tag = element.tag.lower()
    around = "\n\n" if tag in APART else "\n" if tag in LINES else " " if tag in CELLS else ""
    pieces = [around, _spaced(element.text)]
    for child in element:
        pieces += [*_pieces(child), _spaced(child.tail)]
    return pieces if tag == "br" else [*pieces, around]


def _spaced(text: str | None) -> str:
    """Line ends, tabs and spaces of mark-up are one space; a no-break space is text."""
    return re.sub(r"[ \t\r\n]+", " ", text or "")
