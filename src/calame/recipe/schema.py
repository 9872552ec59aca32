"""The recipe's keys, typed. Everything outside `execution` is a *result* key: it changes what comes out.

`execution` holds what only changes how fast or where the work is done; it never enters a fingerprint.
A key whose default is None is derived (`derive.py`), and its reason is written into the resolved recipe.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from calame.recipe.card import Card
from calame.recipe.corpus import Corpus
from calame.recipe.evaluation import Evaluation
from calame.recipe.mixture import Mixture, Phase
from calame.recipe.modes import Mode
from calame.recipe.optimizer import Optimizer, Schedule
from calame.recipe.section import LEAST_VOCABULARY, SELECT, Language, Name, Positive, PositiveTokens, Section
from calame.recipe.timeline import Timeline
from calame.recipe.tuning import Chat, Dpo, Sft
from calame.recipe.units import Bytes, Duration, Share, TimedCount, TimedTokens, Tokens, Vocabulary


class Tokenizer(Section):
    """A tokenizer of one's own, trained on the corpus, or an existing one (`from`)."""

    kind: Literal["byte-bpe", "sentencepiece-bpe"] = "byte-bpe"
    vocabulary: Annotated[Vocabulary, Field(ge=LEAST_VOCABULARY)] = Field(
        default=32_768,
        description="entries, special tokens included (the 256 bytes and 6 special tokens are the least); "
        "beside from: hub:ID, how many that one has, for calame plan",
    )
    sample: Annotated[Bytes, Field(gt=0)] = Field(
        default=100_000_000, description="bytes of training text that it learns from, dealt equally over the languages"
    )
    location: str | None = Field(
        default=None, alias="from", description="a folder or hub:ID with an existing tokenizer"
    )
    bos: Literal["none"] | None = Field(
        default=None,
        description="none: neither documents nor prompts nor conversations begin with BOS; derived: all do",
    )
    chat: Chat | None = Field(default=None, description="how conversations are written; derived: as ChatML")


class Model(Section):
    """The decoder; fields carry the names that Llama has on the Hugging Face hub, whatever the family."""

    family: Literal["llama", "qwen3", "gpt2"] = "llama"
    hidden_size: Positive
    num_hidden_layers: Positive
    num_attention_heads: Positive | None = Field(default=None, description="derived: heads of 64")
    num_key_value_heads: Positive | None = Field(default=None, description="derived: as many as attention heads")
    head_dim: Positive | None = Field(default=None, description="derived: hidden_size / num_attention_heads")
    intermediate_size: Positive | None = Field(
        default=None, description="derived: 8/3 of hidden_size, multiple of 64; gpt2: 4 x"
    )
    max_position_embeddings: Positive | None = Field(default=None, description="derived: pretrain.context")
    rope_theta: Annotated[float, Field(gt=0)] = 10_000.0
    rope_scaling: Literal["none", "linear", "yarn"] = Field(
        default="none", description="stretches positions over a longer context than `init` was trained with"
    )
    rope_factor: Annotated[float, Field(ge=1)] = Field(default=1.0, description="by how much")
    rope_original: Annotated[int, Field(ge=0)] = Field(default=0, description="tokens of the context that is stretched")
    rms_norm_eps: Annotated[float, Field(gt=0)] = Field(default=1e-5, description="of every norm, LayerNorm's too")
    tie_word_embeddings: bool = True
    initializer_range: Annotated[float, Field(gt=0)] = 0.02
    init: str | None = Field(default=None, description="a Hugging Face folder whose weights to start from")


class Guard(Section):
    """What becomes of a step whose loss or gradient is no number, or whose loss is a spike: over `threshold` robust
    deviations (1.4826 x median absolute deviation; Rousseeuw & Croux 1993) above the median of the last `window`."""

    nonfinite: Literal["stop", "skip"] = Field(
        default="stop",
        description="stop the run with a message, or leave the step out (weights stay, the text goes on)",
    )
    spike: Literal["off", "skip", "rollback"] = Field(
        default="off",
        description="skip: leave the step out; rollback: go back to the weights of the last return point too",
    )
    threshold: Annotated[float, Field(gt=0)] = Field(default=8.0, description="robust deviations that make a spike")
    window: Annotated[int, Field(ge=10)] = Field(
        default=100, description="steps that a loss is held against; none is judged before there are so many"
    )
    return_every: Positive = Field(default=100, description="rollback: steps from one return point to the next")
    most: Positive = Field(default=10, description="steps turned away within a window; one more stops the run")


class Load(Section):
    """A checkpoint of another run to begin from, and what to take over from it (recipe/modes.py)."""

    location: str = Field(
        alias="from",
        description="a run's folder (its newest checkpoint) or a folder step-XXXXXXXX; relative to the recipe",
    )
    mode: Mode = Field(
        description="resume, decay, finetune, continue, model_only, model_data, model_opt_data, cooldown, transfer, "
        "transfer_with_lr, or a set of weights, optimizer, schedule, data, rng, step; init_head may join any"
    )


class Pretrain(Section):
    tokens: PositiveTokens = Field(description="length of the run; asking for more continues it")
    batch: TimedTokens = Field(description="tokens of one optimizer step, or by token position: {0: 32768, 1B: 65536}")
    context: TimedCount = Field(description="tokens of one row, or by token position: {0: 256, 1B: 512}")
    documents: Literal["masked", "stream", "chunks"] = Field(
        default="masked",
        description="masked: attention and positions stop at a document's edge; stream: they run across; "
        "chunks: rows of one document each, filled up with padding that counts as tokens read",
    )
    order: Literal["even", "lot"] = Field(
        default="even",
        description="even: rows of one source each, so dealt that the shares hold at every moment, to a row; lot: "
        "documents drawn by lot, so that they hold in every window of about a million tokens",
    )
    objective: Literal["next-token", "headless", "headless-literal"] = Field(
        default="next-token",
        description="next-token: cross-entropy over the vocabulary. headless: a state is held against the embeddings "
        "of its micro-batch's other targets, and no head is trained; headless-literal: as published, its own and equal "
        "targets among them (docs/headless.md)",
    )
    mixture: Mixture = Mixture()
    phases: Annotated[dict[Name, Phase], Field(min_length=1)] | None = Field(
        default=None, description="parts of the stream, one after the other, each with a mixture of its own"
    )
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    clip: Annotated[float, Field(gt=0)] = Field(default=1.0, description="greatest norm of the whole gradient")
    dropout: Annotated[Share, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of what each branch adds that is left out at random, while training"
    )
    dropout_twice: bool = Field(
        default=False, description="as Klovis-144M: once more on each branch, and on the weights of attention"
    )
    layer_drop: Annotated[Share, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of the layers that is left out at random, while training"
    )
    label_smoothing: Annotated[Share, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="share of a target's probability dealt to all entries, in training; never in validation",
    )
    precision: Literal["auto", "fp32", "bf16", "bf16-rounded", "bf16-scaled", "fp16", "fp8"] = Field(
        default="auto",
        description="auto: bf16 on a GPU, else fp32. bf16, fp16 (scaled loss): compute over fp32 weights. "
        "bf16-rounded: bf16 weights, rounded stochastically. bf16-scaled: as Gaperon, for comparison. "
        "fp8: as bf16, but the blocks' matrices multiply in 8 bits (Ada, Hopper and newer)",
    )
    guard: Guard = Guard()
    load: Load | None = Field(default=None, description="begin from a checkpoint of another run")

    @property
    def timeline(self) -> Timeline:
        return Timeline(self.batch, self.context)


class Release(Section):
    dtype: Literal["float32", "bfloat16"] = Field(default="float32", description="of the exported weights")
    gguf: list[Literal["f16", "q8_0", "q4_k_m"]] = Field(
        default=[], description="types of GGUF files for llama.cpp, Ollama, LM Studio; empty: none is made"
    )
    publisher: Name = Field(default="calame", description="folder above the GGUF files, as LM Studio wants it")


class CorpusExecution(Section):
    """Who works on the corpus: the text that comes out is the same whoever does, byte for byte."""

    engine: Literal["local", "datatrove", "slurm", "ray"] = Field(
        default="local",
        description="processes on this machine; or datatrove's executor here, on a Slurm cluster, on a Ray cluster",
    )
    workers: Positive | Literal["auto"] = Field(
        default="auto",
        description="processes (slurm: jobs) at a time; auto: all cores where that pays (slurm: no limit)",
    )
    partition: str | None = Field(default=None, description="slurm: partition of the jobs")
    time: Annotated[Duration, Field(ge=60)] = Field(default=86_400.0, description="slurm: longest time of a job, as 8h")
    memory: Annotated[Bytes, Field(ge=1_000_000_000)] = Field(
        default=4_000_000_000, description="slurm, ray: memory of a process, as 4GB"
    )


class Execution(Section):
    """How and where, never what: none of these keys changes a fingerprint."""

    runs: str = Field(default="runs", description="folder of the runs and their store, relative to where you are")
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    micro_batch: PositiveTokens | None = Field(
        default=None, description="tokens that pass through at once; derived from the device"
    )
    activation_checkpointing: Literal["none", "light", "selective", "full"] = Field(
        default="none",
        description="compute again in the backward pass: nothing, norms, every second layer, every layer",
    )
    memory: Annotated[Bytes, Field(gt=0)] | None = Field(
        default=None, description="most memory of the GPU that may be used, as 16GB; default: all of it"
    )
    compile: Literal["auto", "on", "off"] = Field(default="auto", description="torch.compile; auto: on a GPU")
    kernels: Literal["auto", "plain"] = Field(
        default="auto", description="plain: the slow twin of every fast path, to compare with; the same function"
    )
    graphs: bool = Field(
        default=False, description="CUDA graphs: launches of a pass replayed as one; on one GPU, compiled, not in fp16"
    )
    deterministic: bool = Field(
        default=False, description="the same bits each time on one machine, on a GPU too; slower"
    )
    parallel: Literal["auto", "ddp", "fsdp", "hybrid"] = Field(
        default="auto",
        description="where torchrun starts several processes: each holds the whole state, a part of it, or a part of "
        "its machine's; auto: ddp where that fits",
    )
    threads: Positive | None = Field(default=None, description="CPU threads; derived: all")
    corpus: CorpusExecution = CorpusExecution()
    log_every: Positive = Field(default=10, description="steps")
    telemetry: list[Literal["trackio", "tensorboard", "wandb"]] = Field(
        default=[], description="programs that show curves, told what is written to metrics.jsonl"
    )
    validate_every: PositiveTokens | None = Field(default=None, description="tokens; derived: a tenth of the run")
    validation_tokens: PositiveTokens | None = Field(
        default=None, description="tokens per slice during training, all at the end; derived: a twelfth of the work"
    )
    tasks_every: PositiveTokens | None = Field(
        default=None, description="tokens; a part of the local evaluation.tasks in training, as eval/TASK; else none"
    )
    generate_every: Annotated[Tokens, Field(ge=0)] | None = Field(
        default=None,
        description="tokens; what the model writes in training: evaluation.prompts, and 24 prompts a language as "
        "behaviour/NAME; 0: never; derived: a fifth of the run",
    )
    save_every: PositiveTokens | None = Field(default=None, description="tokens; derived: a tenth of the run")
    keep: Positive = Field(default=3, description="newest checkpoints that are kept, beside the best")
    keep_every: PositiveTokens | None = Field(
        default=None, description="tokens; a checkpoint is saved at each multiple and never removed"
    )
    deadline: Annotated[Duration, Field(gt=0)] | None = Field(
        default=None, description="wall clock of the whole command, e.g. 8h or 55m: then training saves, exit code 75"
    )


class Published(Section):
    """What the original says of itself, for `calame plan` to compare with; it changes nothing and enters no
    fingerprint."""

    parameters: PositiveTokens | None = Field(default=None, description="its count: 144M, 1.5B or in full")
    note: str = Field(default="", description="how it was counted, as far as it is known")


class Recipe(Section):
    name: Name
    description: str = ""
    seed: int = 1
    languages: list[Language] = Field(default=["fr"], min_length=1)
    corpus: Corpus
    tokenizer: Tokenizer = Tokenizer()
    model: Model
    pretrain: Pretrain
    select: Annotated[str, StringConstraints(pattern=SELECT)] = Field(
        default="last",
        description="checkpoint that goes on: last; best:METRIC as best:val/mixed/loss (the lowest); compare:CRITERIA "
        "as calame compare does it: balanced, loss, behaviour, own (evaluation.criteria), or names with commas between",
    )
    sft: Sft | None = None
    dpo: Dpo | None = None
    evaluation: Evaluation = Evaluation()
    release: Release = Release()
    published: Published | None = None
    card: Card = Card()
    execution: Execution = Execution()
