"""Loss (nats a token) and bits per byte of each slice, on all its validation text."""

from __future__ import annotations

from calame.evaluation.measurement import ByModel, CannotMeasure, Found, Subject
from calame.recipe.timeline import last_of
from calame.run.progress import Bar
from calame.run.tables import table, text_table
from calame.training.batch import LossFunction, choose_attention
from calame.training.setup import MICRO_BATCH, open_shards
from calame.training.validate import slices_of, validate


def measure(subject: Subject) -> Found:
    """{"SLICE": {"loss", "bpb", "tokens"}}, with `mixed` and `micro`."""
    setting, loaded = subject.setting, subject.loaded
    if setting.recipe is None:
        raise CannotMeasure("no run, and so no validation text")
    shards = {name: setting.stages[f"shards/{name}"] for name in setting.recipe.corpus.sources}
    context, special = last_of(setting.recipe.pretrain.context), loaded.tokenizer.special
    slices = slices_of(open_shards(shards, "validation", loaded.tokenizer), context, special.eos, special.pad)
    attention = choose_attention(loaded.device, True)
    rows = max(1, MICRO_BATCH[loaded.device.torch.type] // context)
    with Bar("validation text", sum(len(part.rows) * context for part in slices), "tokens") as bar:
        loss = LossFunction(loaded.model, loaded.device, True, attention, False)
        found = validate(loss, slices, rows, bar.advance)
    loaded.model.eval()
    return {name: {"loss": round(s.loss, 5), "bpb": round(s.bpb, 5), "tokens": s.tokens} for name, s in found.items()}


def lines(found: ByModel) -> list[str]:
    return text_table(["bits a byte", *found], _rows(found))


def page(found: ByModel) -> str:
    head = "<p class=soft>bits a byte of text (nats a token), on all validation text</p>"
    return head + table(["slice", *found], _rows(found)) if found else ""


def _rows(found: ByModel) -> list[list[str]]:
    names = next(iter(found.values()), {})
    return [
        [name, *(f"{slices[name]['bpb']:.3f}  ({slices[name]['loss']:.3f})" for slices in found.values())]
        for name in names
    ]
