"""What a decoding search recommends becomes the generation configuration of the release, of the same weights only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest import fixture, raises
from transformers import AutoModelForCausalLM, GenerationConfig

from builders import decoder_of, tokenizer_of
from calame.evaluation.decoding.files import RECOMMENDED, Parameters, Recommended, recommended_file
from calame.evaluation.decoding.recommended import recommended_for
from calame.evaluation.identity import weights_of
from calame.evaluation.records import read_record, write_record
from calame.inference.load import Loaded, load_checkpoint, load_huggingface
from calame.recipe.errors import UserError
from calame.release.huggingface import export
from calame.run import checkpoint


def saved(folder: Path, seed: int) -> Loaded:
    model = decoder_of(seed)
    state = {"tokenizer": tokenizer_of().hash, "model": model.config.to_json()}
    tokenizer_of().save(folder / "tokenizer")
    return load_checkpoint(checkpoint.save(folder / "checkpoints", 1, {"model": model.state_dict()}, state), "cpu")


@fixture
def loaded(tmp_path: Path) -> Loaded:
    return saved(tmp_path / "stage", 1)


@fixture
def file(tmp_path: Path, loaded: Loaded) -> Path:
    """A recommendation for the model, in the folder of a run."""
    given: dict[str, Any] = {"temperature": 0.7, "top_k": 0, "top_p": 0.9, "min_p": 0.0}
    recommended = Recommended(
        name="t0.7 p0.9 r1.1 n3",
        parameters=Parameters(**given, repetition_penalty=1.1, no_repeat_ngram=3),
        transformers={
            "do_sample": True,
            "temperature": 0.7,
            "top_k": 0,
            "top_p": 0.9,
            "repetition_penalty": 1.1,
            "no_repeat_ngram_size": 3,
        },
        model=loaded.origin,
        weights=weights_of(Path(loaded.origin)),
        confirmed=True,
        words=["It is so."],
        holdout_prompts=100,
        holdout={},
    )
    path = recommended_file(tmp_path / "run")
    path.parent.mkdir(parents=True)
    write_record(path, recommended)
    return path


def test_it_is_what_transformers_generates_with(loaded: Loaded, file: Path, tmp_path: Path) -> None:
    export(loaded, tmp_path / "out", "float32", recommended_for(loaded, file))
    config: GenerationConfig = AutoModelForCausalLM.from_pretrained(tmp_path / "out").generation_config
    assert (config.do_sample, config.temperature, config.top_k, config.top_p) == (True, 0.7, 0, 0.9)
    assert (config.repetition_penalty, config.no_repeat_ngram_size) == (1.1, 3)
    assert config.eos_token_id == [3, 5] and config.max_new_tokens == 256
    assert read_record(tmp_path / "out" / RECOMMENDED, Recommended).words == ["It is so."]
    assert json.loads((tmp_path / "out" / "gate.json").read_text())["decoding"] == "t0.7 p0.9 r1.1 n3"
    assert load_huggingface(tmp_path / "out", "cpu").tuned is False


def test_without_one_nothing_is_sampled(loaded: Loaded, tmp_path: Path) -> None:
    export(loaded, tmp_path / "out", "float32", recommended_for(loaded, tmp_path / "nowhere"))
    assert json.loads((tmp_path / "out" / "generation_config.json").read_text())["do_sample"] is False
    assert not (tmp_path / "out" / RECOMMENDED).exists()


def test_that_of_other_weights_is_not_taken_and_it_is_said(file: Path, tmp_path: Path, capsys: Any) -> None:
    assert recommended_for(saved(tmp_path / "other", 2), file) is None
    assert "is of other weights than" in capsys.readouterr().out


def test_a_file_that_is_none_is_refused(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / RECOMMENDED).write_text('{"temperature": 1}')
    with raises(UserError, match="no recommendation of a decoding search"):
        recommended_for(loaded, tmp_path / RECOMMENDED)
