"""Every format gives its texts in order, with places that tell where each stood, from any compression."""

import gzip
import io
import json
import re
import tarfile

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.readers.kinds import KINDS, kind_of, read_rows
from calame.corpus.readers.text import gathered, split
from formats import ARTICLE, COMPRESS, WIKI, answer, tar_of, warc_of

TEXTS = ["Il était une fois…", "« Où ? » dit-elle.\nIci !", "Dernière ligne"]
PAGE = "<html><head><title>Un titre</title></head><body><nav><a href=/>Accueil</a></nav><p>{}</p></body></html>"
LONG = "Une phrase assez longue pour que le texte de la page soit reconnu comme tel, numéro {}."


def rows_of(path, **options):
    return list(read_rows(path, **options))


def texts_of(path, **options):
    return [row.values["text"] for row in read_rows(path, **options) if row.values]


def faults_of(path, **options):
    return [(row.place, row.fault) for row in read_rows(path, **options) if not row.values]


@pytest.mark.parametrize("end", COMPRESS)
class TestCompressions:
    def test_json_lines(self, tmp_path, end):
        path = tmp_path / f"a.jsonl{end}"
        path.write_bytes(COMPRESS[end]("\n".join(json.dumps({"text": text}) for text in TEXTS).encode()))
        assert texts_of(path) == TEXTS
        assert [row.place for row in read_rows(path)] == [f"{path.name}:{n}" for n in (1, 2, 3)]

    def test_csv(self, tmp_path, end):
        path = tmp_path / f"a.csv{end}"
        path.write_bytes(COMPRESS[end]('text,n\n"un\r\ndeux",1\ntrois,2\n'.encode("utf-8-sig")))
        assert texts_of(path) == ["un\r\ndeux", "trois"]

    def test_arrow_files_and_streams(self, tmp_path, end):
        table = pyarrow.table({"text": TEXTS, "n": [1, 2, 3]})
        for name, new in (("file", pyarrow.ipc.new_file), ("stream", pyarrow.ipc.new_stream)):
            sink = io.BytesIO()
            with new(sink, table.schema) as writer:
                for batch in table.to_batches(max_chunksize=2):
                    writer.write_batch(batch)
            path = tmp_path / f"{name}.arrow{end}"
            path.write_bytes(COMPRESS[end](sink.getvalue()))
            assert [row.values for row in read_rows(path)] == table.to_pylist()
            assert [row.place for row in read_rows(path)] == [f"{path.name}:{n}" for n in (1, 2, 3)]

    def test_padding_after_the_end_is_no_damage(self, tmp_path, end):
        path = tmp_path / f"a.jsonl{end}"
        padding = b"\0" * 5120 if end else b""
        path.write_bytes(COMPRESS[end](b'{"text": "un"}\n') + padding)
        assert [(row.values, row.fault) for row in read_rows(path)] == [({"text": "un"}, "")]


def test_a_kind_is_known_by_the_end_of_the_name(tmp_path):
    assert kind_of(tmp_path / "A.JSONL.ZST") == ".jsonl.zst" and kind_of(tmp_path / "a.parquet.gz") is None
    assert {".txt.xz", ".xml.bz2", ".tar.gz", ".tgz", ".warc.gz", ".arrow", ".html", ".csv.gz"} <= set(KINDS)


class TestText:
    def write(self, path, text):
        path.write_bytes(COMPRESS[path.suffix](text.encode()) if path.suffix in COMPRESS else text.encode())
        return path

    def test_compressed_text_holds_documents_between_empty_lines(self, tmp_path):
        path = self.write(tmp_path / "fr.txt.xz", "un\ndeux\n\ntrois\n \t\n\n\nquatre\n\n")
        assert [text.strip() for text in texts_of(path)] == ["un\ndeux", "trois", "quatre"]
        assert [row.place for row in read_rows(path)] == ["fr.txt.xz#0", "fr.txt.xz#1", "fr.txt.xz#2"]
        assert texts_of(path, cut="file") == ["un\ndeux\n\ntrois\n \t\n\n\nquatre\n\n"]

    def test_other_text_does_so_where_the_recipe_says(self, tmp_path):
        path = self.write(tmp_path / "a.txt", "un\r\n\r\ndeux")
        assert texts_of(path) == ["un\n\ndeux"]
        assert texts_of(path, cut="empty-line") == ["un", "deux"]

    def test_a_text_that_is_not_in_its_encoding_is_lost_alone(self, tmp_path):
        path = tmp_path / "fr.txt.gz"
        path.write_bytes(gzip.compress("un\n\ndéjà\n\n".encode() + "été\n\n".encode("latin-1") + b"trois"))
        assert [text.strip() for text in texts_of(path)] == ["un", "déjà", "trois"]
        ((place, fault),) = faults_of(path)
        assert place == "fr.txt.gz#2" and fault == "not in its encoding: byte 0xE9 in utf-8"

    @given(st.text(st.sampled_from("ab \n\t\u00a0"), max_size=80), st.data())
    def test_texts_in_pieces_are_cut_as_the_whole(self, text, data):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert list(split(pieces)) == list(split([text]))
        assert list(gathered(split(pieces), 9)) == list(gathered(split([text]), 9))


@pytest.mark.parametrize("end", ["", ".bz2"])
def test_a_dump_of_a_wiki_gives_its_articles_as_text(tmp_path, end):
    pages = [
        ARTICLE.format("Loriot", 0, 1, "", "Le '''loriot''' est un [[oiseau|bel oiseau]].{{Portail|oiseaux}}"),
        ARTICLE.format("Loriots", 0, 2, '<redirect title="Loriot" />', "#REDIRECTION [[Loriot]]"),
        ARTICLE.format("Catégorie:Oiseau", 14, 3, "", "[[Catégorie:Animal]]"),
        ARTICLE.format("Merle", 0, 4, "", "Un merle &amp;amp; deux.\n\n== Chant ==\nIl chante."),
    ]
    path = tmp_path / f"frwiki-pages-articles.xml{end}"
    path.write_bytes(COMPRESS[end](WIKI.format("".join(pages)).encode()))
    assert texts_of(path) == ["Le loriot est un bel oiseau.", "Un merle & deux.\n\nChant\n\nIl chante."]
    first = next(read_rows(path)).values
    assert first == {"text": texts_of(path)[0], "title": "Loriot", "id": "1", "group": f"{path.name}#1"}
    assert [fault for _, fault in faults_of(path)] == ["redirect", "not an article: namespace 14"]
    path.write_bytes(COMPRESS[end](re.sub(r' xmlns="[^"]*"', "", WIKI.format("".join(pages))).encode()))
    assert texts_of(path)[0] == "Le loriot est un bel oiseau."


LEGI = """<?xml version="1.0" encoding="UTF-8"?><ARTICLE><META><META_COMMUN><ID>LEGIARTI1</ID><NATURE>Article</NATURE>
</META_COMMUN><META_SPEC><META_ARTICLE><NUM>L110-1</NUM><ETAT>VIGUEUR</ETAT><DATE_DEBUT>2001-01-01</DATE_DEBUT>
</META_ARTICLE></META_SPEC></META><CONTEXTE><TEXTE cid="LEGITEXT7" nature="CODE"><TITRE_TXT debut="1990-01-01"
fin="2999-01-01">Code des étangs</TITRE_TXT><TITRE_TXT debut="2999-01-01">Titre à venir</TITRE_TXT></TEXTE></CONTEXTE>
<NOTA><CONTENU>Note des rédacteurs.</CONTENU></NOTA><BLOC_TEXTUEL><CONTENU><br/>L'étang est&nbsp;une eau :<br/><br/>
1° dormante ;<br/>
2° profonde.<p>Il se vide.</p><table><tr><td>Carpe</td><td>3 ans</td></tr></table></CONTENU></BLOC_TEXTUEL></ARTICLE>"""
JORF = """<TEXTE_VERSION><META><META_COMMUN><ID>JORFTEXT2</ID><NATURE>ARRETE</NATURE></META_COMMUN><META_SPEC>
<META_TEXTE_CHRONICLE><CID>JORFTEXT2</CID></META_TEXTE_CHRONICLE><META_TEXTE_VERSION><TITRE>Arrêté</TITRE>
<TITREFULL>Arrêté du 1er mai relatif aux étangs</TITREFULL></META_TEXTE_VERSION></META_SPEC></META>
<VISAS><CONTENU><p>Vu le code des étangs,</p></CONTENU></VISAS>
<SIGNATAIRES><CONTENU><p>Le ministre</p></CONTENU></SIGNATAIRES></TEXTE_VERSION>"""
CASS = """<TEXTE_JURI_JUDI><META><META_COMMUN><ID>JURITEXT3</ID><NATURE>ARRET</NATURE></META_COMMUN><META_SPEC>
<META_JURI><TITRE>Cour de cassation, 2 mai</TITRE><DATE_DEC>2001-05-02</DATE_DEC></META_JURI></META_SPEC></META>
<TEXTE><BLOC_TEXTUEL><CONTENU>Attendu que l'étang ;<br/><br/>REJETTE.</CONTENU></BLOC_TEXTUEL>
<SOMMAIRE><ANA>Analyse.</ANA></SOMMAIRE></TEXTE></TEXTE_JURI_JUDI>"""
LAW = [
    ("legi/global/code/" + "LEGI/ARTI/00/" * 12 + "LEGIARTI1.xml", LEGI),
    ("jorf/JORFTEXT2.xml", JORF),
    ("cass/JURITEXT3.xml", CASS),
    ("jade/CETATEXT4.xml", CASS.replace("JUDI", "ADMIN").replace("JURITEXT3", "CETATEXT4")),
    ("legi/SECTION.xml", "<SECTION_TA><ID>S</ID><TITRE_TA>Titre</TITRE_TA></SECTION_TA>"),
    ("legi/vide.xml", "<ARTICLE><META_COMMUN><ID>LEGIARTI9</ID></META_COMMUN></ARTICLE>"),
    ("legi/broken.xml", "<ARTICLE><META>"),
    ("liste_suppression_legi.dat", "LEGIARTI8"),
]


class TestLaw:
    @pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    @pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz"])
    def test_an_archive_of_the_law(self, tmp_path, form, name):
        (tmp_path / name).write_bytes(tar_of([(n, text.encode()) for n, text in LAW], format=form))
        rows = rows_of(tmp_path / name)
        assert [row.place for row in rows] == [f"{name}/{member}" for member, _ in LAW]
        article, decree, ruling, other = (row.values for row in rows[:4])
        assert article["title"] == "Code des étangs, article L110-1" and article["group"] == "LEGITEXT7"
        content = "L'étang est\u00a0une eau :\n\n1° dormante ;\n2° profonde.\n\nIl se vide.\n\nCarpe 3 ans"
        assert article["content"] == content and article["text"] == f"{article['title']}\n\n{content}"
        assert (article["state"], article["date"], article["nature"]) == ("VIGUEUR", "2001-01-01", "Article")
        assert decree["text"] == "Arrêté du 1er mai relatif aux étangs\n\nVu le code des étangs,\n\nLe ministre"
        assert ruling["text"] == "Cour de cassation, 2 mai\n\nAttendu que l'étang ;\n\nREJETTE."
        assert other["id"] == "CETATEXT4" and other["content"] == ruling["content"]
        assert [row.fault.split(":")[0] for row in rows[4:]] == [
            "no text in it",
            "no text in it",
            "broken page",
            "not a kind that is read from archives",
        ]

    def test_a_file_of_its_own(self, tmp_path):
        (tmp_path / "a.xml").write_text(LEGI.replace("&nbsp;", " "))
        (tmp_path / "b.xml").write_text("<svg><path/></svg>")
        assert texts_of(tmp_path / "a.xml")[0].startswith("Code des étangs, article L110-1\n\nL'étang")
        assert faults_of(tmp_path / "b.xml") == [("b.xml", "XML of a kind that is not read: svg")]


HTTP = "application/http; msgtype=response"


def test_an_archive_of_the_web(tmp_path):
    pages = [PAGE.format(LONG.format(number)).encode() for number in range(6)]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (pages[1][:100], pages[1][100:])) + b"0\r\n\r\n"
    (tmp_path / "a.warc.gz").write_bytes(
        warc_of(
            ("warcinfo", "application/warc-fields", "", b"software: none"),
            ("request", "application/http; msgtype=request", "http://a/0", b"GET / HTTP/1.1"),
            ("response", HTTP, "http://a/0", answer(pages[0])),
            ("response", HTTP, "http://a/1", answer(chunked, "text/html", "200 OK", "Transfer-Encoding: chunked")),
            (
                "response",
                HTTP,
                "http://a/2",
                answer(gzip.compress(pages[2]), "text/html", "200 OK", "Content-Encoding: gzip"),
            ),
            ("response", HTTP, "http://a/3", answer(pages[3], "text/html", "404 Not Found")),
            ("response", HTTP, "http://a/4", answer(b"\x89PNG", "image/png")),
            (
                "response",
                HTTP,
                "http://a/5",
                answer(pages[5].decode().encode("latin-1"), "text/html; charset=latin-1"),
            ),
            ("conversion", "text/plain", "http://a/6", "Un texte déjà extrait.".encode()),
        )
    )
    rows = rows_of(tmp_path / "a.warc.gz")
    assert [row.values["text"] for row in rows if row.values] == [
        *(LONG.format(number) for number in range(3)),
        LONG.format(5),
        "Un texte déjà extrait.",
    ]
    assert rows[0].values == {"text": LONG.format(0), "title": "Un titre", "url": "http://a/0", "group": "http://a/0"}
    assert [row.place for row in rows] == [f"a.warc.gz:{n}" for n in range(3, 10)]
    assert [row.fault for row in rows if row.fault] == [
        "not a page: answered HTTP/1.1 404 Not Found",
        "not a page: image/png",
    ]


def test_parquet_groups_are_read_one_by_one(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"text": TEXTS}), tmp_path / "a.parquet", row_group_size=2)
    assert texts_of(tmp_path / "a.parquet") == TEXTS
    assert [row.place for row in read_rows(tmp_path / "a.parquet")] == [f"a.parquet:{n}" for n in (1, 2, 3)]
