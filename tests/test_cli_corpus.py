"""The verb `corpus` on the command line."""

import json

import pytest

from calame.cli import main
from support import write_lines
from web import completion, models, web


def test_the_catalogue_is_printed(capsys):
    assert main(["corpus", "sources", "--language", "fr"]) == 0
    assert "wikipedia-fr-dump" in capsys.readouterr().out
    assert main(["corpus", "sources", "legi-fr"]) == 0
    assert "Licence ouverte" in capsys.readouterr().out


def test_a_name_that_is_not_there_is_a_message_and_2(capsys, tmp_path):
    for arguments in (["corpus", "sources", "nowhere"], ["corpus", "fetch", "nowhere", "--to", str(tmp_path)]):
        assert main(arguments) == 2
        assert capsys.readouterr().err.startswith("error: NAME: no source is called 'nowhere'")
    assert main(["corpus", "sources", "--language", "xx"]) == 2
    assert "allowed: code, de, en, fr, it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["corpus"], ["corpus", "fly"], ["corpus", "fetch", "legi-fr"], ["corpus", "label"]]
)
def test_a_line_that_cannot_be_parsed_is_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_documents_are_labelled_and_conversations_written(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A_KEY", "secret")
    write_lines(tmp_path / "texts.jsonl", [{"body": "Un texte.", "lang": "fr"}])
    (tmp_path / "themes.yaml").write_text("language: fr\nthemes: [{register: r, theme: t, task: k}]")
    pairs = [{"question": "Que fait le meunier ?", "answer": "Il moud le grain des gens du village."}]

    def model(asked):
        assert asked.headers["authorization"] == "Bearer secret"
        if not asked.body:
            return models("m")
        return completion(json.dumps(pairs) if asked.json["max_tokens"] > 1000 else '{"label": "high"}')

    with web(lambda asked: model(asked)) as site:
        endpoint = ["--endpoint", f"{site.url}/v1", "--model", "m", "--key-variable", "A_KEY"]
        assert main(["corpus", "label", "texts.jsonl", "source.text=body", "--to", "l.jsonl", *endpoint]) == 0
        assert "1 documents labelled (0 low, 0 medium, 1 high)" in capsys.readouterr().out
        assert main(["corpus", "converse", "themes.yaml", "--to", "c.jsonl", "--count", "1", *endpoint]) == 0
        assert "1 of 1 pairs kept from 1 calls" in capsys.readouterr().out
    assert not any("secret" in path.read_text() for path in tmp_path.iterdir())
    assert main(["corpus", "label", "texts.jsonl", "--to", "x.jsonl", *endpoint]) == 2
    assert "start the server" in capsys.readouterr().err
