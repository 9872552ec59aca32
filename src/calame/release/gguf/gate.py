"""The gate of a GGUF file: it is read back and held against the model that was trained.

Always: ids of prompts and conversations, what begins and ends a text, the configuration, and every tensor as far as its
type rounds. Where llama.cpp is installed, by it too: the same ids, logits within 1e-2 of our decoder's with the weights
of the file (f16; the other types multiply in 8 bits, so there what is likely is compared), the same greedy text.
llama.cpp multiplies halves with halves: where that alone moves our own logits by more than 5e-3, as in models of 100M
and more, twice as much is allowed, and both are noted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jinja2.sandbox
import torch
from gguf import GGMLQuantizationType
from torch import Tensor, nn

from calame.inference.generate import complete
from calame.inference.load import Loaded
from calame.inference.sampling import Sampling
from calame.model.config import ModelConfig
from calame.model.decoder import Decoder
from calame.release.gguf import runtime
from calame.release.gguf.names import filled_up, from_gguf
from calame.release.gguf.read import GgufFile
from calame.release.gguf.types import FileType, T, padded, tensor_type
from calame.release.huggingface import CHATS, PROMPTS, probes
from calame.tokenizer.policy import TURN_END
from calame.tokenizer.tokenizer import Tokenizer

LOGIT_TOLERANCE = 1e-2
HALVES = 2  # times what multiplying halves alone does to our own decoder: so much may be made of it too
DIVERGENCE = 0.05  # nats a token, between our decoder and llama.cpp, which multiplies quantised rows in 8 bits
GREEDY = 48  # tokens
LONGEST = 512  # tokens that llama.cpp is shown at once; it keeps the logits of all of them
ROUNDING: dict[GGMLQuantizationType, float] = {
    # Greatest error that a type can make, as a share of the root mean square: even errors within a step, of a group in
    # which one weight is all there is.
    T.Q8_0: 0.02,
    T.Q6_K: 0.06,
    T.Q5_K: 0.12,
    T.Q5_1: 0.12,
    T.Q5_0: 0.12,
    T.Q4_K: 0.25,
}


def gate(loaded: Loaded, file: GgufFile, wanted: FileType) -> tuple[dict[str, Any], list[str]]:
    """What was found, and what is wrong."""
    config = padded(loaded.model.config, wanted)
    read = file.model()
    faults = [*_policy_faults(loaded, file), *_config_faults(config, file.config)]
    cut, cut_special = file.cutter()
    faults += id_faults(
        loaded.tokenizer, lambda text: file.beginning + cut(text), lambda text: file.beginning + cut_special(text)
    )
    faults += _weight_faults(loaded, file, config, wanted)
    figures: dict[str, Any] = {"logits_from_ours": _difference(loaded, read), "llama_cpp": None}
    if runtime.available() and not faults:
        found, more = _run(loaded, file, read, wanted)
        figures["llama_cpp"], faults = found, faults + more
    return figures, faults


def id_faults(ours: Tokenizer, cut: Callable[[str], list[int]], cut_special: Callable[[str], list[int]]) -> list[str]:
    """Prompts and conversations that another program would cut otherwise than training did. The two: text to ids with
    what stands in front, as plain text, and with special tokens spelled out in it."""
    faults = []
    for text in (*PROMPTS, f"{TURN_END} et {ours.chat_format.end}"):  # text that merely spells a token stays text
        if (found := cut(text)) != (wanted := ours.prompt(text)):
            faults.append(f"ids of {text!r}: {found[:8]}... instead of {wanted[:8]}...")
    for chat in CHATS:
        text = render(ours.chat_format.template(bos=False), chat)
        if (found := cut_special(text)) != (wanted := ours.chat(chat)):
            faults.append(f"ids of the conversation {text[:40]!r}...: {found[:8]}... instead of {wanted[:8]}...")
    return faults


def render(template: str, messages: Sequence[Any], bos: str = "") -> str:
    """A chat template filled in as `transformers` does it, with the assistant's turn opened."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(messages=messages, add_generation_prompt=True, bos_token=bos)


def _policy_faults(loaded: Loaded, file: GgufFile) -> list[str]:
    tokenizer, faults = loaded.tokenizer, []
    if file.beginning != tokenizer.beginning:
        faults.append(f"a text begins with {file.beginning}, not {tokenizer.beginning}")
    if (split := tokenizer.about.get("split")) and file.fields["tokenizer.ggml.pre"] != split:
        faults.append(f"words are split as {file.fields['tokenizer.ggml.pre']}, not as {split}")
    if file.stops != set(tokenizer.special.stops):
        faults.append(f"answers end at {sorted(file.stops)}, not {sorted(tokenizer.special.stops)}")
    template = file.fields.get("tokenizer.chat_template")
    if template != (tokenizer.chat_format.template(bos=bool(tokenizer.beginning)) if loaded.tuned else None):
        faults.append("the chat template is another one")
    _, cut = file.cutter()
    for chat in CHATS if template else ():
        if cut(render(str(template), chat)).count(tokenizer.special.turn_end) != len(chat):
            faults.append("the chat template does not end every turn, and answers would go on for ever")
    return faults


def _config_faults(wanted: ModelConfig, found: ModelConfig) -> list[str]:
    theirs = found.to_json() | {"initializer_range": wanted.initializer_range}  # which no file needs
    if not wanted.parts.rotary:
        theirs |= {"rope_theta": wanted.rope_theta}
    pairs = {name: (value, theirs.get(name)) for name, value in wanted.to_json().items()}
    return [f"{name} is {b!r}, not {a!r}" for name, (a, b) in pairs.items() if not _same(a, b)]


def _same(a: Any, b: Any) -> bool:
    """Numbers with a fraction are kept in fp32."""
    return abs(a - b) <= 1e-6 * abs(a) if isinstance(a, float) and isinstance(b, float) else a == b


def _weight_faults(loaded: Loaded, file: GgufFile, config: ModelConfig, wanted: FileType) -> list[str]:
    """Every tensor of the file under our names and in our order, beside ours."""
    left, faults = {name: tensor.detach().cpu() for name, tensor in loaded.model.state_dict().items()}, []
    for theirs, tensor in file.tensors().items():
        stored = tensor_type(theirs, tuple(tensor.shape), config, wanted)
        for name, found in from_gguf({theirs: tensor}, config).items():
            ours = left.pop(name, None)
            if error := "is not ours" if ours is None else _rounding(filled_up(ours, found.shape), found, stored):
                faults.append(f"{name}: {error}")
    return [*faults, *(f"{name} is missing" for name in left)]


def _rounding(ours: Tensor, found: Tensor, stored: GGMLQuantizationType) -> str:
    """What is wrong with a tensor as it was read, in words."""
    if ours.shape != found.shape:
        return f"is of shape {list(found.shape)}, not {list(ours.shape)}"
    if stored not in ROUNDING:
        exact = ours if stored == T.F32 else ours.half().float()
        return "" if torch.equal(exact, found) else f"is not what was written as {stored.name}"
    error = ((ours - found).square().mean() / ours.square().mean().clamp(min=1e-30)).sqrt().item()
    return "" if error <= ROUNDING[stored] else f"{error:.1%} off, more than {stored.name} rounds"


@torch.no_grad()
def _difference(loaded: Loaded, read: Decoder) -> float:
    """Largest difference of logits that the rounding of the weights makes."""
    return max(
        (_logits(loaded.model, ids) - _logits(read, ids)).abs().max().item()
        for ids in probes(loaded.tokenizer, read.config.max_position_embeddings)
    )


def _logits(model: Decoder, ids: Sequence[int]) -> Tensor:
    return model.logits(model(torch.tensor([list(ids)])))[0].float()


@torch.no_grad()
def _run(loaded: Loaded, file: GgufFile, read: Decoder, wanted: FileType) -> tuple[dict[str, Any], list[str]]:
    """llama.cpp's figures beside our decoder's with the same weights, and what is wrong."""
    tokenizer, context = loaded.tokenizer, min(read.config.max_position_embeddings, LONGEST)
    program = runtime.LlamaCpp(file.path, context)
    try:
        faults = id_faults(tokenizer, program.ids, lambda text: program.ids(text, special=True))
        faults += [f"generation does not end at {stop}" for stop in tokenizer.special.stops if not program.ends(stop)]
        rows = probes(tokenizer, context)
        pairs = [(_logits(read, ids), program.logits(ids)) for ids in rows]
        halves = _halves_make(read, rows) if wanted.matrices == T.F16 else None
        greedy = _greedy(loaded, read, program, rows[: len(PROMPTS) + len(CHATS)], context)
    finally:
        program.close()
    ours, theirs = (torch.cat(part) for part in zip(*pairs, strict=True))
    figures = {
        "logit_difference": (ours - theirs).abs().max().item(),
        "halves_make": halves,
        "argmax_agreement": (ours.argmax(-1) == theirs.argmax(-1)).double().mean().item(),
        "divergence": _divergence(ours, theirs),
        "greedy_same": sum(gap == 0 for gap in greedy),
        "greedy_texts": len(greedy),
        "positions": len(ours),
    }
    return figures, faults + _figure_faults(figures, max(greedy), wanted)


def _halves_make(read: Decoder, rows: Sequence[list[int]]) -> float:
    """Largest difference that it makes to our logits if everything that is multiplied is a half, as in llama.cpp."""

    def to_half(module: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
        return (given[0].half().float(),)

    before = [_logits(read, ids) for ids in rows]
    hooks = [part.register_forward_pre_hook(to_half) for part in read.modules() if isinstance(part, nn.Linear)]
    after = [_logits(read, ids) for ids in rows]
    for hook in hooks:
        hook.remove()
    return max((a - b).abs().max().item() for a, b in zip(before, after, strict=True))


def _figure_faults(figures: dict[str, Any], widest: float, wanted: FileType) -> list[str]:
    if wanted.matrices != T.F16:
        found = figures["divergence"]
        return [] if found <= DIVERGENCE else [f"llama.cpp expects other tokens: {found:.3f} nats apart"]
    difference, faults = figures["logit_difference"], []
    tolerance = max(LOGIT_TOLERANCE, HALVES * figures["halves_make"])
    if not difference <= tolerance:
        faults.append(f"llama.cpp's logits differ by {difference:.2e}, more than {tolerance:g}")
    if not widest <= 2 * tolerance:
        faults.append(f"llama.cpp's greedy text differs where our logits are {widest:.2e} apart")
    return faults


def _divergence(ours: Tensor, theirs: Tensor) -> float:
    """Mean over positions of the Kullback-Leibler divergence, nats."""
    a, b = ours.log_softmax(-1), theirs.log_softmax(-1)
    return (a.exp() * (a - b)).sum(-1).mean().item()


def _greedy(
    loaded: Loaded, read: Decoder, program: runtime.LlamaCpp, prompts: Sequence[list[int]], context: int
) -> list[float]:
    """For each prompt 0 where both say the same, else how much likelier ours was to our decoder where they part: next
    to nothing where two tokens are as good as equal, and rounding decides."""
    same = Loaded(read, loaded.tokenizer, loaded.device, loaded.tuned, loaded.origin)
    prompts = [ids for ids in prompts if len(ids) < context]
    gaps = []
    for ids, said in zip(prompts, complete(same, prompts, Sampling(temperature=0, limit=GREEDY)), strict=True):
        room = min(GREEDY, context - len(ids))
        ours, theirs = ([*text, -1][:room] for text in (said.ids, program.go_on(ids, room)))
        parts = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
        gaps.append(0.0 if parts is None else _gap(read, [*ids, *ours[:parts]], ours[parts], theirs[parts], loaded))
    return gaps


def _gap(read: Decoder, ids: list[int], ours: int, theirs: int, loaded: Loaded) -> float:
    """Logits between two tokens after the ids; -1: the likeliest of those that end an answer."""
    last, stops = _logits(read, ids)[-1], list(loaded.tokenizer.special.stops)
    a, b = (last[stops].max() if token < 0 else last[token] for token in (ours, theirs))
    return (a - b).abs().item()
