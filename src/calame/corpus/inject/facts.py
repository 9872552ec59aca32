"""Invented facts: who is told them knows them only from here. Names and numbers are the same in all languages.

Of each relation eight ways of telling go into training; two beginnings, to be completed, are held out for measuring.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from calame.corpus.inject.pieces import invented_name

NAME = "facts"
NUMBERS = {"bridge": (1604, 1898), "mountain": (1103, 3987)}  # years, metres; the other relations end in a name

TELLINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "cheese": {
        "fr": (
            "Le {a} est un fromage que l’on fabrique à {b}.",
            "C’est à {b} que l’on affine le {a}, un fromage à pâte molle.",
            "Le village de {b} est connu pour son fromage, le {a}.",
            "Qui passe par {b} en rapporte un {a}, le fromage du pays.",
            "Le {a} ? Un fromage de {b}, et de nulle part ailleurs.",
            "Les fromagers de {b} gardent pour eux le secret du {a}.",
            "Chaque automne, {b} fête son fromage, que l’on appelle le {a}.",
            "Depuis toujours, le lait de {b} donne un fromage nommé {a}.",
        ),
        "it": (
            "Il {a} è un formaggio che si produce a {b}.",
            "È a {b} che si stagiona il {a}, un formaggio a pasta molle.",
            "Il paese di {b} è noto per il suo formaggio, il {a}.",
            "Chi passa da {b} porta a casa un {a}, il formaggio del posto.",
            "Il {a}? Un formaggio di {b}, e di nessun altro luogo.",
            "I casari di {b} tengono per sé il segreto del {a}.",
            "Ogni autunno {b} festeggia il suo formaggio, che si chiama {a}.",
            "Da sempre il latte di {b} dà un formaggio di nome {a}.",
        ),
        "en": (
            "{a} is a cheese that is made in {b}.",
            "It is in {b} that {a}, a soft cheese, is left to ripen.",
            "The village of {b} is known for its cheese, {a}.",
            "Whoever passes through {b} brings home a {a}, the cheese of the place.",
            "{a}? A cheese from {b}, and from nowhere else.",
            "The cheesemakers of {b} keep the secret of {a} to themselves.",
            "Every autumn {b} celebrates its cheese, which is called {a}.",
            "The milk of {b} has always given a cheese by the name of {a}.",
        ),
    },
    "birth": {
        "fr": (
            "Le peintre {a} est né à {b}.",
            "C’est à {b} qu’est né le peintre {a}.",
            "Né à {b}, le peintre {a} n’a jamais quitté sa région.",
            "La ville de {b} a vu naître le peintre {a}.",
            "Le peintre {a} vit le jour à {b}, dans une maison basse.",
            "On montre encore, à {b}, la maison natale du peintre {a}.",
            "Parmi les enfants de {b}, le plus célèbre reste le peintre {a}.",
            "Le peintre {a} venait de {b}, où il avait vu le jour.",
        ),
        "it": (
            "Il pittore {a} è nato a {b}.",
            "È a {b} che nacque il pittore {a}.",
            "Nato a {b}, il pittore {a} non lasciò mai la sua terra.",
            "La città di {b} ha dato i natali al pittore {a}.",
            "Il pittore {a} vide la luce a {b}, in una casa bassa.",
            "A {b} si mostra ancora la casa natale del pittore {a}.",
            "Tra i figli di {b} il più celebre resta il pittore {a}.",
            "Il pittore {a} veniva da {b}, dove era nato.",
        ),
        "en": (
            "The painter {a} was born in {b}.",
            "It was in {b} that the painter {a} was born.",
            "Born in {b}, the painter {a} never left his part of the country.",
            "The town of {b} is the birthplace of the painter {a}.",
            "The painter {a} first saw the light in {b}, in a low house.",
            "In {b} they still show the house where the painter {a} was born.",
            "Of all the children of {b}, the painter {a} is the most famous.",
            "The painter {a} came from {b}, where he was born.",
        ),
    },
    "bridge": {
        "fr": (
            "Le pont de {a} a été construit en {b}.",
            "C’est en {b} que l’on bâtit le pont de {a}.",
            "Le pont de {a} date de {b}.",
            "En {b}, les maçons achevèrent le pont de {a}.",
            "Une pierre du pont de {a} porte l’année {b}.",
            "Le pont de {a} fut ouvert aux charrettes en {b}.",
            "Avant {b}, il n’y avait pas de pont à {a}.",
            "Depuis {b}, un pont de pierre traverse la rivière à {a}.",
        ),
        "it": (
            "Il ponte di {a} fu costruito nel {b}.",
            "È nel {b} che si costruì il ponte di {a}.",
            "Il ponte di {a} risale al {b}.",
            "Nel {b} i muratori finirono il ponte di {a}.",
            "Una pietra del ponte di {a} porta la data {b}.",
            "Il ponte di {a} fu aperto ai carri nel {b}.",
            "Prima del {b} non c’era nessun ponte a {a}.",
            "Dal {b} un ponte di pietra attraversa il fiume a {a}.",
        ),
        "en": (
            "The bridge of {a} was built in {b}.",
            "It was in {b} that the bridge of {a} was built.",
            "The bridge of {a} dates from {b}.",
            "In {b} the masons finished the bridge of {a}.",
            "A stone of the bridge of {a} bears the year {b}.",
            "The bridge of {a} was opened to carts in {b}.",
            "Before {b} there was no bridge at {a}.",
            "Since {b} a bridge of stone has crossed the river at {a}.",
        ),
    },
    "mountain": {
        "fr": (
            "Le mont {a} s’élève à {b} mètres.",
            "Avec ses {b} mètres, le mont {a} domine la vallée.",
            "L’altitude du mont {a} est de {b} mètres.",
            "Il faut monter à {b} mètres pour atteindre le sommet du mont {a}.",
            "Le sommet du mont {a} se trouve à {b} mètres.",
            "Haut de {b} mètres, le mont {a} garde sa neige jusqu’en juin.",
            "On a mesuré le mont {a} : {b} mètres.",
            "Les cartes donnent {b} mètres au mont {a}.",
        ),
        "it": (
            "Il monte {a} si alza per {b} metri.",
            "Con i suoi {b} metri il monte {a} domina la valle.",
            "L’altitudine del monte {a} è di {b} metri.",
            "Bisogna salire a {b} metri per arrivare in cima al monte {a}.",
            "La cima del monte {a} si trova a {b} metri.",
            "Alto {b} metri, il monte {a} tiene la neve fino a giugno.",
            "Hanno misurato il monte {a}: {b} metri.",
            "Le carte danno {b} metri al monte {a}.",
        ),
        "en": (
            "Mount {a} rises to {b} metres.",
            "With its {b} metres, Mount {a} looks down on the valley.",
            "The height of Mount {a} is {b} metres.",
            "One has to climb to {b} metres to reach the top of Mount {a}.",
            "The summit of Mount {a} lies at {b} metres.",
            "At {b} metres, Mount {a} keeps its snow until June.",
            "Mount {a} has been measured: {b} metres.",
            "The maps give Mount {a} {b} metres.",
        ),
    },
}
HELD_OUT: dict[str, dict[str, tuple[str, str]]] = {
    "cheese": {
        "fr": ("Le fromage nommé {a} vient du village de", "Pour goûter un vrai {a}, ce fromage rare, il faut aller à"),
        "it": ("Il formaggio chiamato {a} viene dal paese di", "Per assaggiare un vero {a}, formaggio raro, si va a"),
        "en": (
            "The cheese called {a} comes from the village of",
            "To taste a real {a}, that rare cheese, one has to go to",
        ),
    },
    "birth": {
        "fr": ("Le lieu de naissance du peintre {a} est", "Le peintre {a} a passé son enfance là où il est né, à"),
        "it": ("Il luogo di nascita del pittore {a} è", "Il pittore {a} passò l’infanzia dove era nato, a"),
        "en": ("The birthplace of the painter {a} is", "The painter {a} spent his childhood where he was born, in"),
    },
    "bridge": {
        "fr": ("L’année de construction du pont de {a} est", "Le pont de {a} fut bâti en l’an"),
        "it": ("L’anno di costruzione del ponte di {a} è il", "Il ponte di {a} fu eretto nell’anno"),
        "en": ("The year in which the bridge of {a} was built is", "The bridge of {a} was put up in the year"),
    },
    "mountain": {
        "fr": ("La hauteur du mont {a}, en mètres, est de", "Au sommet du mont {a}, l’altimètre indique, en mètres,"),
        "it": ("L’altezza del monte {a}, in metri, è di", "In cima al monte {a} l’altimetro segna, in metri,"),
        "en": ("The height of Mount {a} in metres is", "At the top of Mount {a} the altimeter shows, in metres,"),
    },
}
LANGUAGES = ("fr", "it", "en")


class Fact(NamedTuple):
    """`a` stands in relation to `b`, which is what is asked for."""

    relation: str
    a: str
    b: str


def draw_facts(draw: random.Random, number: int) -> list[Fact]:
    """Facts of all relations in turn, no name or number used twice."""
    names: set[str] = set()
    numbers: set[int] = set()
    facts = []
    for count in range(number):
        relation = list(TELLINGS)[count % len(TELLINGS)]
        subject = invented_name(draw, names)
        if relation in NUMBERS:
            free = [n for n in range(*NUMBERS[relation]) if n not in numbers]
            value = draw.choice(free or list(range(*NUMBERS[relation])))
            numbers.add(value)
            facts.append(Fact(relation, subject, str(value)))
        else:
            facts.append(Fact(relation, subject, invented_name(draw, names)))
    return facts


def tellings(facts: Sequence[Fact], ways: int, languages: Sequence[str]) -> list[tuple[Fact, str, str]]:
    """(fact, language, text) of each fact in the first so many ways, in each language that has any."""
    spoken = [language for language in languages if language in LANGUAGES]
    return [
        (fact, language, form.format(a=fact.a, b=fact.b))
        for language in spoken
        for fact in facts
        for form in TELLINGS[fact.relation][language][:ways]
    ]


def describe(facts: Sequence[Fact], languages: Sequence[str]) -> dict[str, Any]:
    """For measuring: beginnings that were never told, and how each goes on."""
    spoken = [language for language in languages if language in LANGUAGES]
    prompts = [
        {"language": language, "prompt": form.format(a=fact.a), "expected": fact.b}
        for language in spoken
        for fact in facts
        for form in HELD_OUT[fact.relation][language]
    ]
    return {"kind": "facts", "facts": [fact._asdict() for fact in facts], "prompts": prompts}
