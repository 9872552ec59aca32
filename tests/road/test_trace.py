"""A token of the training stream is traced back to its document, and the text around it is that document's."""

import random
from pathlib import Path

import numpy as np
import pytest

from calame.cli import main
from calame.corpus.gather import read_documents
from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.road.trace import trace_token
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.pretrain import training_stream

RUN = Path("runs/toy")


def test_every_token_is_traced_to_the_document_that_it_stands_in(finished):
    recipe, _ = load_recipe(str(RUN / "recipe.yaml"))
    tokenizer = Tokenizer.load(RUN / "tokenizer")
    stream = training_stream(recipe, {name: RUN / "shards" / name for name in recipe.corpus.sources}, tokenizer)
    documents = {
        document.id: document
        for name in recipe.corpus.sources
        for document in read_documents(RUN / "corpus/sources" / name)
    }
    read = np.concatenate([stream.batch(start, 64).tokens.reshape(-1) for start in range(0, 2048, 64)])
    for position in random.Random(1).sample(range(2048), 60):
        found = trace_token(RUN, position)
        document = documents[found.identity]
        assert (found.place, found.source) == (document.metadata["place"], document.source)
        ids = [*tokenizer.beginning, *tokenizer.encode_many([document.text])[0], tokenizer.special.eos]
        assert ids[found.token_in_document] == read[position] and len(ids) == found.tokens_of_document
        around = tokenizer.decode(ids[max(0, found.token_in_document - 40) : found.token_in_document], special=True)
        assert found.before == around


def test_the_verb_says_where_it_stands(finished, capsys):
    assert main(["corpus", "trace", "toy", "100"]) == 0
    said = capsys.readouterr().out
    found = trace_token(RUN, 100)
    assert found.identity in said and found.place in said and f"[{found.token}]" in said.replace("\\n", "\n")
    assert "language" in said and "licence" in said


@pytest.mark.parametrize("position", [-1, 10**12])
def test_a_position_outside_of_the_stream_is_refused(finished, position):
    with pytest.raises(UserError, match="TOKEN_POSITION"):
        trace_token(RUN, position)


def test_a_run_that_is_not_there_or_not_so_far_is_refused(finished, tmp_path):
    with pytest.raises(UserError, match="no run is there"):
        trace_token(tmp_path / "nowhere", 0)
    (RUN / "shards/contes").unlink()
    with pytest.raises(UserError, match="no shards of contes"):
        trace_token(RUN, 0)
