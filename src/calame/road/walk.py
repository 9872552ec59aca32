"""Walk the road: skip what is fresh, say why something is not, make it, link it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from calame.recipe.errors import refuse
from calame.recipe.objective import HEAD_FOLLOWS, is_headless
from calame.recipe.units import say_seconds
from calame.run.folder import RunFolder
from calame.run.progress import say
from calame.run.stage import Stage
from calame.run.store import Verdict

Begun = Callable[[str, dict[str, Path]], None]  # a trained stage's name, and the folders of those before it, by name


@dataclass(frozen=True)
class Choice:
    """Which stages to walk (a name means its parts too), and which of them to make again although they are fresh."""

    first: str | None = None
    last: str | None = None
    only: str | None = None
    force: bool = False

    def pick(self, road: Sequence[Stage]) -> list[Stage]:
        """The chosen part of the road. Raises `UserError` for names that are no stage."""
        names = [stage.name for stage in road]
        for wanted in (self.first, self.last, self.only):
            if wanted and not any(_means(wanted, name) for name in names):
                raise refuse(wanted, "no stage is called so", ", ".join(names))
        if self.only and (self.first or self.last):
            raise refuse("--only", "one stage alone has no beginning and end", remedy="leave --from and --to out")
        if self.only:
            return [stage for stage in road if _means(self.only, stage.name)]
        begin = next((i for i, name in enumerate(names) if self.first and _means(self.first, name)), 0)
        end = max((i for i, name in enumerate(names) if self.last and _means(self.last, name)), default=len(names) - 1)
        if begin > end:
            raise refuse("--from, --to", f"{self.last} comes before {self.first}", ", ".join(names))
        return list(road[begin : end + 1])


def _means(wanted: str, name: str) -> bool:
    return name == wanted or name.startswith(wanted + "/")


def judge(folder: RunFolder, road: Sequence[Stage]) -> dict[str, Verdict]:
    """Whether each stage is fresh, with the reason."""
    return {stage.name: folder.store.judge(stage, folder.linked(stage)) for stage in road}


def walk(
    folder: RunFolder,
    road: Sequence[Stage],
    choice: Choice,
    dry_run: bool = False,
    begun: Begun = lambda stage, before: None,
) -> None:
    """Make the chosen stages that are not fresh. `begun` is told of each trained stage that is about to be made.

    Raises `UserError` if one of them needs a stage that is not there, or a head that is not trained."""

    def begin(stage: Stage) -> None:
        if stage.trained:  # linked from its beginning, so that a run knows what it has begun
            folder.link(stage)
            begun(stage.name, {part.name: folder.store.folder(part) for part in stage.before})

    picked = choice.pick(road)
    if is_headless(folder.recipe):
        _require_no_head(picked, [stage.name for stage in road])
    for stage in picked:
        verdict = folder.store.judge(stage, folder.linked(stage))
        force = choice.force
        if verdict.fresh and not force:
            say(f"{stage.name}: {verdict.reason}")
            if not dry_run:
                folder.link(stage)
            continue
        say(f"{stage.name}: {'made again, as forced' if verdict.fresh else verdict.reason}")
        if dry_run:
            continue
        _require_before(folder, stage)
        made = folder.store.make(stage, force, lambda stage=stage: begin(stage))
        folder.link(stage)
        seconds = (folder.store.done(stage) or {}).get("seconds", 0)
        say(f"{stage.name}: done in {say_seconds(seconds)} ({made.name})")


def _require_no_head(picked: Sequence[Stage], names: Sequence[str]) -> None:
    """Before days of training: what comes after headless pretraining is another run, which trains the head."""
    beyond = names[names.index("select") + 1 :]
    if asking := [stage.name for stage in picked if stage.name in beyond]:
        raise refuse(
            "pretrain.objective",
            f"headless pretraining trains no head, and {', '.join(asking)} would ask it",
            "the stages up to select, or next-token",
            f"--to select; then {HEAD_FOLLOWS}",
        )


def _require_before(folder: RunFolder, stage: Stage) -> None:
    missing = [before.name for before in stage.before if not folder.store.judge(before, None).fresh]
    if missing:
        raise refuse(
            f"stage {stage.name}",
            f"needs {', '.join(missing)}, not made yet or not up to date",
            remedy=f"calame run RECIPE --to {stage.name}",
        )
