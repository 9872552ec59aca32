"""Loss, perplexity and bits per byte of each slice of the validation text, with intervals.

How documents are cut and what is asked for: shards/windows.py; BOS: training/slices.py. Intervals are bootstraps over
the documents of each slice. Bits per byte can be compared whatever the tokenizer; loss and perplexity are per token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from calame.evaluation.artefacts import SourceLosses
from calame.evaluation.held_out import held_out
from calame.evaluation.intervals import Interval, drawn_sums, interval
from calame.evaluation.measurement import ByModel, CannotMeasure, Found, Subject
from calame.evaluation.records import write_record
from calame.recipe.slices import Mixed, mixed_weights
from calame.recipe.timeline import last_of
from calame.run import checkpoint
from calame.run.charts import bar_chart
from calame.run.progress import Bar
from calame.run.tables import table, text_table
from calame.shards.order import seed_of
from calame.training.batch import LossFunction, choose_attention
from calame.training.setup import MICRO_BATCH
from calame.training.slices import Slice, check_weights
from calame.training.validate import BYTES, TOKENS, ByDocument, rates, validate

FILE = "benchmark_source_losses.json"
KINDS = ("loss", "perplexity", "bpb")


def measure(subject: Subject) -> Found:
    """Keys of `SourceLosses` (artefacts.py); also written to FILE, with what checkpoint they are of."""
    loaded, keys = subject.loaded, subject.keys
    context, stride = _windows(subject)
    slices, measured = by_document(subject)
    bos = "none; a document's first token is given" if not loaded.tokenizer.beginning else "given, not asked for"
    setting = {"context": context, "stride": stride, "bos": bos, "vocabulary": loaded.model.config.vocab_size}
    found = {**setting, **summary(slices, measured, keys.mixed)}
    record = SourceLosses.model_validate({"model": subject.name, **_checkpoint(subject), **found})
    write_record(subject.folder / FILE, record)
    return found


def by_document(subject: Subject) -> tuple[list[Slice], ByDocument]:
    """The validation slices, and what was measured of each of their documents. Raises what `check_said` does."""
    loaded, (context, stride) = subject.loaded, _windows(subject)
    slices = held_out(subject.setting, loaded.tokenizer, context, stride)
    check_weights([part.name for part in slices], subject.keys.mixed)
    loss = LossFunction(loaded.model, loaded.device, True, choose_attention(loaded.device, True), False)
    rows = max(1, MICRO_BATCH[loaded.device.torch.type] // context)
    with Bar("validation text", sum(part.windows.asked for part in slices), "tokens") as bar:
        measured = validate(loss, slices, rows, bar.advance)
    loaded.model.eval()
    check_said(measured)
    return slices, measured


def check_said(measured: ByDocument) -> None:
    """Raises `CannotMeasure` where the losses are no numbers, or nothing of a slice is asked for."""
    if wrong := [name for name, sums in measured.items() if not np.isfinite(sums).all()]:
        raise CannotMeasure(f"the model gives no finite number on {', '.join(wrong)}")
    if empty := [name for name, sums in measured.items() if not sums.sum(0)[[TOKENS, BYTES]].all()]:
        raise CannotMeasure(f"{', '.join(empty)}: documents of one token, given and not asked for")


def _windows(subject: Subject) -> tuple[int, int]:
    """Tokens of a window, and from one to the next."""
    context = _context(subject)
    return context, min(subject.keys.stride or max(1, context // 2), context)


def _context(subject: Subject) -> int:
    """Tokens of a window: of a row in the run's training, or all that the model has positions for."""
    most, recipe = subject.loaded.model.config.max_position_embeddings, subject.setting.recipe
    return min(last_of(recipe.pretrain.context), most) if recipe else most


def _checkpoint(subject: Subject) -> dict[str, Any]:
    path = subject.setting.models[subject.name]
    known = checkpoint.read_state(path)["progress"] if checkpoint.STEP.match(path.name) else {}
    return {"checkpoint": path.name, "step": known.get("step"), "trained_tokens": known.get("position")}


def summary(slices: Sequence[Slice], measured: Mapping[str, np.ndarray], mixed: Mixed) -> dict[str, Any]:
    """Each slice, `mixed` and `micro`, with intervals. measured: as `validate` returns it."""
    sums = {part.name: measured[part.name].sum(0) for part in slices}
    drawn = {part.name: drawn_sums(measured[part.name], seed_of(part.hash)) for part in slices}
    inside = [part.name for part in slices if not part.ood]
    documents, tokens = sum(len(measured[n]) for n in inside), int(sum(sums[n][TOKENS] for n in inside))
    micro = [rates(np.sum([of[name] for name in inside], 0)) for of in (sums, drawn)]
    weights = mixed_weights(sums, mixed)
    weighted = micro
    if weights is not None:
        weighted = [np.sum([w * rates(of[name]) for name, w in weights.items()], 0) for of in (sums, drawn)]
    return {
        "mixed": {**_numbers(weighted, documents, tokens), "weights": weights or "micro"},
        "micro": _numbers(micro, documents, tokens),
        "slices": {
            part.name: {
                **_numbers([rates(sums[name]), rates(drawn[name])], len(part.bytes), int(sums[name][TOKENS])),
                "bytes": int(part.bytes.sum()),
                "hash": part.hash,
                "ood": part.ood,
            }
            for part in slices
            for name in [part.name]
        },
    }


def _numbers(found: Sequence[np.ndarray], documents: int, tokens: int) -> dict[str, Any]:
    """found: nats a token and bits a byte as measured, (2,), and as drawn again, (DRAWS, 2)."""
    value, drawn = found
    loss, bpb = (interval(float(value[k]), drawn[:, k], documents) for k in (0, 1))
    perplexity = Interval(_exp(loss.value), _exp(loss.low), _exp(loss.high), documents)
    kinds = zip(KINDS, (loss, perplexity, bpb), strict=True)
    return {**{kind: found.as_json() for kind, found in kinds}, "documents": documents, "tokens": tokens}


def _exp(loss: float) -> float:
    return math.exp(min(loss, 700.0))  # a float holds no more


def lines(found: ByModel) -> list[str]:
    """Bits a byte, with intervals, and perplexity, by slice and model."""
    head = ["slice", *(f"{model}: bits a byte" for model in found), *(f"{model}: perplexity" for model in found)]
    return text_table(head, _rows(found))


def _rows(found: ByModel) -> list[list[str]]:
    shown = [_shown(part) for part in found.values()]
    return [
        [
            name,
            *(_say(part[name]["bpb"]) if name in part else "" for part in shown),
            *(f"{part[name]['perplexity']['value']:.2f}" if name in part else "" for part in shown),
        ]
        for name in dict.fromkeys(name for part in shown for name in part)
    ]


def _shown(part: Found) -> dict[str, Any]:
    return {"mixed": part["mixed"], "micro": part["micro"], **part["slices"]}


def _say(value: Mapping[str, float]) -> str:
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def page(found: ByModel) -> str:
    """Bars with intervals, and the table with what each slice is."""
    bars = {kind: {m: {n: s[kind] for n, s in _shown(part).items()} for m, part in found.items()} for kind in KINDS}
    first = next(iter(found.values()))
    about = (
        f"windows of {first['context']} tokens, one every {first['stride']}; BOS: {first['bos']}. 95 % intervals over "
        "documents. mixed: by weight; micro: all tokens alike; ood: never trained on, in neither of the two."
    )
    what = [[name, f"{s['documents']:,}", f"{s['tokens']:,}", s["hash"][:12]] for name, s in first["slices"].items()]
    return "".join(
        [
            bar_chart(bars["bpb"], "bits a byte"),
            bar_chart(bars["loss"], "nats a token"),
            table(["slice", *(f"{m}, bits a byte" for m in found), *(f"{m}, perplexity" for m in found)], _rows(found)),
            f"<p class=soft>{about}</p>",
            table(["slice", "documents", "tokens asked for", "hash of the documents"], what),
        ]
    )


def words(found: ByModel) -> list[str]:
    """How unsure the last model is of text that it never read: the perplexity, said plainly."""
    *_, last = found.values()
    unsure = "as unsure of the next token as among {:.1f} equally likely ones"
    first = unsure.format(last["mixed"]["perplexity"]["value"])
    said = [f"Of text that it never read it is {first}, out of {last['vocabulary']:,}."]
    for name, part in last["slices"].items():
        if part["ood"]:
            among = unsure.format(part["perplexity"]["value"])
            said.append(f"Of {name}, whose kind it was never shown, it is {among}.")
    return said
