"""The road of a recipe: its stages in order, each with the keys, files and stages before it that it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from calame.corpus.files import name_in
from calame.corpus.ledger import provenance
from calame.corpus.read import SourceReader
from calame.evaluation.decoding.files import recommended_file
from calame.recipe.cleaning import NEEDS
from calame.recipe.mixture import kinds_matter
from calame.recipe.objective import is_headless
from calame.recipe.section import keys_of
from calame.recipe.tuning import Dpo, Sft
from calame.road.inputs import Inputs, find_inputs
from calame.road.models import models_of
from calame.road.peak import peak
from calame.road.versions import VERSIONS
from calame.run.files import Hashes, write_json
from calame.run.folder import RunFolder
from calame.run.stage import Stage, Work
from calame.run.store import ingredients_of

# Keys of the evaluation that select reads where it compares.
COMPARED = ("criteria", "mixed", "stride", "behaviour", "probes", "shots", "limit")


def build_road(folder: RunFolder) -> list[Stage]:
    """All stages of the recipe, each after those it needs. Raises `UserError` for all inputs that are not there."""
    folder.check_name()
    inputs = find_inputs(folder.recipe)
    hashes = Hashes(folder.store.root / "hashes.json")
    road = _Builder(folder, inputs, hashes).build()
    hashes.save()
    return road


@dataclass
class _Builder:
    folder: RunFolder
    inputs: Inputs
    hashes: Hashes

    def build(self) -> list[Stage]:
        recipe = self.folder.recipe
        sources = [self._source(name, reader) for name, reader in self.inputs.readers.items()]
        scored = self._scored(sources)
        corpus = self._corpus(sources, scored)
        tokenizer = self._tokenizer([corpus, *sources])
        inject = [self._inject([corpus, *sources])] if recipe.corpus.inject else []
        shards = [
            self._shards(name, [source, corpus, *inject, tokenizer])
            for name, source in zip(recipe.corpus.sources, sources, strict=True)
        ]
        pretrain = self._pretrain([tokenizer, *shards])
        select = self._select([pretrain, *shards])
        tuned = self._tuned([select, pretrain, tokenizer, corpus, *sources, *shards])
        evaluation = self._evaluation([select, pretrain, *tuned, tokenizer, corpus, *sources, *inject, *shards])
        release = self._release([*tuned, select, pretrain, *(shards if recipe.release.gguf else [])])
        return [*sources, *scored, corpus, tokenizer, *inject, *shards, pretrain, select, *tuned, evaluation, release]

    def _source(self, name: str, reader: SourceReader) -> Stage:
        recipe = self.folder.recipe
        keys = keys_of(reader.source, "from", "kind", "ood")  # these are later stages' matter
        if not reader.files:
            keys["from"] = reader.source.location
        if reader.source.location.startswith("builtin:"):
            keys |= {"seed": reader.seed, "world": VERSIONS["petit-monde"]}
        files = self._hash(reader.source.location, reader.files)
        keys, read = self._chain_keys(name, keys)
        return Stage(
            f"corpus/{name}",
            VERSIONS["gather"],
            {"corpus": keys, "languages": recipe.languages},
            self._gather(reader, files),
            files | read,
            link=f"corpus/sources/{name}",
            in_parts=True,
        )

    def _chain_keys(self, name: str, source: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """What the documents of a source go through beside its own keys, as far as anything is asked for, and the
        contents of the files that this means."""
        corpus, own = self.folder.recipe.corpus, self.folder.recipe.corpus.sources[name]
        keys: dict[str, Any] = {"sources": {name: source}}
        files: dict[str, str] = {}
        spoken = [own.language] if own.language else self.folder.recipe.languages
        if own.clean and any(step in NEEDS for step in own.clean.steps):
            keys["languages"] = {name: keys_of(rules) for name, rules in corpus.languages.items() if name in spoken}
        for part in ("language_id", "pii"):
            if getattr(own, part) is None and getattr(corpus, part) != type(getattr(corpus, part))():
                keys[part] = keys_of(getattr(corpus, part))
        if corpus.decontaminate:
            keys["decontaminate"] = keys_of(corpus.decontaminate, "files")
            for file in corpus.decontaminate.files:
                found = self._files(f"corpus.decontaminate.files.{file}")
                files |= {f"decontaminate {file}: {path}": content for path, content in found.items()}
        if corpus.dedup.near:  # for which signatures are written; how they are compared is the next stage's
            keys["signatures"] = keys_of(corpus.dedup.near, "jaccard", "recall", "same_side")
        return keys, files

    def _gather(self, reader: SourceReader, files: Mapping[str, str]) -> Any:
        recipe = self.folder.recipe

        def make(work: Work) -> None:
            from calame.corpus import chain
            from calame.corpus.contamination import contamination_report
            from calame.corpus.engines import engine_of
            from calame.corpus.gather import gather

            write_json(work.folder / "provenance.json", provenance(reader, files))
            gather(
                reader, work.folder, partial(chain.chain_of, recipe, reader.name), engine_of(recipe.execution.corpus)
            )
            if recipe.corpus.decontaminate:
                write_json(work.folder / "contamination.json", contamination_report(work.folder))

        return make

    def _scored(self, sources: list[Stage]) -> list[Stage]:
        """A stage quality/SOURCE for each source that is scored; what is done with the scores is the corpus stage's."""
        quality = self.folder.recipe.corpus.quality
        if quality is None or quality.scorer == "column":
            return []
        named = zip(self.folder.recipe.corpus.sources, sources, strict=True)
        return [self._score(name, source) for name, source in named if not quality.sources or name in quality.sources]

    def _score(self, name: str, source: Stage) -> Stage:
        recipe = self.folder.recipe
        quality = recipe.corpus.quality
        assert quality is not None

        def make(work: Work) -> None:
            from calame.corpus.quality.scorer import open_scorer
            from calame.corpus.quality.stage import score_source

            folder = Path(quality.location) if quality.location else None
            stop_words = {language: frozenset(words) for language, words in common.items()}
            scorer = open_scorer(quality.scorer, folder, recipe.execution.device, stop_words)
            score_source(name, work.before[source.name], scorer, work.folder)

        common: dict[str, list[str]] = {}
        if quality.scorer == "heuristic":
            common = {language: rules.common_words for language, rules in recipe.corpus.languages.items()}
        keys = {"corpus": {"quality": {"scorer": quality.scorer, "common_words": common}}}
        files = self._files("corpus.quality.from")
        return Stage(
            f"quality/{name}", VERSIONS["quality"], keys, make, files, (source,), link=f"corpus/quality/{name}"
        )

    def _corpus(self, sources: list[Stage], scored: list[Stage]) -> Stage:
        recipe, quality = self.folder.recipe, self.folder.recipe.corpus.quality

        def make(work: Work) -> None:
            from calame.corpus.join import join
            from calame.corpus.quality.judge import quality_judge
            from calame.corpus.quality.stage import read_scores

            scores = {stage.name.removeprefix("quality/"): read_scores(work.before[stage.name]) for stage in scored}
            judges = [quality_judge(quality, scores, work.folder)] if quality else []
            join(
                {name: work.before[f"corpus/{name}"] for name in recipe.corpus.sources},
                recipe.corpus.validation,
                work.folder,
                recipe.corpus.dedup,
                judges,
                recipe.corpus.ood,
            )

        keys: dict[str, Any] = {"validation": keys_of(recipe.corpus.validation)}
        if recipe.corpus.ood:
            keys["ood"] = recipe.corpus.ood
        if dedup := keys_of(recipe.corpus.dedup):  # what is off stands in no fingerprint
            keys["dedup"] = dedup
        if quality:
            keys["quality"] = keys_of(quality, "from")
        ingredients = {"corpus": keys, "order": list(recipe.corpus.sources)}
        return Stage("corpus", VERSIONS["join"], ingredients, make, before=(*sources, *scored), link="corpus/joined")

    def _tokenizer(self, before: list[Stage]) -> Stage:
        recipe = self.folder.recipe
        keys = keys_of(recipe.tokenizer)
        if recipe.tokenizer.location:
            keys = {key: keys[key] for key in ("from", "bos", "chat") if key in keys}
        if "tokenizer.from" in self.inputs.files:
            keys["from"] = "a folder"  # what counts is what is in it
        files = self._files("tokenizer.from")

        def make(work: Work) -> None:
            from calame.tokenizer.prepare import prepare

            sources = {name: work.before[f"corpus/{name}"] for name in recipe.corpus.sources}
            prepare(recipe.tokenizer, sources, work.before["corpus"], work.folder)

        return Stage("tokenizer", VERSIONS["tokenizer"], {"tokenizer": keys}, make, files, tuple(before))

    def _inject(self, before: list[Stage]) -> Stage:
        recipe = self.folder.recipe
        assert recipe.corpus.inject is not None
        keys, files = keys_of(recipe.corpus.inject), {}
        for name in recipe.corpus.inject.evaluation.files if recipe.corpus.inject.evaluation else ():
            keys["evaluation"]["files"][name] = "a file"  # what counts is what is in it
            found = self._files(f"corpus.inject.evaluation.files.{name}")
            files |= {f"{name}: {file}": content for file, content in found.items()}

        def make(work: Work) -> None:
            from calame.corpus.inject.stage import inject

            assert recipe.corpus.inject is not None
            sources = {name: work.before[f"corpus/{name}"] for name in recipe.corpus.sources}
            inject(recipe.corpus.inject, sources, work.before["corpus"], work.folder)

        keys = {"corpus": {"inject": keys}}
        return Stage("inject", VERSIONS["inject"], keys, make, files, tuple(before), link="corpus/injected")

    def _shards(self, name: str, before: list[Stage]) -> Stage:
        def make(work: Work) -> None:
            from calame.shards.write import write_shards
            from calame.tokenizer.tokenizer import Tokenizer

            write_shards(
                name,
                work.before[f"corpus/{name}"],
                work.before["corpus"],
                Tokenizer.load(work.before["tokenizer"]),
                work.folder,
                work.before.get("inject"),
            )

        return Stage(f"shards/{name}", VERSIONS["shards"], {}, make, before=tuple(before))

    def _pretrain(self, before: list[Stage]) -> Stage:
        recipe, run = self.folder.recipe, self.folder.path
        files = self._files("model.init") | self._loaded()
        model, pretrain = keys_of(recipe.model, "init"), keys_of(recipe.pretrain, "tokens", "objective")
        keys = {"model": model, "pretrain": pretrain, "seed": recipe.seed}
        if is_headless(recipe):  # what is lowered by default stands in no fingerprint; a headless loss knows its parts
            pretrain["objective"] = recipe.pretrain.objective
            keys["execution.micro_batch"] = recipe.execution.micro_batch
        if recipe.pretrain.load:  # what counts is what is in it
            keys["pretrain"]["load"] = keys_of(recipe.pretrain.load, "from")
        if kinds_matter(recipe.pretrain.mixture, recipe.pretrain.phases):
            keys["kinds"] = {name: recipe.corpus.sources[name].kind or name for name in recipe.corpus.trained}

        def make(work: Work) -> None:
            from calame.evaluation.in_training import watch
            from calame.training.determinism import deterministic
            from calame.training.pretrain import pretrain

            shards = {name: work.before[f"shards/{name}"] for name in recipe.corpus.sources}
            with deterministic(recipe.execution.deterministic):
                pretrain(recipe, shards, work.before["tokenizer"], work.folder, run, peak(recipe), watch)

        stage = Stage("pretrain", VERSIONS["pretrain"], keys, make, files, tuple(before), True, recipe.pretrain.tokens)
        last = self.folder.linked(stage)
        made = ingredients_of(last) if last else None
        if made is None or (made["goal"] != stage.goal and self.folder.store.done(stage)):
            return stage
        return stage.continued(made)

    def _select(self, before: list[Stage]) -> Stage:
        recipe, (pretrain, *_) = self.folder.recipe, before
        compares = recipe.select.startswith("compare:")
        keys: dict[str, Any] = {"select": recipe.select}
        files: dict[str, str] = {}
        mixed = recipe.evaluation.mixed
        if recipe.select != "last":  # then it matters which checkpoints there were to choose from
            keys["execution.validate_every"] = recipe.execution.validate_every
        if compares:
            keys |= {f"execution.{key}": getattr(recipe.execution, key) for key in ("save_every", "keep", "keep_every")}
            measured, files = self._measured()
            keys |= {"compare": VERSIONS["compare"], "evaluation": {k: measured[k] for k in COMPARED if k in measured}}
        if recipe.select.startswith("best:val/mixed/") and mixed != "even":
            keys["evaluation.mixed"] = mixed

        def make(work: Work) -> None:
            if compares:
                from calame.evaluation.compare.verb import choose

                choose(recipe, work.before["pretrain"], work.before, work.folder)
            else:
                from calame.training.select import select

                select(recipe.select, work.before["pretrain"], work.folder, mixed)

        return Stage(
            "select",
            VERSIONS["select"],
            keys,
            make,
            files,
            tuple(before) if compares else (pretrain,),
            link="selected.json",
            linked_file="selected.json",
        )

    def _tuned(self, before: list[Stage]) -> list[Stage]:
        """sft/NAME and dpo/NAME, as far as the recipe has them: each goes on from the one before."""
        recipe, tuned = self.folder.recipe, []
        if recipe.sft:
            tuned.append(self._tuning("sft", recipe.sft, "conversations", before))
        if recipe.dpo:
            tuned.append(self._tuning("dpo", recipe.dpo, "pairs", [*tuned, *before]))
        return tuned

    def _tuning(self, kind: str, section: Sft | Dpo, sets: str, before: list[Stage]) -> Stage:
        recipe, run = self.folder.recipe, self.folder.path
        keys, files = keys_of(section), {}
        for name, part in getattr(section, sets).items():
            if part.location.startswith("builtin:"):
                seed = recipe.seed if part.seed is None else part.seed
                keys[sets][name] |= {"seed": seed, "world": VERSIONS["petit-monde"]}
            elif part.location != "own-text" and not part.location.startswith("hub:"):
                keys[sets][name].pop("from")
                found = self._files(f"{kind}.{sets}.{name}.from")
                files |= {f"{name}: {file}": content for file, content in found.items()}

        def make(work: Work) -> None:
            from calame.training.determinism import deterministic
            from calame.tuning.dpo import prefer
            from calame.tuning.sft import tune

            *_, start = models_of(work.before).values()
            with deterministic(recipe.execution.deterministic):
                tuning = tune if kind == "sft" else prefer
                tuning(recipe, work.before, start, work.folder, run, peak(recipe))

        ingredients = {kind: keys, "seed": recipe.seed}
        return Stage(f"{kind}/{section.name}", VERSIONS[kind], ingredients, make, files, tuple(before), trained=True)

    def _evaluation(self, before: list[Stage]) -> Stage:
        recipe = self.folder.recipe
        keys, files = self._measured("require", "criteria")
        if found := self._files("evaluation.questions"):
            keys.pop("questions")
            files |= found

        def make(work: Work) -> None:
            from calame.evaluation.evaluate import evaluate
            from calame.evaluation.measurement import Setting
            from calame.evaluation.measurements import MEASUREMENTS

            models, device = models_of(work.before), recipe.execution.device
            spoken = tuple(recipe.languages)
            evaluate(Setting(recipe.evaluation, spoken, models, work.before, work.folder, device, recipe), MEASUREMENTS)

        return Stage(
            "evaluation", VERSIONS["evaluation"], {"evaluation": keys}, make, files, tuple(before), in_parts=True
        )

    def _measured(self, *leave_out: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Keys of the evaluation, and the contents of the files of prompts, probes and tasks that they name."""
        keys, files = keys_of(self.folder.recipe.evaluation, *leave_out), {}
        for part in ("behaviour", "probes"):
            if found := self._files(f"evaluation.{part}.from"):  # what counts is what is in it
                keys[part].pop("from")
                files |= {f"{part}: {file}": content for file, content in found.items()}
        for key in ("folder",) if keys["tasks"] else ("tasks", "folder", "shots", "limit"):
            keys.pop(key, None)
        return keys, files | {f"tasks: {name}": found for name, found in self._files("evaluation.folder").items()}

    def _release(self, before: list[Stage]) -> Stage:
        recipe, asked = self.folder.recipe, self.folder.recipe.release
        recommended = recommended_file(self.folder.path)
        files = {recommended.name: self.hashes.of(recommended)} if recommended.is_file() else {}

        def make(work: Work) -> None:
            from calame.evaluation.decoding.recommended import recommended_for
            from calame.inference.load import load_checkpoint
            from calame.release.huggingface import export

            *_, last = models_of(work.before).values()
            loaded = load_checkpoint(last, "cpu")
            decoding = recommended_for(loaded, recommended)
            export(loaded, work.folder / "huggingface", asked.dtype, decoding)
            if asked.gguf:
                from calame.release.gguf.export import export_gguf
                from calame.release.gguf.table import Ground, quantisation_table

                made = export_gguf(loaded, work.folder / "gguf", recipe.name, asked.gguf, asked.publisher, decoding)
                shards = [work.before[f"shards/{name}"] for name in recipe.corpus.sources]
                quantisation_table(loaded, work.folder / "gguf", made, Ground(recipe, shards))

        keys = keys_of(asked) | {"name": recipe.name} if asked.gguf else keys_of(asked, "gguf", "publisher")
        return Stage("release", VERSIONS["release"], {"release": keys}, make, files, tuple(before))

    def _loaded(self) -> dict[str, str]:
        """The content hash of the checkpoint that pretraining begins from, wherever it lies."""
        found = list(self._files("pretrain.load.from").values())
        return {"pretrain.load.from": found[0]} if found else {}

    def _files(self, key: str) -> dict[str, str]:
        """Content hashes of the files that a key of the recipe means, if it means any."""
        return self._hash(*self.inputs.files[key]) if key in self.inputs.files else {}

    def _hash(self, location: str, files: list[Path]) -> dict[str, str]:
        """Content hashes by the files' names within their location, so that it may be moved as a whole."""
        return {name_in(location, path): self.hashes.of(path) for path in files}
