"""A folder whose chat template is not ours does not converse; one that ends no turn is not served at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from pytest import fixture, raises
from transformers import AutoModelForCausalLM, AutoTokenizer

from builders import decoder_of, loaded_of
from calame.inference.load import load_huggingface
from calame.inference.server.template import mute
from calame.recipe.errors import UserError
from calame.release.huggingface import export
from serving import said, serving

OTHER = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}</s>{% endfor %}"
ENDLESS = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"


@fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "release"
    export(loaded_of(decoder_of(max_position_embeddings=200)), folder, "float32")
    return folder


def with_template(exported: Path, folder: Path, template: str | None) -> Path:
    """A copy of the folder whose template is this one, or none."""
    folder.mkdir()
    for path in exported.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.pop("chat_template")
    (folder / "chat_template.jinja").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


def test_our_own_is_ours(exported: Path) -> None:
    assert mute(load_huggingface(exported, "cpu")) == ""
    assert mute(loaded_of(decoder_of())) == ""


def test_another_one_does_not_converse(exported: Path, tmp_path: Path) -> None:
    told = mute(load_huggingface(with_template(exported, tmp_path / "other", OTHER), "cpu"))
    assert "otherwise than chatml" in told and "[user] abc</s>" in told
    assert "no chat template" in mute(load_huggingface(with_template(exported, tmp_path / "none", None), "cpu"))


def test_one_without_an_end_token_is_refused(exported: Path, tmp_path: Path) -> None:
    with raises(UserError, match=r"ends no turn with a token.*\n.*<\|im_end\|> or </s> after each turn"):
        mute(load_huggingface(with_template(exported, tmp_path / "endless", ENDLESS), "cpu"))


def test_one_that_cannot_be_filled_in_is_refused(exported: Path, tmp_path: Path) -> None:
    with raises(UserError, match="cannot be filled in"):
        mute(load_huggingface(with_template(exported, tmp_path / "broken", "{{ nobody.knows }}"), "cpu"))


def test_a_released_folder_answers_as_transformers_does(exported: Path) -> None:
    """Greedy, by the folder's own template and its own end tokens."""
    model: Any = AutoModelForCausalLM.from_pretrained(exported, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(exported)
    with serving(load_huggingface(exported, "cpu")) as site:
        for question in ("où est la mer ?", "dov'è il mare?", "where is the sea?"):
            messages = [said("user", question)]
            ids = tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
            )
            told = model.generate(**ids, max_new_tokens=30)[0, ids["input_ids"].shape[1] :]
            _, found, _ = site.chat(*messages, max_tokens=30)
            assert found["choices"][0]["message"]["content"] == tokenizer.decode(told, skip_special_tokens=True)
            assert found["usage"]["completion_tokens"] == len(told)
