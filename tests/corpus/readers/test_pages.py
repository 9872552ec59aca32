"""The main text of pages: twenty written for this, with the main text marked by hand (<!--main-->, and <!--out--> for
what stands within it and is none). Words are compared, so that how blocks are parted does not matter."""

import difflib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from calame.corpus.readers.html import decode, page
from calame.corpus.readers.kinds import read_rows
from calame.corpus.readers.main_text import main_text

PAGES = sorted((Path(__file__).parent / "pages").glob("*.html"))
# Of menus, banners and footers: each stands in at least one of the pages, and none may come through.
# fmt: off
JUNK = (
    "Tout accepter", "Paramétrer mes choix", "Nous utilisons des cookies", "Gestion des cookies", "Mentions légales",
    "S'abonner", "Partager sur Facebook", "lettre d'information", "Les plus lus", "tarteaucitron", "Me contacter",
    "vous donne le contrôle", "Articles similaires", "Laisser un commentaire", "M'enregistrer", "Connexion", "FAQ",
    "Supprimer les cookies", "Installation de l'interpréteur", "Droits d'auteur 2020", "Aller au contenu",
    "Tout refuser", "Nous utilisons des traceurs", "Plan du site", "Livre d'or", "Sites amis", "Accetta tutti",
    "cookie tecnici", "informativa estesa", "Chi sono", "Informativa sulla privacy", "Ho capito", "Amministrazione",
    "Note legali", "Cookie policy", "Privacy policy", "Ti potrebbe interessare", "842 partner", "Accetta e chiudi",
    "Video ricette", "Lavora con noi", "We value your privacy", "Accept all", "Manage preferences", "Subscribe for",
    "Share on X", "Most viewed", "Log in", "All rights reserved", "Terms and conditions", "Getting started",
    "Pricing", "Edit this page", "Sign up", "Accept all cookies", "Hot Network", "Unanswered", "Do not sell",
    "Free delivery", "Gift vouchers", "Add to basket", "Customers also bought", "Cookie settings", "We use cookies",
    "Guestbook", "RSS feed", "Buy me a coffee", "uses no cookies", "Page au hasard", "modifier le code",
    "Créer un compte", "Invia il tuo racconto", "Usiamo i cookie", "Store locator", "I accept", "uses cookies",
    "Consignes aux auteurs", "Citer cet article", "flux RSS", "publication et cookies",
)
# fmt: on
INLINE = {"a", "b", "code", "em", "font", "i", "span", "strong", "sup"}


class Words(HTMLParser):
    """All words of a piece of HTML, by a parser that has nothing to do with the one that is tested."""

    def __init__(self, html: str):
        super().__init__()
        self.pieces = []
        self.feed(html)
        self.close()
        self.words = words("".join(self.pieces))

    def handle_starttag(self, tag, attrs):
        self.pieces.append("" if tag in INLINE else " ")

    def handle_endtag(self, tag):
        self.handle_starttag(tag, ())

    def handle_data(self, data):
        self.pieces.append(data)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def marked(html: str) -> list[str]:
    main = " ".join(re.findall(r"<!--main-->(.*?)<!--/main-->", html, re.DOTALL))
    return Words(re.sub(r"<!--out-->.*?<!--/out-->", " ", main, flags=re.DOTALL)).words


def kept(wanted: list[str], found: list[str]) -> float:
    """Share of the wanted words that are found, in their order."""
    same = difflib.SequenceMatcher(None, wanted, found, autojunk=False).get_matching_blocks()
    return sum(match.size for match in same) / len(wanted)


def without_marks(html: str) -> str:
    return re.sub(r"<!--/?(?:main|out)-->", "", html)


def test_of_twenty_pages_the_main_text_is_kept_and_no_menu_or_banner():
    assert len(PAGES) == 20
    everything = "".join(without_marks(path.read_text()) for path in PAGES)
    assert [junk for junk in JUNK if junk not in everything] == []
    wanted, found = [], []
    for path in PAGES:
        html = path.read_text()
        text = main_text(without_marks(html))
        share = kept(marked(html), words(text))
        extra = len(words(text)) - share * len(marked(html))
        print(f"{path.name:26} {share:7.1%} of {len(marked(html))} words kept, {extra:.0f} words beside")
        assert [junk for junk in JUNK if junk in text] == [], path.name
        assert share >= 0.95, path.name
        wanted += marked(html)
        found += words(text)
    print(f"together {kept(wanted, found):.2%} of {len(wanted)} words, {len(found) / len(wanted) - 1:.1%} beside")


def test_blocks_stay_apart_and_code_stays_as_it_is():
    text = main_text((Path(__file__).parent / "pages" / "04-doc-fr.html").read_text())
    assert "\n\nQue faire des lignes vides ?\n\nUne ligne vide" in text
    assert "    for ligne in fichier:\n        print(ligne.rstrip())" in text
    assert "\nMode | Effet\nr | lecture seule, le mode par défaut\nw | " in text


def test_names_that_only_sound_like_menus_are_text():
    """As pages of manuals have them: ids of headings made of their words, tables of reference, coloured code, syntax in
    which each word is a link."""
    words = "Cette page explique en détail comment la fenêtre se place et ce que chacun de ses réglages change. "
    syntax = "".join(f"<a href='/{n}'>{n}</a> | " for n in ("couleur", "largeur", "style", "ombre", "marge"))
    text = main_text(
        f"<body><h1>La fenêtre</h1><p>{words * 3}</p><h2 id='Barre_de_menu_et_widgets'>La barre</h2><p>{words * 2}</p>"
        f"<dl class='reference-values'><dt>largeur</dt><dd>{words}</dd></dl>"
        "<pre>f() <span class='token comment'>// rien de plus ici</span></pre>"
        f"<pre>{syntax}</pre><p>{words * 2}</p><sup class='reference'>[1]</sup><div class='menu'>Accueil</div></body>"
    )
    for kept in ("La barre", "largeur\n", "// rien de plus ici", "couleur | largeur"):
        assert kept in text
    assert "[1]" not in text and "Accueil" not in text


@pytest.mark.parametrize("html", ["", "<html>", "<p>", "<title>x", "\0", "<!-- x", "<html><body><nav>a b c</nav>"])
def test_a_page_without_a_text_is_named(html):
    row = page(html, "a.html")
    assert row.values is None and row.fault == "no main text"


def test_nesting_without_end_does_no_harm():
    assert isinstance(main_text("<div>" * 20_000 + "un texte tout au fond de la page, pour voir"), str)


@pytest.mark.parametrize(
    ("head", "kind", "encoding"),
    [
        ("", "", "utf-8"),
        ("", "", "cp1252"),
        ("<meta charset='iso-8859-1'>", "", "cp1252"),
        ("<meta http-equiv=Content-Type content='text/html; charset=ISO-8859-15'>", "", "iso8859-15"),
        ("<meta charset=utf-8>", "text/html; charset=windows-1252", "cp1252"),
        ("<meta charset=no-such-thing>", "text/html; charset=rot13", "utf-8"),
    ],
)
def test_a_page_is_in_the_encoding_that_it_says(head, kind, encoding):
    html = f"<html><head>{head}</head><body>« l’été à 5 €"
    if encoding == "iso8859-15":
        html = html.replace("’", "'")
    assert decode(html.encode(encoding), kind) == html
    assert decode(b"\xff\xfe" + "été".encode("utf-16-le")) == "été"


def test_a_file_is_a_row_with_its_title(tmp_path):
    (tmp_path / "a.html").write_text(PAGES[0].read_text())
    (row,) = read_rows(tmp_path / "a.html")
    assert row.values is not None and row.place == "a.html"
    assert row.values["title"] == "La crue de la rivière surprend le village - Le Courrier du Val"
