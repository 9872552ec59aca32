"""Gallica's search and text mode, against a server of our own that speaks SRU."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from calame.corpus.gallica import fetch_gallica
from calame.corpus.read import SourceReader
from calame.recipe.catalogue import Gallica
from calame.recipe.corpus import Source
from calame.recipe.errors import UserError
from calame.run.http import Patience
from web import Reply, web

RECORD = """<srw:record><srw:recordData><oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier>{url}</dc:identifier><dc:title>Titre {ark}</dc:title>
 <dc:date>1850</dc:date></oai_dc:dc></srw:recordData></srw:record>"""
PAGE = """<?xml version="1.0"?><srw:searchRetrieveResponse xmlns:srw="http://www.loc.gov/zing/srw/"><srw:records>
{records}</srw:records></srw:searchRetrieveResponse>"""
TEXT = "<html><head><title>Gallica</title></head><body><p>Ce texte, numéro {ark}.</p><p>{more}</p></body></html>"


class Library:
    """`arks` records on pages of 50; every seventh has no text, every eleventh is refused."""

    def __init__(self, arks: int):
        self.arks, self.url, self.texts = [f"bpt6k{n}" for n in range(arks)], "", []

    def __call__(self, asked):
        path = urlsplit(asked.path)
        if path.path == "/SRU":
            start = int(parse_qs(path.query)["startRecord"][0]) - 1
            assert parse_qs(path.query)["version"] == ["1.2"]
            urls = [(ark, f"{self.url}/ark:/12148/{ark}") for ark in self.arks[start : start + 50]]
            records = "".join(RECORD.format(ark=ark, url=url) for ark, url in urls)
            return Reply(PAGE.format(records=records).encode())
        ark = path.path.split("/")[-1].removesuffix(".texteBrut")
        self.texts.append(ark)
        number = int(ark.removeprefix("bpt6k"))
        if number % 11 == 10:
            return Reply(b"forbidden", 403)
        return Reply(TEXT.format(ark=ark, more="" if number % 7 == 6 else "mot " * 200).encode())


def fetch(library, site, folder, most=None, patience=None):
    library.url = site.url
    fetch_gallica(Gallica(queries=["q"], url=site.url), folder, most, patience or Patience(first=0.01), "fr", pause=0)


def test_every_text_is_there_once_and_a_source_reads_it(tmp_path):
    library = Library(60)
    with web(library) as site:
        fetch(library, site, tmp_path)
        first = len(library.texts)
        fetch(library, site, tmp_path)
    assert first == 60 and len(library.texts) == 60, "neither what is there nor what is empty is asked for again"
    wanted = {f"bpt6k{n}" for n in range(60) if n % 7 != 6 and n % 11 != 10}
    source = Source.model_validate({"from": str(tmp_path), "language": "fr"})
    documents = list(SourceReader("g", source, ["fr"], 0).read())
    assert {document.group for document in documents} == wanted and len(documents) == len(wanted)
    assert documents[0].text.startswith("Ce texte, numéro bpt6k0.\nmot mot")


def test_a_stop_anywhere_is_gone_on_with(tmp_path):
    library = Library(60)
    with web(library) as site:
        fetch(library, site, tmp_path, most=7)
        assert len((tmp_path / "gallica.jsonl").read_text().splitlines()) == 7
        path = tmp_path / "gallica.jsonl"
        path.write_bytes(path.read_bytes()[:-30])  # killed while the seventh was written
        fetch(library, site, tmp_path)
    groups = [json.loads(line)["group"] for line in path.read_text().splitlines()]
    assert len(groups) == len(set(groups)) == sum(n % 7 != 6 and n % 11 != 10 for n in range(60))


def test_the_pace_is_kept(tmp_path):
    waits = []
    library = Library(3)
    with web(library) as site:
        library.url = site.url
        patience = Patience(sleep=waits.append)
        fetch_gallica(Gallica(queries=["q"], url=site.url), tmp_path, None, patience)
        asked = len(site.asked)
    assert len(waits) == asked - 1 and all(0.8 < wait <= 1.1 for wait in waits)


def test_a_library_that_is_down_is_named_and_what_is_there_is_kept(tmp_path):
    library = Library(9)
    with (
        web(lambda asked: library(asked) if len(library.texts) < 4 else Reply(b"", 503)) as site,
        pytest.raises(UserError, match="503 "),
    ):
        fetch(library, site, tmp_path, patience=Patience(attempts=2, first=0.01))
    assert len((tmp_path / "gallica.jsonl").read_text().splitlines()) == 4


def test_an_answer_that_is_no_xml_is_passed_over(tmp_path, capsys):
    library = Library(60)
    with web(lambda asked: Reply(b"<html>") if "startRecord=1&" in asked.path else library(asked)) as site:
        fetch(library, site, tmp_path)
    assert "no XML is passed over" in capsys.readouterr().out and len(library.texts) == 10
