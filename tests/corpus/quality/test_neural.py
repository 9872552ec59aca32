"""The neural classifier, tiny and from scratch: it learns what is planted, and scores the same in any batch."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.quality.labelled import read_labelled
from calame.corpus.quality.measure import area
from calame.corpus.quality.neural import NeuralScorer, batches
from calame.corpus.quality.neural_train import Plan, train_neural
from calame.corpus.quality.scorer import open_scorer
from calame.recipe.errors import UserError
from calame.tokenizer.train import train
from corpus.quality.planted import planted
from support import write_lines

SHAPE = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


def read(folder, number, seed=0):
    write_lines(folder / f"{seed}.jsonl", planted(number, seed=seed))
    return read_labelled([str(folder / f"{seed}.jsonl")])


def plan(folder, device="cpu", **more) -> Plan:
    (folder / "shape.json").write_text(json.dumps(SHAPE))
    texts = [row["text"] for row in planted(400)]
    train("byte-bpe", 300, iter(texts)).save(folder / "tokenizer")
    given = {"learning_rate": 2e-3, "epochs": 14, "length": 48, "batch": 16, **more}
    return Plan(config=str(folder / "shape.json"), tokenizer=str(folder / "tokenizer"), device=device, **given)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("neural")
    torch.set_num_threads(1)
    return train_neural(read(folder, 400), plan(folder)), read(folder, 200, seed=9)


def test_it_learns_a_planted_distinction_of_three_grades(trained):
    scorer, held = trained
    scores = scorer.score_many(held.texts, held.languages)
    assert scores.dtype == np.float32 and scores.min() >= 0 and scores.max() <= 1
    assert area(scores, held.grades) > 0.95
    means = [scores[held.grades == grade].mean() for grade in range(3)]
    assert means[0] + 0.2 < means[1] < means[2] - 0.2


def test_it_is_saved_without_pickle_and_loads_to_the_same_scores(trained, tmp_path):
    scorer, held = trained
    scorer.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json",
        "model.safetensors",
        "quality.json",
        "tokenizer.json",
    ]
    loaded = open_scorer("neural", tmp_path, "cpu")
    assert (loaded.score_many(held.texts, held.languages) == scorer.score_many(held.texts, held.languages)).all()


def test_batching_changes_no_more_than_the_last_digits(trained):
    scorer, held = trained
    texts = [*held.texts[:50], "", "bien " * 500]
    alone = np.concatenate([scorer.score_many([text], ["fr"]) for text in texts])
    np.testing.assert_allclose(scorer.score_many(texts, ["fr"] * len(texts)), alone, atol=1e-5)
    assert len(scorer.score_many([], [])) == 0


def test_the_same_seed_gives_the_same_classifier(tmp_path):
    examples, short = read(tmp_path, 60), plan(tmp_path, epochs=1)
    one, other = (train_neural(examples, short).score_many(examples.texts, examples.languages) for _ in range(2))
    assert (one == other).all()


def test_a_classifier_can_be_trained_on(trained, tmp_path):
    scorer, held = trained
    scorer.save(tmp_path / "first")
    more = Plan(model=str(tmp_path / "first"), epochs=1, length=48, device="cpu")
    assert area(train_neural(read(tmp_path, 60), more).score_many(held.texts, held.languages), held.grades) > 0.9


def test_an_encoder_of_transformers_is_taken_from_a_folder(tmp_path):
    """A folder as the hub gives one: XLM-R's kind of tokenizer, and an encoder that has no head yet."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    examples = read(tmp_path, 200)
    engine = Tokenizer(models.Unigram())
    engine.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>", show_progress=False)
    engine.train_from_iterator(examples.texts, trainer)
    names = {"bos": "<s>", "cls": "<s>", "pad": "<pad>", "eos": "</s>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
    named = {f"{name}_token": token for name, token in names.items()}
    PreTrainedTokenizerFast(tokenizer_object=engine, **named).save_pretrained(tmp_path / "encoder")
    config = XLMRobertaConfig(vocab_size=engine.get_vocab_size(), max_position_embeddings=34, pad_token_id=1, **SHAPE)
    XLMRobertaModel(config).save_pretrained(tmp_path / "encoder")
    scorer = train_neural(examples, Plan(model=str(tmp_path / "encoder"), epochs=1, device="cpu"))
    assert scorer.about["length"] == 32  # the encoder's positions, less the padding token's offset
    scorer.save(tmp_path / "to")
    loaded = NeuralScorer.load(tmp_path / "to", "cpu")
    texts = [*examples.texts[:8], "bien " * 200]
    assert (loaded.score_many(texts, ["fr"] * 9) == scorer.score_many(texts, ["fr"] * 9)).all()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"config": "missing.json"}, "--config: missing.json: no such file"),
        ({"tokenizer": ""}, "--tokenizer: missing"),
        ({"model": "nowhere"}, "--model: nowhere"),
    ],
)
def test_what_cannot_be_had_is_a_users_error(changes, fault, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"config": plan(tmp_path).config, "tokenizer": plan(tmp_path).tokenizer, **changes}
    with pytest.raises(UserError, match=fault):
        train_neural(read(tmp_path, 20), Plan(device="cpu", **given))


@given(st.lists(st.integers(2, 512), max_size=60))
def test_batches_hold_every_row_once_and_keep_to_their_tokens(lengths):
    found = list(batches(lengths, 1024))
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    assert all(max(lengths[row] for row in batch) * len(batch) <= 1024 for batch in found)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_learns_the_same_and_scores_as_the_cpu_does(tmp_path):
    examples, held = read(tmp_path, 400), read(tmp_path, 200, seed=9)
    scorer = train_neural(examples, plan(tmp_path, "cuda"))
    scorer.save(tmp_path / "to")
    scores = scorer.score_many(held.texts, held.languages)
    assert scorer.device.type == "cuda" and area(scores, held.grades) > 0.95
    on_cpu = NeuralScorer.load(tmp_path / "to", "cpu").score_many(held.texts, held.languages)
    np.testing.assert_allclose(scores, on_cpu, atol=0.05)  # bf16 has three digits
