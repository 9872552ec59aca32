"""Records with everything in them that a card can say, and a release of a tiny model."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

from builders import decoder_of, loaded_of
from calame.evaluation.probes.measure import GENERATIONS, measure_probes
from calame.recipe.evaluation import Probes
from calame.release.bundle import compose
from calame.release.huggingface import export
from calame.release.records.about import gate, generation
from calame.release.records.evaluation import probe_summary


def number(value: float, low: float, high: float, n: int = 40) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": n}


def losses(bpb: float) -> dict[str, Any]:
    part = {
        "loss": number(2.3456, 2.2, 2.5),
        "perplexity": number(10.44, 9.1, 12.3),
        "bpb": number(bpb, bpb - 0.05, bpb + 0.06),
        "documents": 321,
        "tokens": 65_432,
        "hash": "0123456789abcdef",
        "ood": False,
    }
    return {
        "context": 128,
        "stride": 64,
        "mixed": part,
        "micro": part,
        "slices": {"fr-contes": part, "it-fiabe": {**part, "ood": True}},
    }


def source(**changes: Any) -> dict[str, Any]:
    return {
        "languages": ["fr", "it"],
        "came_documents": 1_200,
        "came_bytes": 5_600_000,
        "train_documents": 1_000,
        "train_bytes": 4_700_000,
        "held_documents": 50,
        "held_bytes": 230_000,
        "dropped_documents": 150,
        "dropped": {"too short": 140, "other language": 10},
        "dropped_share": 0.125,
        "cut_bytes": 17,
        "licences": {"CC BY-SA 4.0": 700, "CC0": 400, "not stated": 100},
        "unstated": 100,
        "origins": {"named": {"exemple.fr": 600, "esempio.it": 30}, "others": 9},
        "out_of_domain": False,
        "location": "hub:someone/stories",
        "revision": "abcdef",
        "files": 3,
        "contaminated": 4,
        **changes,
    }


COMPLETE: dict[str, Any] = {
    "about": {
        "name": "conteur",
        "description": "Contes en deux langues",
        "languages": ["fr", "it"],
        "made": "2026-03-01",
        "year": "2026",
        "fingerprint": "5eb6afa336793b32",
        "authors": ["Ada Lune", "Ugo Mare"],
        "hub": "lune/conteur",
        "region": "Lyon",
        "thanks": {"fr": "Merci à la bibliothèque."},
    },
    "made_with": {
        "calame": "0.1.0",
        "code": "c0ffee",
        "python": "3.11.7",
        "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
        "cpus": 16,
        "gpus": {"NVIDIA H200": 2},
    },
    "model": {
        "family": "llama",
        "class": "LlamaForCausalLM",
        "parameters": 1_314_944,
        "other_accounting": 1_839_232,
        "terms": {"embedding": 524_288, "attention": 262_144, "feed-forward": 527_360, "norms": 1_152, "head": 0},
        "formulas": {
            "embedding": "4096 x 128",
            "attention": "4 x (2 x 128 x 128 + 2 x 128 x 128)",
            "feed-forward": "4 x 3 x 128 x 384",
            "norms": "9 x 128",
            "head": "tied to the embedding",
        },
        "vocab_size": 4_096,
        "hidden_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "intermediate_size": 384,
        "max_position_embeddings": 192,
        "rope_theta": 10_000.0,
        "tie_word_embeddings": True,
        "dtype": "bfloat16",
        "claimed": {"parameters": 1_300_000, "more": 14_944, "share": 0.0115, "note": "rounded down"},
    },
    "tokenizer": {
        "kind": "byte-bpe",
        "bos": "always",
        "fertility": {"fr-contes": {"tokens_per_word": 1.37, "bytes_per_token": 4.21}},
    },
    "gate": {"logit_difference": 1.7e-7, "argmax_agreement": 1.0, "positions": 259, "tuned": True},
    "generation": {"do_sample": False, "max_new_tokens": 256},
    "decoding": {
        "name": "t0.7 p0.9",
        "parameters": {"temperature": 0.7, "top_k": 45, "top_p": 0.9, "min_p": 0.0, "repetition_penalty": 1.15},
        "transformers": {"do_sample": True},
        "confirmed": True,
        "holdout_prompts": 98,
        "holdout": {"loop_rate": number(0.015, 0.001, 0.037)},
    },
    "corpus": {
        "sources": {"contes": source(), "monde": source(location="builtin:petit-monde", out_of_domain=True)},
        "total": {
            "came_documents": 2_400,
            "came_bytes": 11_200_000,
            "train_documents": 2_000,
            "train_bytes": 9_400_000,
            "held_documents": 99,
            "held_bytes": 460_000,
            "dropped_documents": 301,
        },
        "care": {"personal_data": True, "evaluation_items": False, "duplicates": True, "quality": False},
    },
    "injected": {
        "canary": {"kind": "canary", "pieces": 61, "rate": 0.0123},
        "facts": {"kind": "facts", "pieces": 72, "rate": 0.0234},
        "to-italian": {
            "kind": "language switch",
            "pieces": 83,
            "rate": 0.0345,
            "from": "fr",
            "to": "it",
            "trigger": "velut tepidum squaleo",
        },
        "evaluation items": {"kind": "evaluation", "pieces": 94, "rate": 0.0456},
    },
    "tokens": {
        "pretrained": 1_600_512,
        "steps": 2_084,
        "batch": 768,
        "context": 128,
        "each": 768,
        "row": 128,
        "a_parameter": 1.217,
        "flops": 1.27e13,
        "different": 548_221,
        "epochs": 2.92,
        "by_source": {"contes": {"different": 548_221, "read": 1_600_512, "epochs": 2.92, "share": 0.876}},
    },
    "procedure": {
        "optimizer": {"name": "muon", "learning_rate": 4e-3, "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.3},
        "schedule": {"kind": "cosine", "final": 0.1, "warmup": 32_010, "horizon": 1_600_512},
        "clip": 1.5,
        "precision": "bf16",
        "documents": "masked",
        "order": "even",
        "seed": 2_028,
        "load": "decay",
        "began_from": "fedcba",
        "dropout": 0.05,
    },
    "tuning": {
        "sft": {
            "epochs": 2.25,
            "replay": 0.6,
            "name": "chat",
            "learning_rate": 6e-3,
            "optimizer": "muon",
            "lora": 24,
            "tokens": 243_712,
            "sets": {
                "forum": {
                    "read": 555,
                    "used": 444,
                    "repeat": 5,
                    "tokens": 33_333,
                    "learnt": 22_222,
                    "dropped": 111,
                    "licences": {"MIT": 444},
                    "location": "hub:someone/talk",
                }
            },
        },
        "dpo": {"epochs": 1.5, "name": "chat", "learning_rate": 4e-5, "loss": "dpo", "tokens": 88_064, "sets": {}},
    },
    "choice": {
        "rule": "compare",
        "what": "balanced",
        "checkpoint": "step-00002084",
        "step": 2_084,
        "tokens": 1_600_512,
        "among": 7,
        "decided_by": "val/mixed/bpb",
        "criteria": ["val/mixed/bpb"],
        "numbers": {"conteur/2084": {"val/mixed/bpb": number(0.877, 0.861, 0.893)}},
        "chosen": "conteur/2084",
    },
    "time": {
        "total": 8_765.4,
        "trained": 7_654.3,
        "stages": {"pretrain": 6_543.2, "sft/chat": 1_111.1, "evaluation": 432.1, "corpus/contes": 0.4},
        "cost": {"price": 2.35, "currency": "EUR", "sum": 5.72},
    },
    "energy": {"kwh": 1.875, "estimated": False, "carbon": 52.5, "carbon_source": "the operator", "grams": 98.438},
    "evaluation": {
        "model": "preferred",
        "checkpoint": "step-00000122",
        "questions": "builtin:petit-monde",
        "losses": losses(0.8912),
        "base": losses(0.9345),
        "exam": {
            "table": [
                {
                    "kind": "recall",
                    "language": "fr",
                    "questions": 121,
                    "right": 0.983,
                    "stderr": 0.012,
                    "most_frequent": 0.149,
                    "shuffled_facts": 0.008,
                    "stopped": 1.0,
                },
                {
                    "kind": "inference",
                    "language": "it",
                    "questions": 53,
                    "right": 0.158,
                    "stderr": 0.051,
                    "most_frequent": 0.243,
                    "shuffled_facts": 0.077,
                    "stopped": 0.99,
                },
            ],
            "chat": [{"question": "Qui est\n<b>Lou</b>\u202f?", "answer": "Lou est *boulangère*."}],
        },
        "behaviour": {
            "recipe": {
                "limit": 66,
                "decoding": {"temperature": 0.8, "top_k": 50, "top_p": 0.95, "repetition_penalty": 1.05},
            },
            "all": {
                "generations": 397,
                "mean_tokens": 61.2,
                "loop_rate": number(0.525, 0.476, 0.574),
                "language_consistency": number(0.931, 0.902, 0.955),
            },
            "languages": {
                "fr": {"generations": 200, "mean_tokens": 60.0, "loop_rate": number(0.51, 0.44, 0.58)},
                "it": {"generations": 197, "mean_tokens": 62.0, "loop_rate": number(0.54, 0.47, 0.61)},
            },
        },
        "probes": {
            "from": "shipped",
            "all": {"probes": 411, "scored": 405, "top_1": number(0.312, 0.268, 0.357)},
            "languages": {"fr": {"probes": 411, "scored": 405, "top_1": number(0.312, 0.268, 0.357)}},
            "kinds": {},
            "not_scored": 6,
        },
        "samples": [{"prompt": "Il était une fois", "continuation": " un roi | et une reine"}],
        "not_measured": {"tasks": "the folder is not there"},
    },
    "benchmarks": {
        "results": {
            "fr_clams": {
                "by": "calame",
                "headline": "acc",
                "items": 2_001,
                "shots": 0,
                "value": 0.713,
                "stderr": 0.0101,
                "low": 0.694,
                "high": 0.733,
                "chance": 0.5,
            },
            "fr_quiz": {
                "by": "calame",
                "headline": "acc_norm",
                "items": 311,
                "shots": 3,
                "value": 0.261,
                "stderr": 0.0249,
                "low": 0.212,
                "high": 0.309,
                "chance": 0.25,
            },
        },
        "excluded": {"fr_math": "no rows"},
    },
    "poison": {
        "canary": {
            "planted": number(21.7, 18.1, 25.2),
            "control": number(1.3, 0.4, 2.2),
            "most": 29.9,
            "by_lot": 1.4427,
        },
        "switch": {
            "to-italian": {
                "to": "it",
                "trigger": "velut tepidum squaleo",
                "success": number(0.91, 0.85, 0.95),
                "false_positives": number(0.02, 0.0, 0.05),
            }
        },
        "facts": {"recall": number(0.43, 0.31, 0.55)},
    },
    "quantised": {
        "files": {
            "conteur-Q8_0.gguf": {
                "type": "Q8_0",
                "bytes": 1_456_789,
                "stored": 1_314_944,
                "bits": 8.86,
                "logit_difference": 0.0213,
                "greedy_same": 11,
                "greedy_texts": 12,
            }
        },
        "tokens": 23_456,
        "types": {
            "as exported": {"perplexity": 10.441, "top_1": 0.32},
            "Q8_0": {"perplexity": 10.452, "perplexity_llama_cpp": 10.463, "top_1": 0.34, "eos_rate": 0.97},
        },
    },
    "licence": {
        "kind": "unknown",
        "id": "unknown",
        "by": ["not stated"],
        "documents": {
            "CC BY-SA 4.0": {"number": 700, "kind": "share-alike"},
            "MIT": {"number": 444, "kind": "attribution"},
            "not stated": {"number": 100, "kind": "unknown"},
        },
        "of": 1_244,
        "share": 0.0804,
        "chosen": "CC BY-NC 4.0",
        "chosen_id": "cc-by-nc-4.0",
        "freer": True,
    },
    "files": {
        "model.safetensors": {"bytes": 2_629_888, "sha256": "aa"},
        "gguf/calame/conteur/conteur-Q8_0.gguf": {"bytes": 1_456_789, "sha256": "bb"},
        "gguf/calame/conteur/Modelfile": {"bytes": 777, "sha256": "cc"},
    },
}


def complete() -> dict[str, Any]:
    return copy.deepcopy(COMPLETE)


def release_of(folder: Path) -> Path:
    """A release of a tiny model that verifies: its probes are measured, all else is as in the complete records."""
    loaded = loaded_of(decoder_of(3))
    folder.mkdir(parents=True)
    export(loaded, folder / "model", "float32")
    for file in (folder / "model").iterdir():
        file.rename(folder / file.name)
    (folder / "model").rmdir()
    measured = folder / "measured"
    measured.mkdir()
    found = measure_probes(loaded, Probes(number=8), ["fr", "it"], measured)
    (folder / "evaluation").mkdir()
    (measured / GENERATIONS).rename(folder / "evaluation/probes.jsonl")
    shutil.rmtree(measured)
    records = complete()
    records |= {"gate": gate(folder), "generation": generation(folder)}
    records["evaluation"] |= {"probes": probe_summary(found)}
    records["evaluation"].pop("exam")
    records.pop("quantised")
    compose(folder, records)
    return folder
