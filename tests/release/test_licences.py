"""Licences as people write them, and the most restrictive one of several."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pytest import mark

from calame.recipe.catalogue import catalogue
from calame.release.licences import CLASSES, find_licence, inherited, table


@mark.parametrize(
    ("written", "kind", "identity"),
    [
        ("CC0", "public", "cc0-1.0"),
        ("public domain, source: gallica.bnf.fr / BnF", "public", "cc0-1.0"),
        ("Apache-2.0", "attribution", "apache-2.0"),
        ("MIT (GSM8K)", "attribution", "mit"),
        ("CC-BY-4.0", "attribution", "cc-by-4.0"),
        ("CC-BY-2.0-FR (Tatoeba)", "attribution", "cc-by-2.0"),
        ("Licence ouverte 2.0, source: DILA", "attribution", "etalab-2.0"),
        ("ODC-By 1.0", "attribution", "odc-by"),
        ("cc_by_sa 3.0", "share-alike", "cc-by-sa-3.0"),
        ("CC BY-SA 4.0; the works themselves are mostly in the public domain", "share-alike", "cc-by-sa-4.0"),
        ("CC-BY-SA-4.0 (Wikipedia text), annotations under Licence Ouverte", "share-alike", "cc-by-sa-4.0"),
        ("Apache-2.0 (code), CC-BY-NC-4.0 (data)", "non-commercial", "cc-by-nc-4.0"),
        ("CC BY-NC-SA 4.0", "non-commercial", "cc-by-nc-sa-4.0"),
        ("CC BY-NC-ND 4.0", "no-derivatives", "cc-by-nc-nd-4.0"),
        ("Common Crawl's terms of use; no licence of its own", "unknown", "unknown"),
        ("ODC-By 1.0, and Common Crawl's terms of use", "unknown", "unknown"),
        ("MIT and Acme Private EULA", "unknown", "unknown"),
        ("CC BY 4.0; research use only", "unknown", "unknown"),
        ("not stated", "unknown", "unknown"),
        ("by paper (open access)", "unknown", "unknown"),
        ("beerware", "unknown", "unknown"),
        ("", "unknown", "unknown"),
    ],
)
def test_a_licence_is_found_as_people_write_it(written: str, kind: str, identity: str) -> None:
    found = find_licence(written)
    assert (found.kind, found.id) == (kind, identity)


def test_every_row_is_of_a_kind_that_the_card_can_speak_of() -> None:
    assert {row.kind for row in table()} == set(CLASSES)


def test_no_licence_of_the_catalogue_becomes_freer_than_it_is() -> None:
    """What its entries call by share-alike or no commercial use is found to be so."""
    for name, entry in catalogue().items():
        plain = entry.license.lower().replace("-", " ")
        if "by sa" in plain:
            assert CLASSES.index(find_licence(entry.license).kind) >= CLASSES.index("share-alike"), name
        if "by nc" in plain:
            assert CLASSES.index(find_licence(entry.license).kind) >= CLASSES.index("non-commercial"), name


SOME = ("CC0", "MIT", "CC BY-SA 4.0", "CC BY-NC 4.0", "CC BY-ND 4.0", "not stated", "beerware")


@given(st.dictionaries(st.sampled_from(SOME), st.integers(1, 10**6), min_size=1))
def test_of_several_the_most_restrictive_holds(documents: dict[str, int]) -> None:
    found = inherited(documents, None)
    kinds = [find_licence(name).kind for name in documents]
    assert found["kind"] == max(kinds, key=CLASSES.index)
    assert all(find_licence(name).kind == found["kind"] for name in found["by"])
    assert found["of"] == sum(documents.values()) and 0 < found["share"] <= 1


def test_several_of_the_strictest_kind_have_no_common_name() -> None:
    assert inherited({"CC BY-SA 3.0": 1, "CC BY-SA 4.0": 2, "MIT": 9}, None)["id"] == "other"
    assert inherited({"CC BY-SA 4.0": 2, "cc-by-sa-4.0": 3}, None)["id"] == "cc-by-sa-4.0"


def test_the_authors_licence_is_told_from_what_the_data_ask() -> None:
    freer = inherited({"CC BY-NC 4.0": 5}, "Apache-2.0")
    assert freer["freer"] and freer["chosen_id"] == "apache-2.0" and freer["id"] == "cc-by-nc-4.0"
    assert not inherited({"CC0": 5}, "CC BY-SA 4.0")["freer"]
