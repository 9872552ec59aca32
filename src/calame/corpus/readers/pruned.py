"""Taking menus, banners, comments and footers out of the tree of a page, by what its author calls them and by links.

What a page calls its parts is a convention that few break: names are those that the usual content systems, consent
banners and forums give. A part that holds much of the page's own text stays, whatever it is called.
"""

from __future__ import annotations

import re
from typing import Any

JUNK_TAGS = (
    "script style noscript template nav aside footer form button select input textarea iframe object svg canvas video "
    "audio dialog menu amp-sidebar amp-ad amp-user-notification"
).split()
BLIND_TAGS = ("script", "style", "noscript", "template")  # which never hold a text that is seen
ROLES = set("navigation banner contentinfo search dialog alertdialog complementary menubar menu toolbar".split())
NAMES = set(
    "nav navbar navigation menu menubar submenu topbar topnav linklist skiplinks skiplink skip toolbar dropdown "
    "ariane aside sidebar widget widgets secondary toc sommaire pagination pager pagenav "
    "consent gdpr rgpd ccpa tarteaucitron onetrust iubenda didomi axeptio cookiebot overlay modal popup notification "
    "share sharing sharedaddy social related relatedposts recommended similar mostviewed viewed trending bought "
    "comments comment respond discussion reviews rating ratings feedback poll vote votecell "
    "footer foot footbar colophon copyright legal "
    "ad ads adv advert advertisement advertising sponsor sponsored promo promotion pullout "
    "byline meta metadata postprofile userinfo taglist tags catlinks infobox hatnote editsection headerlink reference "
    "reflist sitenotice sitesub jump login signup basket cart price hidden quick notice actionbar".split()
)
BEGINNINGS = ("cookie", "breadcrumb", "newsletter", "consent", "sidebar", "subscri", "infobox", "footer")
COMPOUND = {"user": "info", "most": "viewed", "action": "bar", "site": "footer", "page": "footer", "story": "nav"}
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
MUCH = 0.4  # of a page's text: a part that holds more of it is not taken for junk by its name
OF_LINKS = 0.5  # unless so much of it is links
MENU_LINKS, MENU_SHARE = 3, 0.8  # so many links that are so much of a part's text are a menu
LISTS = ("ul", "ol", "dl", "div", "section", "table", "td", "p", "details", "center")


def prune(root: Any) -> None:
    """Take what is no main text out of an lxml tree, in place."""
    for element in list(root.iter(*BLIND_TAGS)):
        _drop(element)
    whole = len(_text(root)) or 1
    for element in list(root.iter()):
        if not isinstance(element.tag, str):  # a comment
            _drop(element)
        elif element.getparent() is not None and element.tag not in ("html", "body") and _attached(element, root):
            text = len(_text(element))
            links = sum(len(_text(link)) for link in element.iter("a"))
            much = text > MUCH * whole and links < OF_LINKS * text
            if (_is_junk(element) and not much) or _is_menu(element, text, links):
                _drop(element)


def _is_junk(element: Any) -> bool:
    if element.tag in JUNK_TAGS or element.get("role") in ROLES or element.get("hidden") is not None:
        return True
    if element.get("aria-modal") == "true" or "display:none" in (element.get("style") or "").replace(" ", ""):
        return True
    if element.tag == "header" and not any(up.tag in ("article", "main") for up in element.iterancestors()):
        return not any(True for _ in element.iter("h1"))
    if element.tag == "a" and _text(element).strip() in ("#", "¶", "§", "🔗"):
        return True
    return any(_names_junk(element.get(key) or "") for key in ("class", "id"))


def _names_junk(names: str) -> bool:
    for name in names.split():
        words = [word.lower() for word in WORDS.findall(name)]
        if any(word in NAMES or word.startswith(BEGINNINGS) for word in words):
            return True
        if any(COMPOUND.get(one) == other for one, other in zip(words, words[1:], strict=False)):
            return True
    return False


def _is_menu(element: Any, text: int, links: int) -> bool:
    if element.tag not in LISTS or links < MENU_SHARE * text:
        return False
    return sum(1 for _ in element.iter("a")) >= MENU_LINKS


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _attached(element: Any, root: Any) -> bool:
    """Whether an element is still in the tree: a part of it may have been taken out with all that it held."""
    top = element
    while top.getparent() is not None:
        top = top.getparent()
    return top is root


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
