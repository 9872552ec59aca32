"""How a model wants to be spoken with: its generation configuration, read as `transformers` reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest import mark, raises

from calame.evaluation.decoding.settings import Setting
from calame.inference.decoding import FILE, Decoding, recommended_in
from calame.inference.sampling import Sampling
from calame.recipe.errors import UserError

DEFAULTS = Sampling(0.3, 50, 0.95, limit=256)


def folder_with(folder: Path, **values: Any) -> Path:
    (folder / FILE).write_text(json.dumps(values), encoding="utf-8")
    return folder


def test_without_a_file_nothing_is_recommended(tmp_path: Path) -> None:
    assert recommended_in(tmp_path) == {}
    assert Decoding.of({}, {}, "x", DEFAULTS) == Decoding(DEFAULTS)


def test_without_do_sample_the_likeliest_is_taken_whatever_else_is_there(tmp_path: Path) -> None:
    found = recommended_in(folder_with(tmp_path, temperature=0.6, top_p=0.9, max_new_tokens=99, eos_token_id=[3, 5]))
    assert found == {"temperature": 0.0, "limit": 99}


def test_what_is_left_out_is_as_transformers_has_it(tmp_path: Path) -> None:
    found = recommended_in(folder_with(tmp_path, do_sample=True, temperature=0.6))
    assert found == {"temperature": 0.6, "top_k": 50, "top_p": 1.0, "min_p": 0.0}


@mark.parametrize(
    "setting", (Setting(0.7, 20, 0.9, 0.05, 1.1, 3), Setting(), Setting(0.0), Setting(0.0, 0, 1.0, 0.0, 1.2)), ids=str
)
def test_what_a_search_writes_comes_back(setting: Setting, tmp_path: Path) -> None:
    found = recommended_in(folder_with(tmp_path, **setting.for_transformers()))
    assert Decoding.of({}, found, "x", Sampling(0.3)).sampling == setting.sampling(0, 128)


def test_who_asks_has_it_so_and_the_rest_is_recommended() -> None:
    asked = {"temperature": 0.9, "top_k": None, "seed": 3}
    decoding = Decoding.of(asked, {"temperature": 0.5, "top_k": 7}, "x.json", DEFAULTS)
    assert decoding == Decoding(Sampling(0.9, 7, 0.95, 3, 256), "x.json", ("temperature", "seed"))
    assert str(decoding) == "temperature 0.9, top_k 7, top_p 0.95, seed 3, limit 256"


def test_senseless_values_are_refused_with_who_gave_them(tmp_path: Path) -> None:
    with raises(UserError, match=r"^top_p: 3"):
        Decoding.of({"top_p": 3}, {}, None, DEFAULTS)
    with raises(UserError, match=r"^x.json: temperature: -1"):
        Decoding.of({"temperature": 1.0}, {"temperature": -1.0}, "x.json", DEFAULTS)
    with raises(UserError) as error:
        recommended_in(folder_with(tmp_path, do_sample=True, temperature="warm", top_k=2.5, top_p=True))
    assert [problem.where.split(": ")[1] for problem in error.value.problems] == ["temperature", "top_p", "top_k"]
    for text in ("[]", "{", ""):
        (tmp_path / FILE).write_text(text)
        with raises(UserError, match="no JSON"):
            recommended_in(tmp_path)
