"""Taking menus, banners, comments and footers out of the tree of a page, by what its author calls them and by links.

What a page calls its parts is a convention that few break: names are those that the usual content systems, consent
banners and forums give. A part that holds much of the page's own text stays, whatever it is called.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, NamedTuple

JUNK_TAGS = """
    amp-ad amp-sidebar amp-user-notification aside audio button canvas dialog footer form iframe input menu nav noscript
    object script select style svg template textarea video
"""
BLIND_TAGS = ("script", "style", "noscript", "template")  # which never hold a text that is seen
ROLES = """
    alertdialog banner complementary contentinfo dialog menu menubar navigation search toolbar
"""
NAMES = """
    nav navbar navigation menu menubar submenu topbar topnav linklist skiplinks skiplink skip toolbar dropdown
    quick jump ariane aside sidebar widget secondary toc sommaire pagination pager pagenav actionbar basket cart price
    consent gdpr rgpd ccpa tarteaucitron onetrust iubenda didomi axeptio cookiebot overlay modal popup notification
    share sharing sharedaddy social related relatedposts recommended similar mostviewed viewed trending bought
    comments comment respond discussion reviews rating ratings feedback poll vote votecell login signup
    widgets hidden notice bandeau pied piede footer foot footbar colophon copyright legal
    ad ads adv advert advertisement advertising sponsor sponsored promo promotion pullout
    byline meta metadata postprofile userinfo taglist tags
    catlinks infobox hatnote editsection headerlink reflist sitenotice sitesub
"""
OF_TAG, OF_ROLE, OF_NAME = (frozenset(words.split()) for words in (JUNK_TAGS, ROLES, NAMES))
WHOLE = ("reference", "references")  # footnotes of wikis; a reference-table is a table
BEGINNINGS = ("cookie", "breadcrumb", "newsletter", "consent", "sidebar", "subscri", "infobox", "footer")
COMPOUND = {"user": "info", "most": "viewed", "action": "bar", "site": "footer", "page": "footer", "story": "nav"}
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
MUCH = 0.4  # of a page's text: a part that holds more of it is not taken for junk by its name
OF_LINKS = 0.5  # unless so much of it is links
MENU_LINKS, MENU_SHARE = 3, 0.8  # so many links that are so much of a part's text are a menu
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
CODE = ("pre", "code")  # what is coloured there is called a comment, a tag, a meta
LISTS = ("ul", "ol", "dl", "div", "section", "table", "td", "p", "details", "center")


def prune(root: Any) -> None:
    """Take what is no main text out of an lxml tree, in place."""
    for element in list(root.iter(*BLIND_TAGS)):
        _drop(element)
    sizes: Sizes = {}
    _measure(root, sizes)
    _visit(root, sizes, sizes[root].text or 1)


class Size(NamedTuple):
    """Of an element: characters of text, those of them that are of links, and links."""

    text: int
    linked: int
    links: int


Sizes = dict[Any, Size]


def _measure(element: Any, sizes: Sizes) -> Size:
    text, linked, links = _length(element.text), 0, 0
    for child in element:
        if isinstance(child.tag, str):
            inner = _measure(child, sizes)
            text, linked, links = text + inner.text, linked + inner.linked, links + inner.links
        text += _length(child.tail)
    sizes[element] = Size(text, text, 1) if element.tag == "a" else Size(text, linked, links)
    return sizes[element]


def _length(text: str | None) -> int:
    return len(" ".join(text.split())) if text else 0


def _visit(element: Any, sizes: Sizes, whole: int) -> None:
    """Drop the children of an element that are junk, and what is junk in the others."""
    for child in list(element):
        if not isinstance(child.tag, str):  # a comment
            _drop(child)
            continue
        size = sizes[child]
        much = size.text > MUCH * whole and size.linked < OF_LINKS * size.text
        if child.tag != "body" and ((_is_junk(child) and not much) or _is_menu(child, size)):
            _drop(child)
        elif child.tag not in CODE:
            _visit(child, sizes, whole)


def _is_junk(element: Any) -> bool:
    if element.tag in OF_TAG or element.get("role") in OF_ROLE or element.get("hidden") is not None:
        return True
    if element.get("aria-modal") == "true" or "display:none" in (element.get("style") or "").replace(" ", ""):
        return True
    if element.tag == "header" and not any(up.tag in ("article", "main") for up in element.iterancestors()):
        return not any(True for _ in element.iter("h1"))
    if element.tag == "a" and (element.text or "").strip() in ("#", "¶", "§", "🔗"):
        return True
    # A heading's id is made of its own words, so that links can point at it.
    keys = ("class",) if element.tag in HEADINGS else ("class", "id")
    return any(_names_junk(element.get(key) or "") for key in keys)


def _names_junk(names: str) -> bool:
    for name in names.split():
        words = [word.lower() for word in WORDS.findall(name)]
        if name in WHOLE or any(word in OF_NAME or word.startswith(BEGINNINGS) for word in words):
            return True
        if any(COMPOUND.get(one) == other for one, other in pairwise(words)):
            return True
    return False


def _is_menu(element: Any, size: Size) -> bool:
    return element.tag in LISTS and size.links >= MENU_LINKS and size.linked >= MENU_SHARE * size.text


def _drop(element: Any) -> None:
    """Take an element out; the text after it stays, as a word of its own."""
    parent, before = element.getparent(), element.getprevious()
    if parent is None:
        return
    tail = element.tail or ""
    if before is not None:
        before.tail = f"{before.tail or ''} {tail}"
    else:
        parent.text = f"{parent.text or ''} {tail}"
    element.tail = None
    parent.remove(element)
