"""Invented names, the same in every language of the little world.

A name is a stem (a head and a syllable) and an ending; a large world puts one or two syllables between them. The stems
are chosen so that no common French, Italian or English word begins with one, and so that no stem with an ending makes
a listed word or first name. What is minted is easily told apart: no name is the beginning of another, no two are one
letter apart, and while stems last no two share a stem.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random


def listed(text: str) -> tuple[str, ...]:
    """The words of the text."""
    return tuple(text.split())


PEOPLE_STEMS = {
    "Tar": "bi bo fa fe li lu me mi mo no to va vo",
    "Bel": "bo di mi na ni no ra re ri sa",
    "Cal": "bi bo fe ni no ra re ri ro sa se si so ti",
    "Dor": "bi bo da fa fe la lo lu no si te ti ve vo",
    "Fan": "bi di fe li lo lu me mi mo ra re ri ro sa se si so va ve vi vo",
    "Gal": "bi bo di do fa fe me mi mo ni no ra re ri ro sa se si so ta te vo",
    "Lan": "bi bo fa fe li lo lu me mi mo ra re ri ro ve vo",
    "Mir": "bi bo da di do fa fe la li lo lu me mo ni no sa se si so ta te ve vo",
    "Nol": "bi bo da di fa fe ma me mi mo na ni ra re ri ro sa se si so ta ti va ve vi vo",
    "Ros": "bo da di do fa fe lo lu mo na ni no ra re ri va ve vi vo",
    "Sil": "bi bo da di do fa fe me mi mo na ni no ra re ri ro sa se so ta te ti to vo",
    "Tib": "da di do fa fe la li lo lu ma me mi mo na ni no ra ri ro sa se si so ta te to va ve vi vo",
    "Vel": "bi bo da di do fa fe me mi mo na ni no ra re ri ro sa si so ta ti to va vi vo",
    "Zan": "bi bo da di fa fe la li lo lu ma me mi mo ra re ri ro sa se si so ti to va ve vi vo",
    "Bru": "bi bo da di do fa mi ra re ri ro se va ve vi vo",
    "Dal": "bo di do fa fe me mo na ni no ra re ri ro sa si so ta te ti va ve vo",
    "Gri": "bi bo fa fe la li lo lu mi na ni no ra re ro si ta te ti to va vi vo",
    "Ler": "bi bo da di do fa fe la li lo lu me mo na ni no sa se si so ta te ti to va ve vi vo",
    "Mau": "bi bo da do fa fe li lo lu mi mo ni no sa si ta te ti vi vo",
    "Nar": "bi da fa fe la li lo lu ma mi no sa se so ta ti to ve vi vo",
    "Pol": "bi bo di do fa me mi ni no ra re ri ro sa se ta to va vi vo",
    "Am": "da di do fe lo lu na re sa si ta te ti to va ve vi vo",
    "El": "bi fa na ni no ra re ta ti vo",
    "Os": "bi da di do fa fe la lu na ni no ra re ro to ve vi vo",
    "Ul": "bi bo da di do fa fe mi mo ni no ra re ro se si so va vi vo",
    "Bor": "bi fa fe li lu me mo na ni ta ti va ve vi vo",
    "Gor": "bi bo fa lo lu me mi mo na ni no sa se si so va ve vi vo",
    "Jor": "bi bo fa fe la li lo lu ma me mi mo ni no sa se si so ta te ti to va ve vi vo",
    "Lis": "bi da di do fa fe la lo lu me mi ni no ra re ri ro va ve vi vo",
    "Nes": "bo da di do fa fe la li lu ma me mi mo na ni no ra re ro va ve vi vo",
    "Rul": "bi bo da di do fa fe ma me mi mo na ni no ra re ri ro sa se si so ta te ti to va ve vi vo",
    "Sol": "bi bo me mi mo na ni no ra re ri ro sa se si te ti to vo",
    "Tel": "bi bo da di do fa me mi na ni no ra re ri ro sa se si ta ti to va ve vo",
    "Var": "bi bo di fa fe la lo lu me mi mo no se te ti to ve vi vo",
    "Ir": "bo da di do fe li lo lu me mo na ni no sa se so ta te ti ve vo",
    "Ol": "bo da do fe na ni no ra re ri ro sa si ta ti va vo",
    "Flo": "bi bo da do fa fe la li lu ma me mi mo ni no sa se si so te to va ve vi vo",
    "Cla": "bi bo da di fa fe li lo lu na ni no sa ta te ti to vo",
    "Dri": "bi bo da di do fa fe la li lu ma me mi mo ni no ra re ro sa se si so ta te ti to va vo",
    "Bal": "fa fe mi na ni no ra re ri ro si to va ve vo",
    "Val": "bi fa fe ma na ni ra re ri si ta",
    "Ser": "di do fa fe la li lu ma na no sa si so ta te",
    "Tul": "bi bo da di do fa fe ma me mi mo na ni no ra re ri ro se so ta te ti to va ve vi vo",
    "Sar": "bi bo fa fe li lo lu mi mo na ni vi vo",
    "Pel": "bi bo da di do fa fe me mi mo na ni no ra re ri ro sa se si so ta va ve vo",
    "Mel": "bi da di fa mi na ni no ra re ri sa se si ta va ve vo",
    "Lor": "bi bo fa fe la li lu mi mo ni no sa se si so ta ti va ve vi vo",
    "Lun": "bi bo da fa fe la li lo ma me mi mo ra re ri ro sa se si so te ti to va vi vo",
    "Fil": "bi bo da di do fa fe na ni no ra re ri ro sa se si ta ti va ve vi vo",
    "Dar": "bi fa fe lu na ni no so ta va",
    "Jul": "bi bo da di do fa fe ma me mi mo na ni no ra re ri ro sa se si so ta te ti to va ve vi vo",
    "Jas": "bo da di do fa fe la li lo lu ma me mo na ni no ra re ri ro ta ti to va ve vi vo",
    "Nor": "bi bo fa fe la lo lu mi mo na ni sa si so ta ti vo",
    "Nil": "bi bo da di do fa fe me mi mo na no ra re ri ro sa si ta te ti va ve vi vo",
    "Ral": "bi bo da di do fa fe ma me mi mo na ni no re ri ro sa se si so ta te ti to va ve vi vo",
    "Ris": "bi bo da di fa fe la li lo lu me mi mo na ni no ra re ro te va vi",
    "Sel": "bi bo da fa fe mi na ni no ra re ri ro sa si so ta ti",
    "Tal": "bi da di do fa fe mi na ni no ra re ri ro sa se si so te ti va ve",
    "Vir": "bi bo da di fa fe la li lo lu ma me mi mo na ni no sa se si so ta te ti va ve vo",
    "Al": "fe na ni no ra ro",
    "Er": "di fa fe la lu na ta ti to vo",
    "Il": "bi bo di do fa fe ma mi na ni no ra re ri ro se si ta te ti ve vi vo",
    "An": "bi bo la li lo lu ma ra re ri ro vo",
    "Is": "bi bo da di do fe lo lu mi mo ni no re ri va ve vi vo",
}
PEOPLE_INNER = listed("bi da do fa le li lo lu mi mo na ni no ra re ri ro sa si ta ti to va vi")
PEOPLE_ENDINGS = {
    "f": listed("ne lle se na de tte lia nia ria sine line rise lune vaine"),
    "m": listed("n rd c l r do ric lin tan ron mond vel dic"),
}

PET_STEMS = {
    "Pi": "bo da di fa fi go ki ko mi mo ri vi",
    "Mou": "bo da di do fa fi go ki ko ma mi no pa po ro vi za",
    "Zi": "bo di do fa fi ki ko la li lo lu ma mi mo ni no pa po ra ri ro ti va vi vo",
    "Ki": "bo di do fa fi go la lu ma ni pa po ti to va vi vo",
    "Tou": "da di do fa fi go ki ko la li lu ma mi mo na ni no pa po ro ta va vi vo za",
    "Bou": "da fa fi ki ko lu ma mi mo na ni no pa po ri ro vo za",
    "Fi": "ki ko lu ma mo po ra ro ta ti to va vi vo za",
    "Nou": "bo da di do fa fi go ki ko la li lo lu ma mi mo na ni pa po ra ro ta ti to va vi vo za",
    "Rou": "bo da di do fa fi go ki ko lu mi mo na ni no pa po ra ri to va vi vo za",
    "Lou": "da di fa fi go ki ko la li lu ma mi mo na ni no pa po ra ri ro ta ti to za",
    "Chi": "da di do fa fi go ki ko la lu mo pa to vi vo za",
    "Ti": "bo do go ko lo lu ma va vi za",
    "Vi": "do fa fi ko lo lu ma mo pa po za",
    "Gou": "bo di do fa fi ki ko li lu ma mi mo na ni pa po ra ta ti to va vi vo za",
    "Zo": "bo da do fa fi go ki ko li lu ma mi mo no pa po ri ta ti to va vi vo za",
    "Bo": "da do fa fi ki ma mi mo pa po ti za",
    "Mi": "bo fa fi go lu pa po va vi vo za",
    "Zou": "bo da di do fa fi go ki ko la li lu ma mi mo na ni no pa po ra ri ro ta ti to va vi vo za",
    "Pou": "bo da di do fa fi go ki ko lo lu ma mi na ni no pa ro ta za",
    "Ni": "bo fa fi go la li lu ma mi pa ra ri to va vi",
    "Gri": "bo fa fi go ki ko la li lo lu mi na ni no pa po ra ro ta ti to va vi vo za",
    "Tri": "da do fi ki ko la mi mo ra ro va vo za",
    "Pli": "bo da di do fa fi go ki ko la lo lu ma mi mo na no pa po ra ri ro ta ti to va vi vo za",
    "Bri": "bo di do fa fi go ki ko la li lo lu mi mo ni no pa po ra ro va vo za",
    "Flo": "bo da di do fa fi go ki ko la li lu ma mi mo na ni no pa po to va vi vo za",
}
PET_INNER = listed("bo da li lo lu mi mo na no ra ro ti to va vi")
PET_ENDINGS = listed("bou zi mou ki pette zou nou pic tic bik pon chon quin lou")

TOWN_HEADS = listed(
    "Or Brume Castel Val Clair Roche Fonte Aigue Haute Pierre Mire Sauve Mont Combe Tour Vigne Chante Sombre"
)
TOWN_TAILS = listed("valle lune dorme clave bise mande sente luzane tane mesle borne vance nave zelle")

RIVERS: tuple[tuple[str, str], ...] = (
    ("Aure", "f"), ("Lisse", "f"), ("Gorvan", "m"), ("Melve", "f"), ("Ombrin", "m"), ("Dorne", "f"), ("Sarle", "f"),
    ("Tulve", "f"), ("Arvon", "m"), ("Neline", "f"), ("Cluve", "f"), ("Drovel", "m"), ("Ezane", "f"), ("Ulmere", "f"),
    ("Vorlin", "m"), ("Isaule", "f"),
)  # fmt: skip
"""Name and grammatical gender."""


class Registry:
    """Remembers names and says whether a new one can be told from them all.

    Memory: some ten short strings for each name, freed with the registry.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._near: set[str] = set()
        self._beginnings: set[str] = set()
        self._names: set[str] = set()
        for name in taken:
            self.accept(name)

    def accept(self, name: str) -> bool:
        """Whether the name is clear of all others; if so it is remembered.

        Two strings are at most one letter apart only if they share a form with at most one letter taken out.
        """
        near = {name, *(name[:i] + name[i + 1 :] for i in range(len(name)))}
        if name in self._beginnings or any(name[:i] in self._names for i in range(3, len(name))):
            return False
        if not self._near.isdisjoint(near):
            return False
        self._near |= near
        self._beginnings.update(name[:i] for i in range(3, len(name)))
        self._names.add(name)
        return True


class Mint:
    """Draws invented names that the registry accepts."""

    def __init__(self, rng: Random, stems: dict[str, str], inner: Sequence[str], registry: Registry) -> None:
        self._rng = rng
        self._stems = [head + syllable for head, syllables in stems.items() for syllable in syllables.split()]
        self._inner = inner
        self._registry = registry
        self._drawn = 0
        rng.shuffle(self._stems)

    def draw(self, endings: Sequence[str]) -> str:
        """A new name with one of the endings. The stems are used in turn, longer names once they run out."""
        while True:
            turn, stem = divmod(self._drawn, len(self._stems))
            self._drawn += 1
            syllables = 0 if turn == 0 else 1 if turn < 16 else 2 if turn < 400 else 3
            middle = "".join(self._rng.choice(self._inner) for _ in range(syllables))
            name = self._stems[stem] + middle + self._rng.choice(endings)
            if self._registry.accept(name):
                return name


def town_names(rng: Random, count: int) -> list[str]:
    """Distinct town names; the first ones share neither head nor tail as long as there are some left."""
    heads, tails = list(TOWN_HEADS), list(TOWN_TAILS)
    rng.shuffle(heads)
    rng.shuffle(tails)
    if count > len(heads) * len(tails):
        raise ValueError(f"at most {len(heads) * len(tails)} towns have a name, {count} were asked for")
    # Walking the diagonals of the table changes head and tail at every step.
    table = [(i, (i + d) % len(tails)) for d in range(len(tails)) for i in range(len(heads))]
    return [heads[i] + tails[j] for i, j in table[:count]]
