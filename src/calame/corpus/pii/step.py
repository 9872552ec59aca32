"""The step that does with personal data what the recipe says.

Off by default: what a person trains on is most often their own or published text, where an address is part of the
text, and nothing of it is changed unsaid. `corpus.pii.every: replace` is the one line for text of the web.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from calame.corpus.document import Document
from calame.corpus.pii.find import KINDS, Found, find_all
from calame.corpus.step import Drop, Step
from calame.recipe.texts import Pii, PiiAction


@dataclass
class PersonalData:
    """Replaces, reports or drops, by kind. metadata["pii"]: how many of each kind the document held."""

    actions: Mapping[str, PiiAction]
    placeholders: Mapping[str, str]
    name: str = "personal data"

    def __call__(self, document: Document) -> Document | Drop:
        found = find_all(document.text, self.actions)
        if not found:
            return document
        counts = dict(sorted(Counter(one.kind for one in found).items()))
        if any(self.actions[kind] == "drop" for kind in counts):
            return Drop("personal data", ", ".join(f"{number} {kind}" for kind, number in counts.items()))
        hidden = [one for one in found if self.actions[one.kind] == "replace"]
        metadata = {**document.metadata, "pii": counts}
        return replace(document, text=self._replaced(document.text, hidden), metadata=metadata)

    def _replaced(self, text: str, hidden: list[Found]) -> str:
        pieces, at = [], 0
        for one in hidden:
            pieces += [text[at : one.start], self.placeholders[one.kind]]
            at = one.end
        return "".join([*pieces, text[at:]])


def pii_steps(keys: Pii) -> list[Step]:
    """The step that a recipe asks for; none by default."""
    actions: dict[str, PiiAction] = {kind: getattr(keys, kind) or keys.every for kind in KINDS}
    wanted: dict[str, PiiAction] = {kind: action for kind, action in actions.items() if action != "off"}
    placeholders = {kind: f"<{kind.upper()}>" for kind in KINDS} | keys.placeholders
    steps: list[Step] = [PersonalData(wanted, placeholders)]
    return steps if wanted else []
