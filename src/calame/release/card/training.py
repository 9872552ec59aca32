"""How it was made: procedure, tuning, time, energy and cost, and where it comes from."""

from __future__ import annotations

from calame.release.card.say import Say, Written, bullets, escape, section, table

SHORTEST = 1.0  # seconds of a stage that has a row of its own
ORDER = ("corpus", "quality", "tokenizer", "inject", "shards", "pretrain", "select", "sft", "dpo", "evaluation")


def procedure(say: Say) -> str | None:
    return section(say.texts["titles"]["procedure"], 3, table(["", ""], say.rows("procedure")))


def tuning(say: Say) -> str | None:
    return section(
        say.texts["titles"]["tuning"], 3, bullets([say(f"tuning.{name}") for name in ("sft", "lora", "replay", "dpo")])
    )


def time(say: Say) -> str | None:
    """Hours by stage, what the cards drew, and, by whoever trained it, what that cost and emitted."""
    stages = say.get("time.stages", {})
    shown = sorted((name for name in stages if stages[name] >= SHORTEST), key=_place)
    rows = [[_stage(say, name), say.form(stages[name], "s")] for name in shown]
    return section(
        say.texts["titles"]["time"],
        3,
        table(say.texts["time"]["head"], [*rows, *say.rows("time.rows")]),
        bullets([_machine(say), _energy(say), _carbon(say), say("time.cost")]),
    )


def _place(stage: str) -> tuple[int, str]:
    kind = stage.partition("/")[0]
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), stage)


def _stage(say: Say, name: str) -> str:
    kind, _, own = name.partition("/")
    return f"{say.word(kind)} {say.form(own, 'c')}" if own else say.word(kind)


def _machine(say: Say) -> str | None:
    gpus = say.get("made_with.gpus")
    if gpus is None:
        return None
    if not gpus:
        return say("time.cpu")
    named = " + ".join(f"{say.form(number, 'n')} × {escape(name)}" for name, number in gpus.items())
    return say("time.machine", gpus=Written(named))


def _energy(say: Say) -> str | None:
    if say.has("energy"):
        return say("time.kwh_estimated" if say.get("energy.estimated") else "time.kwh")
    return say("time.no_energy") if say.has("time") else None


def _carbon(say: Say) -> str | None:
    return say("time.carbon_source" if say.get("energy.carbon_source") else "time.carbon")


def provenance(say: Say) -> str | None:
    """Which run, which checkpoint, and why that one."""
    choice = [say(f"provenance.{say.get('choice.rule', 'last')}", criteria=_criteria(say))]
    if say.get("choice.rule") == "compare" and say.has("choice.among"):
        choice.append(say("provenance.decided") or say("provenance.undecided"))
    told = [
        say("provenance.run") or say("provenance.run_installed"),
        say("provenance.load") if say.has("procedure.began_from") else None,
        say("provenance.init") if say.has("procedure.init") else None,
        " ".join(filter(None, choice)),
    ]
    return section(say.texts["titles"]["provenance"], 3, bullets(told), _compared(say))


def _criteria(say: Say) -> Written:
    return Written(say.joined([say.form(name, "c") for name in say.get("choice.criteria", [])]))


def _compared(say: Say) -> str | None:
    """The numbers of a comparison, the chosen checkpoint first."""
    numbers, criteria = say.get("choice.numbers", {}), say.get("choice.criteria", [])
    head = [say.texts["provenance"]["checkpoint"], *(say.form(name, "c") for name in criteria)]
    rows = say.each(
        lambda name, found: [
            say.form(name, "c"),
            *(say.form(found[one], "i") if one in found else "" for one in criteria),
        ],
        numbers.items(),
    )
    return table(head, rows)
