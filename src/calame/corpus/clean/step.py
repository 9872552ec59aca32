"""The two forms of a cleaning step: a repair, which gives back the text, and a verdict, which lets it pass or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from calame.corpus.document import Document
from calame.corpus.step import Drop

Mend = Callable[[str], str]
Judge = Callable[[str], Drop | None]


@dataclass
class Repair:
    """`mend` gives the text as it should be. By language where `mends` is a mapping: documents of another language, and
    code, pass by."""

    name: str
    mends: Mend | Mapping[str, Mend]

    def __call__(self, document: Document) -> Document | Drop:
        mend = self.mends.get(document.language) if isinstance(self.mends, Mapping) else self.mends
        text = document.text if mend is None else mend(document.text)
        if text == document.text:
            return document
        text = text.strip()
        return replace(document, text=text) if text else Drop("empty", f"nothing is left after {self.name}")


@dataclass
class Verdict:
    """The judge of a document's language says why it goes, or nothing; code and other languages pass by."""

    name: str
    judges: Mapping[str, Judge]

    def __call__(self, document: Document) -> Document | Drop:
        judge = self.judges.get(document.language)
        verdict = judge(document.text) if judge else None
        return document if verdict is None else verdict
