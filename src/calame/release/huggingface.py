"""Stage release: a Hugging Face folder that loads without remote code, put in place only if it passes its gate.

The gate loads the folder with `transformers` alone and compares with our own model holding the same weights:
logits in fp32 within 1e-4, the same likeliest token everywhere, and the same ids for prompts and conversations.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers.processors import TemplateProcessing

from calame.evaluation.decoding.files import RECOMMENDED, Recommended
from calame.evaluation.records import write_record
from calame.inference.load import PASSED, Loaded
from calame.model.decoder import Decoder
from calame.model.huggingface import to_config, to_weights
from calame.release.place import not_passed, placing
from calame.run.files import read_json, write_json
from calame.run.progress import say
from calame.tokenizer.policy import CHATML
from calame.tokenizer.tokenizer import Tokenizer

LOGIT_TOLERANCE = 1e-4
ANSWER_TOKENS = 256  # most new ones, where nothing else is asked for
PROMPTS = (
    "Bonjour",
    "L’été, « la mer » brille : 12 345 vagues !",
    "C'è una volta",
    "An apple a day...\n\nThe end",
    " deux  espaces",
)
CHATS = (
    [{"role": "user", "content": "Bonjour !"}],
    [
        {"role": "system", "content": "Sois bref."},
        {"role": "user", "content": " Qui es-tu ? "},
        {"role": "assistant", "content": "Calame."},
        {"role": "user", "content": "E poi?"},
    ],
)


def export(loaded: Loaded, folder: Path, dtype: str, decoding: Recommended | None = None) -> dict[str, Any]:
    """Write `folder` with weights in `dtype` (float32, bfloat16); returns the gate's figures. `decoding`: what a search
    recommends; it becomes the generation configuration, and lies beside.

    Raises `GateFailed`, and leaves nothing behind, if the folder does not pass; `UserError` if something else than an
    earlier export is in the way.
    """
    folder = folder.resolve()
    with placing(folder, PASSED) as temporary:
        tensors = write_model(loaded, temporary, dtype)
        if decoding:
            write_decoding(decoding, temporary)
        write_tokenizer(loaded.tokenizer, temporary, loaded.model.config.max_position_embeddings)
        figures = gate(loaded, tensors, temporary)
        policy: dict[str, Any] = {} if loaded.tokenizer.beginning else {"bos": "none"}
        if loaded.tokenizer.chat_format != CHATML:
            policy["chat"] = loaded.tokenizer.chat_format.to_json()
        policy |= {"decoding": decoding.name} if decoding else {}
        write_json(temporary / PASSED, {**figures, "tuned": loaded.tuned, **policy})
    say(
        f"  exported to {folder}: logits differ by {figures['logit_difference']:.1e}, argmax agrees on "
        f"{figures['argmax_agreement']:.0%} of {figures['positions']} positions, ids are equal"
    )
    return figures


def write_model(loaded: Loaded, folder: Path, dtype: str) -> dict[str, torch.Tensor]:
    """config.json, generation_config.json, model.safetensors. Returns the tensors as written, by our names."""
    special = loaded.tokenizer.special
    ids = {"bos_token_id": special.bos, "eos_token_id": list(special.stops), "pad_token_id": special.pad}
    write_json(folder / "config.json", to_config(loaded.model.config, dtype, ids))
    write_json(folder / "generation_config.json", {**ids, "do_sample": False, "max_new_tokens": ANSWER_TOKENS})
    wanted = getattr(torch, dtype)
    tensors = {name: t.detach().cpu().to(wanted).contiguous() for name, t in loaded.model.state_dict().items()}
    save_file(to_weights(tensors, loaded.model.config), folder / "model.safetensors", {"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # written for its owner alone, unlike the files beside it
    return tensors


def write_decoding(decoding: Recommended, folder: Path) -> None:
    """The recommended parameters in generation_config.json, and the recommendation itself."""
    plain = read_json(folder / "generation_config.json")
    write_json(folder / "generation_config.json", plain | decoding.transformers)
    write_record(folder / RECOMMENDED, decoding)


def write_tokenizer(tokenizer: Tokenizer, folder: Path, context: int) -> None:
    """tokenizer.json (which adds BOS to a prompt by itself, where that is its policy) and its configuration, readable
    by transformers 4 and 5."""
    engine, special = tokenizer.engine, tokenizer.special
    names = {key: engine.id_to_token(getattr(special, key)) for key in ("bos", "eos", "pad")}
    copy = type(engine).from_str(engine.to_str())
    bos, template = names["bos"], tokenizer.chat_format.template(bos=bool(tokenizer.beginning))
    if tokenizer.beginning:
        copy.post_processor = TemplateProcessing(f"{bos} $A", f"{bos} $A {bos} $B", [(bos, special.bos)])  # type: ignore[assignment]
    copy.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": bos,
            "eos_token": names["eos"],
            "pad_token": names["pad"],
            "additional_special_tokens": list(tokenizer.chat_format.tokens),
            "chat_template": template,
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],  # 4.57 would add token_type_ids, and generate fail
            "model_max_length": context,
            "padding_side": "left",
        },
    )
    write_json(folder / "special_tokens_map.json", {f"{key}_token": name for key, name in names.items()})
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def gate(loaded: Loaded, tensors: dict[str, torch.Tensor], folder: Path) -> dict[str, Any]:
    """Compare the folder, as `transformers` reads it, with our model. Raises `GateFailed` naming what differs."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    theirs: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False).eval()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    faults = id_faults(loaded.tokenizer, tokenizer)
    ours = Decoder(loaded.model.config).eval()
    ours.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    differences: list[torch.Tensor] = []
    agree = positions = 0
    with torch.no_grad():
        for ids in probes(loaded.tokenizer, ours.config.max_position_embeddings):
            tokens = torch.tensor([ids])
            mine, other = ours.logits(ours(tokens))[0], theirs(tokens).logits[0]
            differences.append((mine - other).abs().max())
            agree += int((mine.argmax(-1) == other.argmax(-1)).sum())
            positions += len(ids)
    difference = torch.stack(differences).max().item()  # is no number as soon as one of them is not
    if not difference <= LOGIT_TOLERANCE:
        faults.append(f"logits differ by {difference:.2e}, more than {LOGIT_TOLERANCE:g}")
    if agree < positions:
        faults.append(f"the likeliest token differs at {positions - agree} of {positions} positions")
    if faults:
        raise not_passed(faults)
    return {"logit_difference": difference, "argmax_agreement": agree / positions, "positions": positions}


def probes(tokenizer: Tokenizer, context: int) -> list[list[int]]:
    """Prompts, conversations, and random ids as long as the context allows."""
    random = torch.randint(0, tokenizer.size, (min(context, 256),), generator=torch.Generator().manual_seed(0)).tolist()
    texts = [tokenizer.prompt(text) for text in PROMPTS] + [tokenizer.chat(chat) for chat in CHATS] + [random]
    return [ids[:context] for ids in texts]


def id_faults(ours: Tokenizer, theirs: Any) -> list[str]:
    """Prompts and conversations that the exported tokenizer would cut otherwise than training did."""
    faults = []
    for text in PROMPTS:
        if (found := list(theirs(text)["input_ids"])) != (wanted := ours.prompt(text)):
            faults.append(f"ids of {text!r}: {found[:8]}... instead of {wanted[:8]}...")
    for chat in CHATS:
        found = theirs.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"]
        if list(found) != (wanted := ours.chat(chat)):
            faults.append(
                f"ids of the conversation {json.dumps(chat[0], ensure_ascii=False)}...: {list(found)[:8]}... "
                f"instead of {wanted[:8]}..."
            )
    return faults
