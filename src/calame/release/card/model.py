"""What the model is: the opening, key facts, architecture."""

from __future__ import annotations

from calame.release.card.say import Say, paragraphs, section, table


def opening(say: Say, others: list[str]) -> str | None:
    """The name, what it is in a sentence, and where the same page is in other languages. others: their links."""
    title = say.fill("# {about.name}", {}) if say.has("about.name") else None
    told = [say("intro.adapted" if _adapted(say) else "intro.scratch") if say.has("procedure") else None]
    told += [say("intro.tuned" if say.get("gate.tuned") else "intro.untuned") if say.has("gate.tuned") else None]
    return paragraphs(title, " · ".join(others), " ".join(filter(None, told)), say("intro.quote"), say("intro.records"))


def _adapted(say: Say) -> bool:
    return say.has("procedure.init") or say.has("procedure.began_from")


def facts(say: Say) -> str | None:
    rows = say.rows("facts")
    return section(say.texts["titles"]["facts"], 2, table(["", ""], rows))


def architecture(say: Say) -> str | None:
    """The count by term, which adds up, and what others may make of it."""
    terms, how = say.get("model.terms", {}), say.get("model.formulas", {})
    rows = [[say.word(name), say.form(number, "n"), _formula(say, how.get(name, ""))] for name, number in terms.items()]
    counted = say("architecture.tied" if say.get("model.tie_word_embeddings") else "architecture.untied")
    claim = " ".join(filter(None, (say("architecture.claim"), _note(say))))
    told = [sentence for sentence in (say("architecture.exact"), counted, claim) if sentence and terms]
    return section(
        say.texts["titles"]["architecture"],
        3,
        say("architecture.intro"),
        table(["", ""], say.rows("architecture.shape")),
        table(say.texts["architecture"]["head"], rows),
        " ".join(told),
        say("architecture.gate"),
    )


def _note(say: Say) -> str | None:
    return say("architecture.claim_note") if say.get("model.claimed.note") else None


def _formula(say: Say, formula: str) -> str:
    return say.texts["words"].get(formula) or formula.replace("x", "×")
