"""French: words, agreement, typography, and the lines in which the little world is told."""

from __future__ import annotations

import re

from calame.corpus.petit_monde.language import Forms, Language, Tables, agreed, weekly, yearly
from calame.corpus.petit_monde.names import listed

NO_BREAK, NARROW = "\u00a0", "\u202f"
VOWELS = "aeiouyâàéèêëîïôûùœ"
MUTE_H = "[Hh](?:erbe|irondelle|istoire|iver|omme|orlog|orizon|eure|uile|abit)"
ELISION = re.compile(
    rf"\b(?:([Ll])[ea]|([DNSJMTdnsjmt]|[Qq]u|[Jj]usqu|[Ll]orsqu|[Pp]uisqu)e) "
    rf"(?=[{VOWELS}{VOWELS.upper()}]|{MUTE_H})(?!onz|oui)"
)
CONTRACTION = re.compile(r"\b([Dd]e|[àÀ]) (les?) ")
CONTRACTED = {"de le": "du", "de les": "des", "à le": "au", "à les": "aux"}


def typography(text: str) -> str:
    """Curly apostrophes, and the spaces that French puts before its double signs and inside its guillemets."""
    text = text.replace("'", "’").replace("« ", f"«{NO_BREAK}").replace(" »", f"{NO_BREAK}»")
    return (
        text.replace(" :", f"{NO_BREAK}:")
        .replace(" ;", f"{NARROW};")
        .replace(" ?", f"{NARROW}?")
        .replace(" !", f"{NARROW}!")
    )


def _contract(match: re.Match[str]) -> str:
    found = CONTRACTED[f"{match[1].lower()} {match[2]}"]
    return (found.capitalize() if match[1][0].isupper() else found) + " "


def finish(text: str) -> str:
    """Elision (« le écureuil » becomes « l’écureuil ») and then contraction (« de le » becomes « du »)."""
    return CONTRACTION.sub(_contract, ELISION.sub(r"\1\2’", text))


def _trade(feminine: str, masculine: str, work: str) -> dict[str, Forms]:
    return {"f": {"trade": feminine, "work": work}, "m": {"trade": masculine, "work": work}}


def _animal(noun: str, gender: str, habit: str, plural: str = "") -> Forms:
    un, le, son, e = ("un", "le", "son", "") if gender == "m" else ("une", "la", "sa", "e")
    return {
        "animal": noun,
        "animals": plural or noun + "s",
        "un_animal": f"{un} {noun}",
        "le_animal": f"{le} {noun}",
        "son_animal": f"{son} {noun}",
        "one": un,
        "petit": f"petit{e}",
        "habit": typography(habit),
    }


def _category(noun: str, plural: str = "") -> Forms:
    return {"category": noun, "un_category": f"un {noun}", "categories": plural or noun + "s"}


def _dish(dish: str) -> Forms:
    """From the dish with its article."""
    return {"dish": typography(re.sub(r"^(le |la |l')", "", dish)), "le_dish": typography(dish)}


def _instrument(noun: str, gender: str = "m") -> Forms:
    le, son = ("le", "son") if gender == "m" else ("la", "sa")
    return {"instrument": noun, "le_instrument": f"{le} {noun}", "son_instrument": f"{son} {noun}"}


def _colour(masculine: str, feminine: str, plural: str) -> Forms:
    return {"door": feminine, "door_m": masculine, "roofs": plural}


def _season(noun: str, within: str) -> Forms:
    return {"season": noun, "le_season": f"le {noun}", "in_season": within}


def _sibling(own: str, other: str) -> Forms:
    """Own word and the other's: « sœur », « frère »."""
    un, le, son = ("un", "le", "son") if other == "frère" else ("une", "la", "sa")
    return {
        "frere": other,
        "un_frere": f"{un} {other}",
        "le_frere": f"{le} {other}",
        "son_frere": f"{son} {other}",
        "frere_moi": own,
        "le_frere_moi": f"{'le' if own == 'frère' else 'la'} {own}",
        "fratrie": f"{own}s" if own == other else "frère et sœur",
    }


def _river(name: str, gender: str) -> Forms:
    return {"river": name, "le_river": f"{'la' if gender == 'f' else 'le'} {name}"}


TABLES = Tables(
    gender=agreed({
        "pronoun": ("elle", "il"), "il": ("elle", "il"), "le": ("la", "le"), "lui": ("elle", "lui"), "e": ("e", ""),
        "fils": ("fille", "fils"), "fier": ("fière", "fier"), "pareil": ("sa pareille", "son pareil"),
        "un_bon": ("une bonne", "un bon"), "cher": ("chère", "cher"), "mon_cher": ("ma chère", "mon cher"),
        "le_fils": ("la fille", "le fils"), "le_neveu": ("la nièce", "le neveu"), "tel": ("telle", "tel"),
        "le_petit_fils": ("la petite-fille", "le petit-fils"), "meme": ("elle-même", "lui-même"),
    }),
    trades={
        "baker": _trade("boulangère", "boulanger", "pétrit la pâte avant l’aube"),
        "carpenter": _trade("menuisière", "menuisier", "rabote des planches"),
        "miller": _trade("meunière", "meunier", "moud le grain de tout le pays"),
        "weaver": _trade("tisserande", "tisserand", "lance la navette du matin au soir"),
        "potter": _trade("potière", "potier", "tourne des cruches et des bols"),
        "gardener": _trade("jardinière", "jardinier", "taille les rosiers"),
        "clockmaker": _trade("horlogère", "horloger", "remonte les pendules du voisinage"),
        "bookseller": _trade("libraire", "libraire", "prête plus de livres qu’on ne lui en achète"),
        "shepherd": _trade("bergère", "berger", "mène les moutons à l’herbe"),
        "beekeeper": _trade("apicultrice", "apiculteur", "soigne les ruches"),
        "tailor": _trade("couturière", "couturier", "coud des manteaux"),
        "cobbler": _trade("cordonnière", "cordonnier", "ressemelle les souliers"),
        "printer": _trade("imprimeuse", "imprimeur", "aligne les lettres de plomb"),
        "glazier": _trade("vitrière", "vitrier", "pose des carreaux aux fenêtres"),
        "teacher": _trade("institutrice", "instituteur", "apprend à lire aux enfants"),
        "cheesemaker": _trade("fromagère", "fromager", "retourne les fromages dans la cave"),
    },
    animals={
        "hedgehog": _animal("hérisson", "m", "dort roulé en boule"),
        "squirrel": _animal("écureuil", "m", "cache des noisettes partout"),
        "cat": _animal("chat", "m", "ronronne près du feu"),
        "owl": _animal("hibou", "m", "ouvre les yeux à la nuit tombée", "hiboux"),
        "blackbird": _animal("merle", "m", "siffle dès l'aube"),
        "magpie": _animal("pie", "f", "ramasse tout ce qui brille"),
        "tortoise": _animal("tortue", "f", "avance sans se presser"),
        "lizard": _animal("lézard", "m", "se chauffe au soleil"),
        "gecko": _animal("gecko", "m", "court sur les murs"),
        "cricket": _animal("grillon", "m", "chante près de l'âtre"),
        "beetle": _animal("scarabée", "m", "brille comme un bouton"),
        "ladybird": _animal("coccinelle", "f", "se pose sur tous les doigts"),
        "carp": _animal("carpe", "f", "tourne lentement dans son bassin"),
        "trout": _animal("truite", "f", "file comme un trait dans l'eau claire"),
        "tench": _animal("tanche", "f", "dort au fond de la mare"),
        "frog": _animal("grenouille", "f", "saute au moindre bruit"),
        "toad": _animal("crapaud", "m", "chante sous la pluie"),
        "newt": _animal("triton", "m", "se cache sous les feuilles de la mare"),
    },
    categories={
        "mammal": _category("mammifère"),
        "bird": _category("oiseau", "oiseaux"),
        "reptile": _category("reptile"),
        "insect": _category("insecte"),
        "fish": _category("poisson"),
        "amphibian": _category("amphibien"),
    },
    dishes={
        "onion soup": _dish("la soupe à l'oignon"),
        "plum tart": _dish("la tarte aux prunes"),
        "rice pudding": _dish("le riz au lait"),
        "omelette": _dish("l'omelette aux herbes"),
        "pumpkin gratin": _dish("le gratin de courge"),
        "polenta": _dish("la polenta"),
        "risotto": _dish("le risotto aux champignons"),
        "pear compote": _dish("la compote de poires"),
        "gingerbread": _dish("le pain d'épices"),
        "walnut cake": _dish("le gâteau aux noix"),
        "lentil salad": _dish("la salade de lentilles"),
        "cabbage stew": _dish("le ragoût de chou"),
        "lemon cream": _dish("la crème au citron"),
        "brioche": _dish("la brioche"),
        "blackberry jam": _dish("la confiture de mûres"),
        "chestnut puree": _dish("la purée de marrons"),
    },
    instruments={
        "violin": _instrument("violon"),
        "flute": _instrument("flûte", "f"),
        "harp": _instrument("harpe", "f"),
        "accordion": _instrument("accordéon"),
        "guitar": _instrument("guitare", "f"),
        "drum": _instrument("tambour"),
        "clarinet": _instrument("clarinette", "f"),
        "cello": _instrument("violoncelle"),
        "trumpet": _instrument("trompette", "f"),
        "mandolin": _instrument("mandoline", "f"),
        "piano": _instrument("piano"),
        "oboe": _instrument("hautbois"),
        "lute": _instrument("luth"),
        "xylophone": _instrument("xylophone"),
        "organ": _instrument("orgue"),
        "hurdy-gurdy": _instrument("vielle", "f"),
    },
    colours={
        "red": _colour("rouge", "rouge", "rouges"),
        "blue": _colour("bleu", "bleue", "bleus"),
        "green": _colour("vert", "verte", "verts"),
        "yellow": _colour("jaune", "jaune", "jaunes"),
        "white": _colour("blanc", "blanche", "blancs"),
        "black": _colour("noir", "noire", "noirs"),
        "grey": _colour("gris", "grise", "gris"),
        "brown": _colour("brun", "brune", "bruns"),
        "pink": _colour("rose", "rose", "roses"),
        "purple": _colour("violet", "violette", "violets"),
        "orange": _colour("orange", "orange", "orange"),
        "turquoise": _colour("turquoise", "turquoise", "turquoise"),
    },
    beasts={
        "goat": "chèvres", "hen": "poules", "sheep": "brebis", "goose": "oies", "duck": "canards", "cow": "vaches",
        "donkey": "ânes", "pig": "cochons",
    },
    feasts={
        "lanterns": {"feast": "fête des lanternes"}, "bread": {"feast": "fête du pain"},
        "masks": {"feast": "fête des masques"}, "songs": {"feast": "fête des chansons"},
        "bells": {"feast": "fête des cloches"}, "candles": {"feast": "fête des bougies"},
        "boats": {"feast": "fête des barques"}, "ribbons": {"feast": "fête des rubans"},
        "kites": {"feast": "fête des cerfs-volants"}, "mirrors": {"feast": "fête des miroirs"},
        "tales": {"feast": "fête des contes"}, "fires": {"feast": "fête des feux"},
    },
    seasons=yearly({
        "spring": _season("printemps", "au printemps"), "summer": _season("été", "en été"),
        "autumn": _season("automne", "en automne"), "winter": _season("hiver", "en hiver"),
    }),
    days=weekly({
        "monday": {"day": "lundi"}, "tuesday": {"day": "mardi"}, "wednesday": {"day": "mercredi"},
        "thursday": {"day": "jeudi"}, "friday": {"day": "vendredi"}, "saturday": {"day": "samedi"},
        "sunday": {"day": "dimanche"},
    }),
    siblings={
        "ff": _sibling("sœur", "sœur"), "fm": _sibling("sœur", "frère"),
        "mf": _sibling("frère", "sœur"), "mm": _sibling("frère", "frère"),
    },
    uncles={
        "f": {"oncle": "tante", "le_oncle": "la tante", "un_oncle": "une tante"},
        "m": {"oncle": "oncle", "le_oncle": "le oncle", "un_oncle": "un oncle"},
    },
    rivers=_river,
    numbers=listed(
        "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
        "dix-huit dix-neuf vingt"
    ),
)  # fmt: skip

# fmt: off
FACTS: dict[str, tuple[str, ...]] = {
    # The first two lines of each relation are also the answers of the dialogues.
    "town": (
        "{S} vit à {town}.",
        "{S} habite à {town}.",
        "La maison de {N} se trouve à {town}.",
        "{N} a choisi de vivre à {town}.",
        "C'est à {town} que {N} a sa maison.",
        "Pour trouver {N}, il faut aller à {town}.",
        "{N} ne quitterait {town} pour rien au monde.",
        "Le courrier de {N} arrive à {town}.",
        "{S} demeure à {town}, où tout le monde {le} connaît.",
        "{N} connaît chaque pierre de {town}, où {il} habite.",
        "À {town}, on salue volontiers {N}, qui y habite.",
        "Depuis toujours, {N} habite à {town}.",
    ),
    "town.verb": ("vit à {town}", "habite à {town}", "a sa maison à {town}"),
    "town.clause": ("qui vit à {town}", "qui habite à {town}", "établi{e} à {town}"),
    "trade": (
        "{S} est {trade}.",
        "{S} travaille comme {trade}.",
        "{N} exerce le métier de {trade}.",
        "{S} est {trade} : {il} {work}.",
        "{N} gagne sa vie comme {trade}.",
        "Comme {trade}, {N} n'a pas {pareil}.",
        "{N} a appris très tôt le métier de {trade}.",
        "On dit que {N} est {un_bon} {trade}.",
        "{N} est devenu{e} {trade}, et {il} en est {fier}.",
        "{S} {work}, car {il} est {trade}.",
        "Chacun sait que {N} est {trade} de son état.",
        "Le métier de {N} lui plaît : {il} est {trade}.",
    ),
    "trade.verb": ("est {trade}", "travaille comme {trade}", "exerce le métier de {trade}"),
    "trade.clause": ("{trade} de son métier", "qui est {trade}", "{trade} depuis des années"),
    "animal": (
        "{S} a pour compagnon {un_animal}.",
        "Le compagnon de {N} est {un_animal}.",
        "{N} partage sa maison avec {un_animal}.",
        "Chez {N} vit {un_animal}, qui {habit}.",
        "{N} a adopté {un_animal}.",
        "{N} a recueilli {un_animal}, qui {habit}.",
        "L'animal que {N} a choisi est {un_animal}.",
        "Chaque soir, {N} souhaite bonne nuit à {son_animal}.",
        "{S} prend grand soin de {son_animal}, qui {habit}.",
        "{N} ne donnerait {son_animal} pour rien au monde.",
        "Tout le voisinage connaît {le_animal} de {N}.",
        "Le seul compagnon que {N} ait jamais voulu, c'est {un_animal}.",
    ),
    "animal.verb": (
        "a pour compagnon {un_animal}",
        "partage sa maison avec {un_animal}",
        "prend soin de {son_animal}",
    ),
    "animal.clause": ("qui a pour compagnon {un_animal}", "qui a adopté {un_animal}", "qui s'occupe de {son_animal}"),
    "pet": (
        "Le petit compagnon de {N} s'appelle {pet}.",
        "L'animal de {N} s'appelle {pet}.",
        "{N} a donné à son animal le nom de {pet}.",
        "Le petit compagnon de {N} répond au nom de {pet}.",
        "{N} appelle son animal {pet}.",
        "Chez {N}, l'animal de la maison se nomme {pet}.",
        "Le petit compagnon de {N} porte le nom de {pet}.",
        "{N} a trouvé un joli nom pour son animal : {pet}.",
        "{N} parle souvent de {pet}, son petit compagnon.",
        "{S} a un petit compagnon nommé {pet}.",
        "C'est {pet} qui tient compagnie à {N}.",
        "Quand {N} dit « {pet} », c'est son petit compagnon qu'{il} appelle.",
    ),
    "pet.verb": ("a un petit compagnon nommé {pet}", "appelle son animal {pet}", "a {pet} pour compagnon"),
    "pet.clause": ("dont le petit compagnon s'appelle {pet}", "dont l'animal se nomme {pet}"),
    "dish": (
        "Le plat préféré de {N} est {le_dish}.",
        "{S} aime par-dessus tout {le_dish}.",
        "{S} raffole de {le_dish}.",
        "{N} préfère {le_dish} à tous les autres plats.",
        "Pour {N}, aucun plat ne vaut {le_dish}.",
        "À table, rien ne plaît autant à {N} que {le_dish}.",
        "{N} reprend toujours de {le_dish}.",
        "Quand {N} a faim, {il} pense à {le_dish}.",
        "{N} ne se lasse jamais de {le_dish}.",
        "Les jours de fête, {N} réclame {le_dish}.",
        "Le dimanche, {N} prépare son plat préféré, {le_dish}.",
        "Un bon repas, pour {N}, c'est {le_dish}.",
    ),
    "dish.verb": ("raffole de {le_dish}", "aime par-dessus tout {le_dish}", "a pour plat préféré {le_dish}"),
    "dish.clause": ("qui raffole de {le_dish}", "que l'odeur de {le_dish} met en joie"),
    "instrument": (
        "{S} joue de {le_instrument}.",
        "L'instrument de {N} est {le_instrument}.",
        "{N} pratique {le_instrument} chaque jour.",
        "{N} a appris {le_instrument} dès l'enfance.",
        "On entend souvent {N} jouer de {le_instrument}.",
        "{N} sait jouer de {le_instrument}.",
        "Aux fêtes, c'est {N} qui joue de {le_instrument}.",
        "À la veillée, {N} joue toujours de {le_instrument}.",
        "{N} a une passion : {le_instrument}.",
        "Rien ne console {N} comme {le_instrument}.",
        "{N} consacre ses soirées à {le_instrument}.",
        "{S} ne laisse personne toucher à {son_instrument}.",
    ),
    "instrument.verb": ("joue de {le_instrument}", "pratique {le_instrument}", "étudie {le_instrument}"),
    "instrument.clause": ("qui joue de {le_instrument}", "qui a appris {le_instrument}"),
    "door": (
        "La porte de {N} est {door}.",
        "{S} a une porte {door}.",
        "{N} a peint sa porte en {door_m}.",
        "La maison de {N} a une porte {door}.",
        "On reconnaît la maison de {N} à sa porte {door}.",
        "{N} vous attend derrière une porte {door}.",
        "Chez {N}, la porte est {door}.",
        "{N} ouvre chaque matin sa porte {door}.",
        "Pour aller chez {N}, cherchez la porte {door}.",
        "La porte {door} est celle de {N}.",
        "Comme {N} aime le {door_m}, sa porte est {door}.",
        "La porte de {N} est peinte en {door_m}.",
    ),
    "door.verb": ("a une porte {door}", "a peint sa porte en {door_m}", "ouvre aux visiteurs une porte {door}"),
    "door.clause": ("dont la porte est {door}", "qui a une porte {door}"),
    "mother": (
        "La mère de {N} est {mother}.",
        "La mère de {N} s'appelle {mother}.",
        "{S} est {le_fils} de {mother}.",
        "{N} a pour mère {mother}.",
        "{N} rend visite chaque semaine à sa mère, {mother}.",
        "{N} tient son sourire de sa mère, {mother}.",
        "{mother} est la mère de {N}.",
        "{N} demande souvent conseil à sa mère, {mother}.",
        "{N} doit son prénom à sa mère, {mother}.",
        "{N} écrit de longues lettres à sa mère, {mother}.",
        "Quand {N} parle de sa mère, {il} parle de {mother}.",
    ),
    "mother.verb": ("a pour mère {mother}", "est {le_fils} de {mother}"),
    "mother.clause": ("{fils} de {mother}", "dont la mère est {mother}"),
    "sibling": (
        "{le_frere} de {N} est {sibling}.",
        "{le_frere} de {N} s'appelle {sibling}.",
        "{N} a pour {frere} {sibling}.",
        "{N} a grandi avec {son_frere}, {sibling}.",
        "{N} pense souvent à {son_frere}, {sibling}.",
        "{N} ressemble beaucoup à {son_frere}, {sibling}.",
        "{N} et {sibling} sont {fratrie}.",
        "{N} peut toujours compter sur {son_frere}, {sibling}.",
        "{N} est {le_frere_moi} de {sibling}.",
        "{sibling} est {le_frere} de {N}.",
        "{N} a {un_frere} qui se nomme {sibling}.",
    ),
    "sibling.verb": ("a pour {frere} {sibling}", "est {le_frere_moi} de {sibling}"),
    "sibling.clause": ("{frere_moi} de {sibling}", "{le_frere_moi} de {sibling}"),
    "flock": (
        "{S} garde dans son pré {flock_a} et {flock_b}.",
        "Dans le pré de {N}, il y a {flock_a} et {flock_b}.",
        "{N} nourrit chaque matin {flock_a} et {flock_b}.",
        "{S} possède {flock_a} et {flock_b}.",
        "Le pré de {N} abrite {flock_a} et {flock_b}.",
        "Derrière la maison de {N} vivent {flock_a} et {flock_b}.",
        "{N} a {flock_a} ; {il} a aussi {flock_b}.",
        "{N} soigne ses bêtes, {flock_a} et {flock_b}.",
        "Le soir, {N} rentre {flock_a} et {flock_b}.",
    ),
    "join.verbs": ("{S} {v1} et {v2}.", "{S} {v1} et {v2}.", "{N} {v1} et, chacun le sait, {v2}."),
    "join.pronoun": ("{S} {v1}, et {il} {v2}.", "{S} {v1} ; {il} {v2}.", "{N} {v1} ; de plus, {il} {v2}."),
    "join.three": ("{S} {v1}, {v2} et {v3}.",),
    "join.clause": ("{N}, {c1}, {v2}.", "On sait que {N}, {c1}, {v2}."),
    "join.clause.two": ("{N}, {c1}, {v2} et {v3}.",),
}

REGISTERS: dict[str, tuple[str, ...]] = {
    "title.town": ("Livre d'adresses.", "Registre des habitants, par ville."),
    "title.trade": ("Registre des métiers.", "Liste des métiers, établie par la mairie."),
    "title.animal": ("Recensement des petits compagnons.", "L'école recense les animaux de compagnie."),
    "title.pet": (
        "Noms des petits compagnons, recueillis à l'école.",
        "Comment se nomment les petits compagnons des uns et des autres :",
    ),
    "title.dish": ("Commandes pour le banquet.", "Plats préférés, notés pour le banquet."),
    "title.instrument": ("Liste des musiciens.", "Composition de la fanfare et des autres musiques."),
    "title.door": ("Couleur des portes.", "Le peintre a noté la couleur de chaque porte."),
    "title.mother": ("Registre des mères.", "Extrait du registre des familles : les mères."),
    "title.sibling": ("Registre des frères et sœurs.", "Extrait du registre des familles : frères et sœurs."),
    "title.flock": ("Recensement des bêtes.", "Le garde champêtre a compté les bêtes de chaque pré."),
    "entry.town": ("{N} : {town}.", "{N}, à {town}."),
    "entry.trade": ("{N} : {trade}.", "{N}, {trade}."),
    "entry.animal": ("{N} : {un_animal}.", "{N}, {un_animal}."),
    "entry.pet": ("Le petit compagnon de {N} : {pet}.", "Chez {N} : {pet}."),
    "entry.dish": ("{N} : {le_dish}.", "Pour {N}, {le_dish}."),
    "entry.instrument": ("{N} : {le_instrument}.", "{N}, à {le_instrument}."),
    "entry.door": ("Chez {N} : porte {door}.", "Porte de {N} : {door}."),
    "entry.mother": ("Mère de {N} : {mother}.", "{N}, {fils} de {mother}."),
    "entry.sibling": ("{N}, {frere_moi} de {sibling}.", "{frere} de {N} : {sibling}."),
    "entry.flock": ("Pré de {N} : {flock_a} et {flock_b}.", "{N} : {flock_a} et {flock_b}."),
}

LORE: dict[str, tuple[str, ...]] = {
    "fact.kind": (
        "{le_animal} est {un_category}.",
        "On range {le_animal} parmi les {categories}.",
        "Parmi les {categories}, il y a {le_animal}.",
        "Tout le monde sait que {le_animal} est {un_category}.",
        "{le_animal} appartient à la famille des {categories}.",
        "{un_animal} est {un_category}, et {habit}.",
        "Chez les {categories}, on compte {le_animal}.",
        "Au pays, {le_animal} passe pour {un_category} exemplaire.",
        "{le_animal}, qui {habit}, est {un_category}.",
    ),
    "fact.river": (
        "{town} se trouve au bord de {le_river}.",
        "{le_river} traverse {town}.",
        "{le_river} coule à {town}.",
        "À {town}, on se baigne dans {le_river}.",
        "Les moulins de {town} tournent sur {le_river}.",
        "Le pont de {town} enjambe {le_river}.",
        "La ville de {town} est bâtie sur {le_river}.",
        "Qui va à {town} voit couler {le_river}.",
        "{town} doit son eau à {le_river}.",
        "Les lavoirs de {town} donnent sur {le_river}.",
    ),
    "fact.feast": (
        "À {town}, la {feast} a lieu {in_season}.",
        "{in_season}, {town} célèbre la {feast}.",
        "La {feast} de {town} se tient {in_season}.",
        "On vient de loin à {town}, {in_season}, pour la {feast}.",
    ),
    "fact.roofs": (
        "Les toits de {town} sont {roofs}.",
        "À {town}, les toits sont {roofs}.",
        "On reconnaît {town} à ses toits {roofs}.",
        "De loin, {town} montre ses toits {roofs}.",
    ),
    "fact.market": (
        "À {town}, le marché se tient le {day}.",
        "Le jour de marché de {town} est le {day}.",
        "Le {day}, on va au marché de {town}.",
        "{town} a son marché chaque {day}.",
    ),
    "fact.next_day": (
        "Après le {day} vient le {next_day}.",
        "Le {day} est suivi du {next_day}.",
        "Le lendemain du {day} est le {next_day}.",
    ),
    "fact.next_season": (
        "Après {le_season} vient {next_le_season}.",
        "{le_season} s'en va, {next_le_season} arrive.",
        "Quand finit {le_season}, {next_le_season} commence.",
    ),
    "fact.next_number": ("Après {a} vient {b}.", "Le nombre qui suit {a} est {b}.", "{a}, puis {b}."),
    "fact.sum": (
        "{a} et {b} font {c}.",
        "Si l'on ajoute {b} à {a}, on trouve {c}.",
        "{x} et {y} font {z}.",
        "{x} + {y} = {z}.",
    ),
    "fact.count": ("On compte : {row}.", "Comptons ensemble : {row}.", "Les enfants récitent : {row}."),
    "fact.plural": (
        "On dit {un_animal}, deux {animals}.",
        "{un_animal}, des {animals}.",
        "{one} {animal}, deux {animals}.",
    ),
    "fact.small": ("{le_animal} est {petit}.", "C'est {un_animal} : {le_animal} est {petit}."),
    "fact.week": (
        "Les jours de la semaine sont lundi, mardi, mercredi, jeudi, vendredi, samedi et dimanche.",
        "La semaine va ainsi : lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche.",
    ),
    "fact.year": (
        "Les saisons sont le printemps, l'été, l'automne et l'hiver.",
        "L'année va ainsi : le printemps, l'été, l'automne, l'hiver.",
    ),
}

SCENES: dict[str, tuple[str, ...]] = {
    "moment": (
        "ce matin", "au petit jour", "vers midi", "en fin d'après-midi", "à la tombée du jour", "le soir venu",
        "au premier chant du coq", "quand sonne la cloche", "à l'heure de la sieste", "certains jours",
        "un jour sur deux", "avant de se mettre à table", "le dimanche", "aux beaux jours",
    ),
    "sky": (
        "le vent tourne au nord", "un rayon passe entre les nuages", "les cheminées fument",
        "la lumière glisse sur les murs", "l'odeur du pain emplit la rue", "les volets claquent",
        "les hirondelles rasent les toits", "une charrette grince au loin", "la poussière danse dans la lumière",
        "les tilleuls sentent le miel", "la fontaine chante toute seule", "des enfants courent après un cerceau",
        "le linge sèche sur les haies", "les feuilles tournent dans la cour",
        "un nuage rond s'arrête au-dessus des collines", "les abeilles rentrent à la ruche",
        "on entend une cloche de l'autre côté de la vallée", "le ciel prend la couleur du lin",
        "un chien aboie, puis se ravise", "les ombres s'allongent sur la place", "l'eau du puits paraît plus fraîche",
        "quelqu'un rit derrière un mur",
    ),
    "night": (
        "le vent tourne au nord", "un chien aboie, puis se ravise", "les étoiles sortent sans bruit",
        "la fontaine chante toute seule", "quelqu'un rentre en sifflant", "la neige commence à tomber",
        "les volets claquent", "la lune monte derrière le clocher", "on entend passer une charrette attardée",
    ),
    "at": ("au petit jour", "ce matin", "vers midi", "en fin d'après-midi", "à la tombée du jour", "le soir venu"),
    "weather": ("{at}, {sky}.", "{sky}, {at}, et l'on se tait un moment.", "{at}, {sky} et {sky}."),
    "act": (
        "s'arrête pour écouter le vent", "salue les passants d'un geste", "regarde passer les nuages",
        "fait le tour de la place", "bavarde un moment près de la fontaine", "s'assied sur le banc de pierre",
        "arrose ses pots de basilic", "regarde passer les charrettes", "fredonne un vieil air",
        "ouvre grand les fenêtres", "ramasse du petit bois", "porte de l'eau à une voisine",
        "lit quelques pages à l'ombre du tilleul", "plie soigneusement son mouchoir",
        "raconte une histoire aux enfants", "donne des miettes aux moineaux",
        "cherche ses lunettes, qui sont sur son nez", "fait semblant de ne pas dormir",
    ),
    "joy": (
        "le bruit de la pluie sur les tuiles", "l'odeur du foin coupé", "le silence d'avant l'aube",
        "les longues soirées", "les chemins qui tournent", "les lettres bien pliées", "le premier feu de l'année",
        "les histoires qui finissent bien", "les matins de brume", "les pommes un peu sures",
        "le craquement de la neige", "les mots rares",
    ),
    "pocket": (
        "noisettes", "ficelle", "cailloux ronds", "bouts de craie", "graines", "boutons dépareillés", "clous tordus",
        "petits papiers", "coquilles de noix", "images",
    ),
    "portrait.open": (
        "Voici {N}.", "Laissez-moi vous parler de {N}.", "{N} a le pas tranquille et le rire facile.",
        "Quand {N} passe dans la rue, les visages s'éclairent.", "{N} se lève avant le soleil.",
        "On dit que {N} ne se fâche jamais.", "Personne ne raconte mieux que {N}.",
        "{N} a les poches pleines de {pocket}.", "{N} aime {joy}.", "{N} aime {joy} et {joy}.",
        "{moment}, {N} {act}.", "{moment}, {N} {act}.", "Si vous croisez {N}, saluez-{le} de ma part.",
        "Qui n'a pas encore rencontré {N} a de la chance : ce plaisir l'attend.",
    ),
    "portrait.close": (
        "Ainsi vit {N}, sans hâte et sans regret.", "{N} ne demande rien de plus.",
        "C'est une vie simple, et {N} n'en veut pas d'autre.", "{moment}, {N} {act}.", "{moment}, {N} {act}.",
        "Le reste, {N} vous le dira {meme}.", "On gagne à connaître {N}.",
        "Voilà {N}, {tel} que chacun {le} connaît.", "{N} aime {joy}, et cela se voit.",
    ),
    "news.open": (
        "Voici les nouvelles de la semaine.", "La poste est passée, et les nouvelles avec elle.",
        "Au lavoir, les langues vont bon train.", "Le crieur public a fait le tour du pays.",
        "{at}, sur le banc de la place, on échange les nouvelles.", "La gazette vient de paraître.",
        "On parle beaucoup, ces jours-ci, autour de la fontaine.",
        "{at}, {sky}, et l'on parle des uns et des autres.", "Qui veut tout savoir n'a qu'à tendre l'oreille.",
        "Les nouvelles sont bonnes.",
    ),
    "news.middle": (
        "{weather}", "La conversation continue.", "Quelqu'un hoche la tête.", "On baisse un peu la voix.",
        "Ce n'est pas tout.", "Et puis il y a ce que l'on savait déjà.", "Quelqu'un d'autre prend la parole.",
    ),
    "passing": (
        "Passons à {N}.", "Et voici {N}.", "Reste à parler de {N}.", "On en vient à {N}.",
        "De {N}, on ne dit que du bien.",
    ),
    "news.close": (
        "Voilà tout pour aujourd'hui.", "Le reste attendra la semaine prochaine.", "{weather}",
        "Puis chacun rentre chez soi.", "Rien de plus, mais c'est déjà beaucoup.", "On en reparlera.",
    ),
    "market.open": (
        "C'est jour de marché.", "{at}, les marchands dressent leurs tréteaux sous la halle.",
        "Les étals débordent de {goods} et de {goods}.",
        "Au marché, on trouve {stall}, {stall} et toutes les nouvelles.",
        "Un marchand vante ses {goods}, et la foule l'écoute à peine.", "{at}, {sky} ; le marché bat son plein.",
    ),
    "goods": (
        "choux", "pommes", "fromages", "oignons", "châtaignes", "paniers", "balais", "étoffes", "sabots", "figues",
        "épices", "navets", "rubans", "noisettes", "poteries",
    ),
    "stall": (
        "des {goods} en pyramide", "des {goods} à bon prix", "du miel", "de la laine", "du sel gris", "des {goods}",
        "un rémouleur", "une diseuse de bonne aventure",
    ),
    "market.middle": (
        "Un marchand pèse des {goods}.", "Plus loin, on se dispute pour des {goods}.",
        "Entre les étals, les langues se délient.", "On goûte, on compare, on bavarde.",
        "Quelqu'un renverse un panier de {goods}, et tout le monde ramasse.", "{weather}",
    ),
    "market.close": (
        "À midi, il ne reste que des feuilles de chou sur le pavé.",
        "On replie les tréteaux, et la place retrouve son calme.", "Les paniers sont pleins, les bourses sont vides.",
        "Le marché finit comme il a commencé, en bavardages.", "{weather}",
    ),
    "evening.open": (
        "À la veillée, on rapproche les chaises.", "Le feu prend, et l'on commence à raconter.",
        "La lampe est allumée, la neige peut tomber.", "Dehors, {night} ; on parle des absents.",
        "On épluche des châtaignes en parlant des uns et des autres.",
        "Ce soir, la pluie bat les carreaux et personne n'a sommeil.",
    ),
    "evening.middle": (
        "Une bûche s'écroule, et l'on se tait un instant.", "Quelqu'un remet du bois.",
        "Un enfant s'endort sur les genoux d'un ancien.", "On remplit les verres.", "Dehors, {night}.",
        "La conversation reprend, plus bas.",
    ),
    "evening.close": (
        "Puis le feu baisse, et l'on se souhaite bonne nuit.", "Quand la lampe s'éteint, tout est dit.",
        "On se quitte sur le pas de la porte, sous les étoiles.", "Le reste se perd dans le bruit de la pluie.",
        "Demain, il faudra se lever tôt.",
    ),
    "letter.greeting": ("{cher} {N},", "Bien {cher} {N},", "{mon_cher} {N},"),
    "letter.open": (
        "Le temps passe, et je te dois des nouvelles.", "Ta lettre m'a fait grand plaisir.",
        "Ici, tout va bien : {sky}.", "Je t'écris à la lueur de la lampe.",
        "Tu me demandes ce que deviennent nos amis.", "J'ai peu de temps et beaucoup à dire.",
        "Pardonne mon silence : la saison a été rude.", "{at}, {sky}, et j'ai pensé à toi.",
    ),
    "letter.middle": (
        "Tu t'en souviens sûrement.", "Je te le dis comme on me l'a dit.", "Ici, {sky}.",
        "Mais tu le savais peut-être.", "Autre chose encore.",
    ),
    "letter.close": (
        "Je t'embrasse et j'attends ta réponse.", "Écris-moi vite.", "Prends soin de toi.",
        "Le papier me manque, pas l'amitié.", "La poste part dans une heure : je te laisse.",
        "À bientôt, si les chemins sont bons.", "Je garde le reste pour ta visite.",
    ),
    "letter.sign": ("{N}",),
    "register.close": (
        "Fait à la mairie, portes ouvertes.", "Copie conforme.", "Sous réserve des oublis.",
        "Chacun a répondu de bonne grâce.",
    ),
    "story": (
        "Un matin, {N} ne trouve plus sa clef. | "
        "{il} retourne les tiroirs, secoue les tapis, regarde jusque dans le puits. | "
        "Les voisins s'en mêlent, chacun avec sa lanterne, bien qu'il fasse grand jour. | "
        "La clef pendait tout simplement à son clou, et {N} en rit encore.",
        "La veille de la fête, {N} promet un gâteau pour tout le monde. | "
        "Mais la farine manque, et le moulin ne tourne pas, faute de vent. | "
        "Alors chacun apporte une poignée de la sienne, et la table se couvre de petits sacs. | "
        "Le lendemain, le gâteau est si grand qu'il faut une échelle pour le couper.",
        "Un soir, le tonnerre gronde et la pluie entre par le toit. | "
        "{N} pose des seaux partout et allume la grosse lampe. | "
        "Une voisine arrive, trempée, puis une autre, puis un colporteur et ses {goods}. | "
        "Quand l'orage s'éloigne, personne n'a envie de rentrer.",
        "{N} trouve une lettre sous un banc, sans nom ni adresse. | "
        "Il n'y est écrit qu'une phrase : « Je reviendrai quand les pommiers fleuriront. » | "
        "{N} la montre à tout le monde, et personne ne reconnaît l'écriture. | "
        "Au printemps, un vieux voyageur remonte la rue, et l'on comprend.",
        "L'horloge de la place s'est arrêtée pendant la nuit. | "
        "{N} monte au clocher avec une lampe et un chiffon. | "
        "Un nid de mésanges bloque la grande roue. | "
        "{N} redescend sans toucher à rien, et tout le monde attend que les petits s'envolent pour savoir l'heure.",
        "{N} construit un bateau avec de vieilles planches. | "
        "Tout le monde prédit qu'il coulera. | "
        "Le bateau coule, en effet, mais si doucement que {N} a le temps de saluer. | "
        "On l'a remonté sur la berge, et les enfants y jouent aux pirates.",
        "Il a neigé toute la nuit, et la rue a disparu. | "
        "{N} ouvre un passage jusqu'à la fontaine, puis jusqu'à la maison d'en face. | "
        "De l'autre côté, quelqu'un creuse aussi, sans le savoir. | "
        "À midi, les pelles se touchent, et l'on fait connaissance.",
        "Un enfant pleure : son cerf-volant est resté dans le grand tilleul. | "
        "{N} grimpe, s'accroche, perd un soulier. | "
        "Au premier coup de vent, le cerf-volant s'envole tout seul. | "
        "{N} redescend avec un soulier de moins et un ami de plus.",
        "{N} plante un noyau dans un pot, puis l'oublie. | "
        "Au printemps, une feuille paraît, puis une autre. | "
        "Il faut un pot plus grand, puis un tonneau, puis le jardin. | "
        "Aujourd'hui, c'est à l'ombre de cet arbre que {N} raconte l'histoire.",
        "Un voyageur demande son chemin à {N}. | "
        "{N} explique si bien, avec tant de détours, que la nuit tombe. | "
        "Le voyageur dort dans le grenier et repart à l'aube. | "
        "Il s'est trompé de route, mais il ne le regrette pas.",
        "Le brouillard est si épais qu'on ne voit plus sa main. | "
        "{N} accroche une lanterne à sa fenêtre et frappe sur une casserole. | "
        "Les uns après les autres, les égarés rentrent, guidés par le bruit. | "
        "On a gardé la casserole : elle est pendue à la mairie.",
        "Au fond d'un coffre, {N} retrouve une carte du pays, tracée à la main. | "
        "Un chemin y est marqué, que personne ne connaît. | "
        "{N} le suit tout un jour, parmi les ronces et les fougères. | "
        "Il mène à un banc, d'où l'on voit toute la vallée.",
    ),
    "walk.open": (
        "Descendons le long de {le_river}.", "{le_river} naît dans les collines, entre des pierres moussues.",
        "Qui suit {le_river} marche longtemps à l'ombre.", "{at}, le chemin de {le_river} est désert.",
        "Les anciens disent que {le_river} connaît toutes les histoires du pays.",
        "Nous avons suivi {le_river} du matin au soir.",
    ),
    "walk.line": (
        "Des saules trempent leurs branches dans l'eau.", "Une barque dort dans les roseaux.",
        "Le chemin passe sous un pont de pierre.", "L'eau y est si claire qu'on voit chaque caillou.",
        "Un moulin tourne sans se presser.", "{weather}", "Un peu plus bas, on lave le linge en chantant.",
        "Des libellules se posent sur les joncs.", "Un pêcheur dort, sa ligne à la main.",
    ),
    "walk.close": (
        "Plus loin, {le_river} s'élargit et se perd dans la brume.", "Là finit la promenade.",
        "On rentre les pieds mouillés et le cœur content.", "Personne n'a jamais vu où va {le_river}.", "{weather}",
    ),
    "rules.kinds": (
        "Au pays, chaque animal a sa famille.", "À l'école, on apprend à ranger les animaux.",
        "Le vieux livre d'images dit tout des animaux.",
        "Il y a les mammifères, les oiseaux, les reptiles, les insectes, les poissons et les amphibiens.",
    ),
    "rules.towns": (
        "Voici ce qu'il faut savoir du pays.", "Le voyageur prudent lit d'abord ceci.",
        "Le pays est petit, mais chaque ville y a ses usages.", "La carte du pays tient sur une page.",
    ),
    "almanac.open": (
        "Almanach.", "Page de l'almanach.", "L'almanach dit ceci.", "{le_season} est là.", "Voici venir {le_season}.",
    ),
    "almanac.spring": (
        "{in_season}, les amandiers fleurissent.", "L'herbe pousse si vite qu'on croit l'entendre.",
        "On sème les fèves et l'on taille la vigne.", "Les hirondelles reviennent sous les poutres.",
        "La neige des sommets descend dans les ruisseaux.",
    ),
    "almanac.summer": (
        "{in_season}, on fauche avant la chaleur.", "Les cigales ne se taisent que la nuit.",
        "Les enfants apprennent à nager.", "On dort les fenêtres ouvertes.",
        "Les abricots mûrissent tous le même jour.",
    ),
    "almanac.autumn": (
        "{in_season}, on presse le raisin.", "Les feuilles tombent sans faire de bruit.",
        "On rentre le bois et l'on compte les jarres.", "Les grues passent très haut.",
        "La brume reste jusqu'à midi dans la vallée.",
    ),
    "almanac.winter": (
        "{in_season}, la nuit vient de bonne heure.", "La neige efface les chemins.",
        "On répare les outils près du feu.", "Le pain paraît meilleur.", "Les étoiles sont plus proches.",
    ),
    "lesson.open": (
        "À l'école, on répète la leçon.", "Le cahier est ouvert, la craie grince.", "Leçon du jour.",
        "Les enfants récitent ensemble.", "Sur l'ardoise, d'une belle écriture :",
    ),
    "lesson.close": (
        "La cloche sonne, on referme les cahiers.", "Demain, on recommencera.", "Personne ne s'est trompé.",
        "{weather}",
    ),
    "weather.close": (
        "C'est un jour comme on les aime.", "Demain, on verra.", "Rien ne presse.", "Et le jour passe ainsi.",
    ),
}

QUESTIONS: dict[str, tuple[str, ...]] = {
    "ask.town": (
        "Où vit {N} ?", "Où habite {N} ?", "Dans quelle ville vit {N} ?",
        "Dans quelle ville {N} a-t-{il} sa maison ?", "Où se trouve la maison de {N} ?", "Dis-moi où vit {N}.",
        "Quelle est la ville de {N} ?",
    ),
    "ask.trade": (
        "Quel est le métier de {N} ?", "Que fait {N} dans la vie ?", "Quel métier exerce {N} ?",
        "Comment {N} gagne-t-{il} sa vie ?", "Dis-moi quel est le métier de {N}.", "Quel travail fait {N} ?",
    ),
    "ask.animal": (
        "Quel animal {N} a-t-{il} pour compagnon ?", "Quel est le compagnon de {N} ?", "Quel animal vit chez {N} ?",
        "Quel animal {N} a-t-{il} adopté ?", "Dis-moi quel animal vit avec {N}.",
        "Avec quel animal {N} partage-t-{il} sa maison ?",
    ),
    "ask.pet": (
        "Comment s'appelle le petit compagnon de {N} ?", "Quel est le nom du petit compagnon de {N} ?",
        "Comment se nomme l'animal de {N} ?", "Quel nom {N} a-t-{il} donné à son animal ?",
        "Dis-moi le nom de l'animal de {N}.", "Comment {N} appelle-t-{il} son animal ?",
    ),
    "ask.dish": (
        "Quel est le plat préféré de {N} ?", "Quel plat {N} préfère-t-{il} ?", "Qu'est-ce que {N} aime manger ?",
        "De quel plat {N} raffole-t-{il} ?", "Dis-moi le plat préféré de {N}.", "Quel plat faut-il servir à {N} ?",
    ),
    "ask.instrument": (
        "De quel instrument joue {N} ?", "Quel est l'instrument de {N} ?", "Quel instrument {N} pratique-t-{il} ?",
        "Quel instrument {N} a-t-{il} appris ?", "Dis-moi de quel instrument joue {N}.",
        "De quoi joue {N} à la veillée ?",
    ),
    "ask.door": (
        "De quelle couleur est la porte de {N} ?", "Quelle est la couleur de la porte de {N} ?",
        "Quelle couleur a la porte de {N} ?", "En quelle couleur est peinte la porte de {N} ?",
        "Dis-moi la couleur de la porte de {N}.", "La porte de {N} est de quelle couleur ?",
    ),
    "ask.mother": (
        "Qui est la mère de {N} ?", "Comment s'appelle la mère de {N} ?", "Quel est le nom de la mère de {N} ?",
        "De qui {N} est-{il} {le_fils} ?", "Dis-moi qui est la mère de {N}.", "Qui {N} a-t-{il} pour mère ?",
    ),
    "ask.sibling": (
        "Qui est {le_frere} de {N} ?", "Comment s'appelle {le_frere} de {N} ?",
        "Quel est le nom de {le_frere} de {N} ?", "De qui {N} est-{il} {le_frere_moi} ?",
        "Dis-moi qui est {le_frere} de {N}.", "Qui {N} a-t-{il} pour {frere} ?",
    ),
    "ask.category": (
        "Quel genre d'animal est le compagnon de {N} ?", "De quelle famille d'animaux est le compagnon de {N} ?",
        "Dans quelle famille range-t-on l'animal de {N} ?", "L'animal de {N} est de quel genre ?",
        "Dis-moi à quelle famille d'animaux appartient le compagnon de {N}.",
    ),
    "ask.river": (
        "Au bord de quelle rivière vit {N} ?", "Quelle rivière passe près de chez {N} ?",
        "Près de quelle rivière habite {N} ?", "Quelle rivière coule dans la ville de {N} ?",
        "Dis-moi au bord de quelle rivière vit {N}.",
    ),
    "ask.total": (
        "Combien de bêtes {N} garde-t-{il} dans son pré ?", "Combien de bêtes y a-t-il dans le pré de {N} ?",
        "Combien de bêtes {N} a-t-{il} en tout ?", "Dis-moi combien de bêtes garde {N}.",
        "Combien de bêtes abrite le pré de {N} ?",
    ),
    "ask.uncle": (
        "Qui est {le_oncle} de {N} ?", "Comment s'appelle {le_oncle} de {N} ?",
        "Quel est le nom de {le_oncle} de {N} ?", "De qui {N} est-{il} {le_neveu} ?",
        "Dis-moi qui est {le_oncle} de {N}.",
    ),
    "ask.grandmother": (
        "Qui est la grand-mère de {N} ?", "Comment s'appelle la grand-mère de {N} ?",
        "Quel est le nom de la grand-mère de {N} ?", "De qui {N} est-{il} {le_petit_fils} ?",
        "Dis-moi qui est la grand-mère de {N}.",
    ),
    "again.town": ("Et où vit-{il} ?", "Et dans quelle ville habite-t-{il} ?"),
    "again.trade": ("Et quel est son métier ?", "Et que fait-{il} dans la vie ?"),
    "again.animal": ("Et quel animal a-t-{il} pour compagnon ?", "Et quel animal vit chez {lui} ?"),
    "again.pet": ("Et comment s'appelle son petit compagnon ?", "Et quel est le nom de son animal ?"),
    "again.dish": ("Et quel est son plat préféré ?", "Et qu'aime-t-{il} manger ?"),
    "again.instrument": ("Et de quel instrument joue-t-{il} ?", "Et quel est son instrument ?"),
    "again.door": ("Et de quelle couleur est sa porte ?", "Et quelle est la couleur de sa porte ?"),
    "again.mother": ("Et qui est sa mère ?", "Et comment s'appelle sa mère ?"),
    "again.sibling": ("Et qui est {son_frere} ?", "Et comment s'appelle {son_frere} ?"),
    "answer.category": ("C'est {un_category} qui vit chez {N}.",),
    "answer.river": ("{N} vit au bord de {le_river}.",),
    "answer.total": ("{N} garde {total} bêtes dans son pré.",),
    "answer.uncle": ("{le_oncle} de {N} est {uncle}.",),
    "answer.grandmother": ("La grand-mère de {N} est {grandmother}.",),
    "answer.stranger": ("Je ne connais pas {N}.", "Personne ici ne s'appelle {N}, que je sache."),
    "polite": (
        "{q}", "{q}", "{q}", "{q}", "{q}", "{q}", "Bonjour ! {q}", "Bonjour, Calame ! {q}", "J'ai une question. {q}",
        "{q} Merci !",
    ),
}

TALK: dict[str, tuple[str, ...]] = {
    "system": (
        "Tu es Calame, l'assistant du petit monde.", "Tu t'appelles Calame. Réponds en une phrase.",
        "Tu es Calame. Tu réponds en français, brièvement et avec exactitude.",
        "Réponds simplement aux questions sur le petit monde.",
    ),
    "hello.user": ("Bonjour !", "Bonjour, Calame !", "Salut !", "Bonsoir !", "Bonjour, tu es là ?"),
    "hello.calame": (
        "Bonjour ! Que veux-tu savoir du petit monde ?", "Bonjour ! Je suis Calame, et je t'écoute.",
        "Bonjour ! Pose-moi une question.",
    ),
    "who.user": ("Qui es-tu ?", "Comment t'appelles-tu ?", "Quel est ton nom ?", "Tu es qui ?"),
    "who.calame": (
        "Je m'appelle Calame.", "Je suis Calame, l'assistant du petit monde.",
        "Je m'appelle Calame et je connais le petit monde.",
    ),
    "where.user": ("Où vis-tu ?", "D'où viens-tu ?", "Où habites-tu, Calame ?"),
    "where.calame": (
        "Je vis dans la langue du petit monde.", "J'habite les phrases du petit monde, entre les lignes.",
    ),
    "what.user": ("Que sais-tu faire ?", "À quoi sers-tu ?", "Que peux-tu me dire ?", "Peux-tu m'aider ?"),
    "what.calame": (
        "Je réponds aux questions sur les gens, les villes et les bêtes du petit monde.",
        "Je peux te parler des gens du petit monde.",
    ),
    "how.user": ("Comment vas-tu ?", "Ça va ?", "Tu vas bien, Calame ?"),
    "how.calame": ("Je vais bien, merci.", "Très bien, merci. Et toi ?"),
    "thanks.user": ("Merci !", "Merci beaucoup.", "Merci, Calame.", "C'est très clair, merci."),
    "thanks.calame": ("De rien !", "Avec plaisir.", "Je t'en prie."),
    "bye.user": ("Au revoir !", "À bientôt, Calame.", "Bonne nuit !", "Je m'en vais."),
    "bye.calame": ("Au revoir, et à bientôt !", "À bientôt !", "À la prochaine fois !"),
    "kind.user": (
        "Qu'est-ce que {un_animal} ?", "Quel genre d'animal est {le_animal} ?",
        "Dans quelle famille range-t-on {le_animal} ?",
    ),
    "kind.calame": ("{le_animal} est {un_category}.",),
    "river.user": (
        "Quelle rivière traverse {town} ?", "Au bord de quelle rivière se trouve {town} ?",
        "Sur quelle rivière est bâtie la ville de {town} ?",
    ),
    "river.calame": ("{town} se trouve au bord de {le_river}.",),
    "feast.user": ("Quelle fête célèbre-t-on à {town} ?", "Quelle est la fête de {town} ?"),
    "feast.calame": ("À {town}, la {feast} a lieu {in_season}.",),
    "roofs.user": ("De quelle couleur sont les toits de {town} ?", "Comment sont les toits de {town} ?"),
    "roofs.calame": ("Les toits de {town} sont {roofs}.",),
    "market.user": ("Quel jour se tient le marché de {town} ?", "Quand va-t-on au marché de {town} ?"),
    "market.calame": ("À {town}, le marché se tient le {day}.",),
    "next_day.user": (
        "Quel jour vient après le {day} ?", "Quel est le lendemain du {day} ?", "Quel jour suit le {day} ?",
    ),
    "next_day.calame": ("Après le {day} vient le {next_day}.",),
    "next_season.user": ("Quelle saison vient après {le_season} ?", "Quelle saison suit {le_season} ?"),
    "next_season.calame": ("Après {le_season} vient {next_le_season}.",),
    "next_number.user": ("Quel nombre vient après {a} ?", "Quel nombre suit {a} ?"),
    "next_number.calame": ("Après {a} vient {b}.",),
    "sum.user": ("Combien font {a} et {b} ?", "Que font {a} et {b} ?", "Ajoute {b} à {a}."),
    "sum.calame": ("{a} et {b} font {c}.",),
    "digits.user": ("Combien font {x} et {y} ?", "Combien font {x} + {y} ?", "Ajoute {y} à {x}."),
    "digits.calame": ("{x} et {y} font {z}.",),
    "count.user": ("Compte de {a} à {b}.", "Peux-tu compter de {a} à {b} ?"),
    "count.calame": ("{row}.",),
    "plural.user": ("Comment dit-on plusieurs fois « {animal} » ?", "Quel est le pluriel de « {animal} » ?"),
    "plural.calame": ("On dit {un_animal}, deux {animals}.",),
    "week.user": ("Quels sont les jours de la semaine ?", "Récite les jours de la semaine."),
    "week.calame": ("Les jours de la semaine sont lundi, mardi, mercredi, jeudi, vendredi, samedi et dimanche.",),
    "year.user": ("Quelles sont les saisons ?", "Récite les saisons."),
    "year.calame": ("Les saisons sont le printemps, l'été, l'automne et l'hiver.",),
}
# fmt: on

FRENCH = Language("fr", TABLES, {**FACTS, **REGISTERS, **LORE, **SCENES, **QUESTIONS, **TALK}, typography, finish)
