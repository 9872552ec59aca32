"""Wiki mark-up to text: what a reader would read stays, with its typography; nothing is slow or crashes."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.wikitext import plain


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("'''Gras''', ''italique'' et l'''un''", "Gras, italique et lun"),
        ("[[Rennes]], [[commune (France)|commune]], [[oiseau]]x", "Rennes, commune, oiseaux"),
        ("a [http://a.fr/b le site] et [https://c.it] b", "a le site et  b"),
        ("avant[[Fichier:a.jpg|thumb|Une [[vue]] de {{s|XIX}}]] après", "avant après"),
        ("x [[Catégorie:Ville]][[en:Town]][[:Catégorie:Ville|les villes]]", "x les villes"),
        ("Né<ref name=a>Livre, {{p.|3}}</ref> là<ref name=a/>.<!-- non\n --> Oui", "Né là. Oui"),
        (
            "au {{s|XIX}}, le {{1er}} mai, {{unité|12|km}}, {{lang|la|ad hoc}}",
            "au XIXe siècle, le 1er mai, 12\u00a0km, ad hoc",
        ),
        ("Paris ({{coord|48|2}}), {{Infobox|a={{b|c}}|d=[[e]]}}ville", "Paris, ville"),
        ("&laquo;&nbsp;Où&nbsp;?&nbsp;&raquo; l’été &amp;lt;", "«\u00a0Où\u00a0?\u00a0» l’été &lt;"),
        ("un\n\n\n\ndeux\ntrois", "un\n\ndeux\ntrois"),
        ("== Titre ==\ntexte\n=== Vide ===\n== Notes ==\n{{Références}}", "Titre\n\ntexte"),
        ("* un\n* deux\n:# trois", "un\ndeux\ntrois"),
        ("a\n{| class=x\n! b\n|-\n| {{c|}} || [[d]]\n{|\n| e\n|}\n|}\nf", "a\n\nf"),
        ("a <poem>vers\nvers</poem> <code>x < y</code> x<sub>2</sub> 3 < 4 > 2", "a vers\nvers x < y x2 3 < 4 > 2"),
        ("{{ouvert [[lien|mot]] fin", "{{ouvert mot fin"),
        ("a ]] b }} c [[d", "a ]] b }} c [[d"),
        ("__NOTOC__ __SANSTITRE__ snake__case", "snake__case"),
        ("", ""),
    ],
)
def test_what_stays_and_what_goes(markup, text):
    assert plain(markup) == text


@given(st.lists(st.sampled_from(["{{", "}}", "[[", "]]", "{|", "|}", "|", "\n", "=", "''", "a", "<ref>", "</ref>"])))
def test_any_brackets_do_no_harm(pieces):
    text = plain("".join(pieces))
    assert not re.search(r"\{\{[^{}\[\]|\n]*\}\}", text)


@given(st.text(st.sampled_from("abcé’« ,.\u00a0"), max_size=60))
def test_text_without_mark_up_stays_as_it_is(text):
    assert plain(text).strip() == text.strip()


@pytest.mark.parametrize("piece", ["{{", "[[", "}}", "]]", "{{a|[[", "'''", "{|\n", "&", "<!--", "((", "[http:"])
def test_the_time_is_proportional_to_the_text(piece):
    began = time.process_time()
    plain(piece * 50_000)
    assert time.process_time() - began < 5
