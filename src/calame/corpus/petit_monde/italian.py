"""Italian: words, articles, agreement, and the lines in which the little world is told."""

from __future__ import annotations

import re

from calame.corpus.petit_monde.language import Forms, Language, Tables, agreed, weekly, yearly
from calame.corpus.petit_monde.names import listed

VOWELS = "aeiouàèéìòù"
IMPURE = re.compile(r"s[^aeiouàèéìòù]|z|gn|ps|pn|x|y", re.IGNORECASE)
EUPHONY = re.compile(r"\b(?:([Ee]) (?=[eèéEÈÉ])|([Aa]) (?=[aA]))")
CONTRACTION = re.compile(r"\b([Dd]i|[Aa]|[Dd]a|[Ii]n|[Ss]u) (il |lo |la |i |gli |le |l’)")
STEMS = {"di": "de", "a": "a", "da": "da", "in": "ne", "su": "su"}
TAILS = {"il": "l", "lo": "llo", "la": "lla", "i": "i", "gli": "gli", "le": "lle", "l’": "ll’"}


def typography(text: str) -> str:
    """Curly apostrophes."""
    return text.replace("'", "’")


def _contract(match: re.Match[str]) -> str:
    preposition, article = match[1], match[2]
    stem = STEMS[preposition.lower()]
    if preposition[0].isupper():
        stem = stem.capitalize()
    return stem + TAILS[article.strip()] + (" " if article.endswith(" ") else "")


def finish(text: str) -> str:
    """Preposizioni articolate (« di il » becomes « del ») and euphonic d (« e Elmina » becomes « ed Elmina »)."""
    return EUPHONY.sub(r"\1\2d ", CONTRACTION.sub(_contract, text))


def definite(noun: str, gender: str) -> str:
    """The singular noun with il, lo, la or l’."""
    if noun[0].lower() in VOWELS:
        return f"l’{noun}"
    if gender == "f":
        return f"la {noun}"
    return f"{'lo' if IMPURE.match(noun) else 'il'} {noun}"


def indefinite(noun: str, gender: str) -> str:
    """The noun with un, uno, una or un’."""
    if gender == "f":
        return f"un’{noun}" if noun[0].lower() in VOWELS else f"una {noun}"
    return f"{'uno' if IMPURE.match(noun) else 'un'} {noun}"


def _trade(feminine: str, masculine: str, work: str) -> dict[str, Forms]:
    return {"f": {"trade": feminine, "work": work}, "m": {"trade": masculine, "work": work}}


def _animal(noun: str, gender: str, plural: str, habit: str) -> Forms:
    return {
        "animal": noun,
        "animals": plural,
        "un_animal": indefinite(noun, gender),
        "il_animal": definite(noun, gender),
        "il_suo_animal": f"{'il suo' if gender == 'm' else 'la sua'} {noun}",
        "piccolo": "piccolo" if gender == "m" else "piccola",
        "habit": typography(habit),
    }


def _category(noun: str, plural: str) -> Forms:
    article = "gli" if plural[0] in VOWELS or IMPURE.match(plural) else "i"
    return {"category": noun, "un_category": indefinite(noun, "m"), "le_categories": f"{article} {plural}"}


def _dish(dish: str, gender: str) -> Forms:
    dish = typography(dish)
    return {"dish": dish, "il_dish": definite(dish, gender)}


def _instrument(noun: str, gender: str = "m") -> Forms:
    suo = "il suo" if gender == "m" else "la sua"
    return {"instrument": noun, "il_instrument": definite(noun, gender), "il_suo_instrument": f"{suo} {noun}"}


def _colour(masculine: str, feminine: str, plural: str) -> Forms:
    return {"door": feminine, "door_m": masculine, "il_door_m": definite(masculine, "m"), "roofs": plural}


def _season(noun: str, gender: str) -> Forms:
    return {"season": noun, "il_season": definite(noun, gender), "in_season": f"in {noun}"}


def _day(noun: str, gender: str = "m") -> Forms:
    return {"day": noun, "il_day": definite(noun, gender)}


def _sibling(own: str, other: str) -> Forms:
    """Own word and the other's: « sorella », « fratello »."""
    suo = "suo" if other == "fratello" else "sua"
    both = {"fratello": "fratelli", "sorella": "sorelle"}[own] if own == other else "fratello e sorella"
    return {
        "fratello": other,
        "un_fratello": indefinite(other, "m" if other == "fratello" else "f"),
        "il_fratello": definite(other, "m" if other == "fratello" else "f"),
        "suo_fratello": f"{suo} {other}",
        "fratello_mio": own,
        "il_fratello_mio": definite(own, "m" if own == "fratello" else "f"),
        "fratelli": both,
    }


def _river(name: str, gender: str) -> Forms:
    return {"river": name, "il_river": definite(name, gender)}


TABLES = Tables(
    gender=agreed({
        "pronoun": ("", ""), "lui": ("lei", "lui"), "o": ("a", "o"), "lo": ("la", "lo"), "figlio": ("figlia", "figlio"),
        "il_figlio": ("la figlia", "il figlio"), "un_bravo": ("una brava", "un bravo"), "caro": ("cara", "caro"),
        "mio_caro": ("mia cara", "mio caro"), "il_nipote": ("la nipote", "il nipote"),
        "stesso": ("lei stessa", "lui stesso"), "gli": ("le", "gli"),
    }),
    trades={
        "baker": _trade("fornaia", "fornaio", "impasta il pane prima dell’alba"),
        "carpenter": _trade("falegname", "falegname", "pialla le assi"),
        "miller": _trade("mugnaia", "mugnaio", "macina il grano di tutto il paese"),
        "weaver": _trade("tessitrice", "tessitore", "lancia la spola da mattina a sera"),
        "potter": _trade("vasaia", "vasaio", "tornisce brocche e scodelle"),
        "gardener": _trade("giardiniera", "giardiniere", "pota le rose"),
        "clockmaker": _trade("orologiaia", "orologiaio", "carica le pendole del vicinato"),
        "bookseller": _trade("libraia", "libraio", "presta più libri di quanti ne venda"),
        "shepherd": _trade("pastora", "pastore", "porta le greggi al pascolo"),
        "beekeeper": _trade("apicoltrice", "apicoltore", "cura le arnie"),
        "tailor": _trade("sarta", "sarto", "cuce mantelli"),
        "cobbler": _trade("calzolaia", "calzolaio", "risuola le scarpe"),
        "printer": _trade("tipografa", "tipografo", "allinea i caratteri di piombo"),
        "glazier": _trade("vetraia", "vetraio", "mette i vetri alle finestre"),
        "teacher": _trade("maestra", "maestro", "insegna a leggere ai bambini"),
        "cheesemaker": _trade("casara", "casaro", "rivolta i formaggi in cantina"),
    },
    animals={
        "hedgehog": _animal("riccio", "m", "ricci", "dorme appallottolato"),
        "squirrel": _animal("scoiattolo", "m", "scoiattoli", "nasconde nocciole dappertutto"),
        "cat": _animal("gatto", "m", "gatti", "fa le fusa accanto al fuoco"),
        "owl": _animal("gufo", "m", "gufi", "apre gli occhi al calar della notte"),
        "blackbird": _animal("merlo", "m", "merli", "fischia fin dall'alba"),
        "magpie": _animal("gazza", "f", "gazze", "raccoglie tutto ciò che luccica"),
        "tortoise": _animal("tartaruga", "f", "tartarughe", "cammina senza fretta"),
        "lizard": _animal("lucertola", "f", "lucertole", "si scalda al sole"),
        "gecko": _animal("geco", "m", "gechi", "corre sui muri"),
        "cricket": _animal("grillo", "m", "grilli", "canta vicino al focolare"),
        "beetle": _animal("scarabeo", "m", "scarabei", "brilla come un bottone"),
        "ladybird": _animal("coccinella", "f", "coccinelle", "si posa su tutte le dita"),
        "carp": _animal("carpa", "f", "carpe", "gira piano nella sua vasca"),
        "trout": _animal("trota", "f", "trote", "guizza nell'acqua chiara"),
        "tench": _animal("tinca", "f", "tinche", "dorme in fondo allo stagno"),
        "frog": _animal("rana", "f", "rane", "salta al minimo rumore"),
        "toad": _animal("rospo", "m", "rospi", "canta sotto la pioggia"),
        "newt": _animal("tritone", "m", "tritoni", "si nasconde sotto le foglie dello stagno"),
    },
    categories={
        "mammal": _category("mammifero", "mammiferi"),
        "bird": _category("uccello", "uccelli"),
        "reptile": _category("rettile", "rettili"),
        "insect": _category("insetto", "insetti"),
        "fish": _category("pesce", "pesci"),
        "amphibian": _category("anfibio", "anfibi"),
    },
    dishes={
        "onion soup": _dish("zuppa di cipolle", "f"),
        "plum tart": _dish("crostata di prugne", "f"),
        "rice pudding": _dish("budino di riso", "m"),
        "omelette": _dish("frittata alle erbe", "f"),
        "pumpkin gratin": _dish("sformato di zucca", "m"),
        "polenta": _dish("polenta", "f"),
        "risotto": _dish("risotto ai funghi", "m"),
        "pear compote": _dish("composta di pere", "f"),
        "gingerbread": _dish("pan di zenzero", "m"),
        "walnut cake": _dish("torta di noci", "f"),
        "lentil salad": _dish("insalata di lenticchie", "f"),
        "cabbage stew": _dish("stufato di cavolo", "m"),
        "lemon cream": _dish("crema al limone", "f"),
        "brioche": _dish("brioche", "f"),
        "blackberry jam": _dish("marmellata di more", "f"),
        "chestnut puree": _dish("purea di castagne", "f"),
    },
    instruments={
        "violin": _instrument("violino"),
        "flute": _instrument("flauto"),
        "harp": _instrument("arpa", "f"),
        "accordion": _instrument("fisarmonica", "f"),
        "guitar": _instrument("chitarra", "f"),
        "drum": _instrument("tamburo"),
        "clarinet": _instrument("clarinetto"),
        "cello": _instrument("violoncello"),
        "trumpet": _instrument("tromba", "f"),
        "mandolin": _instrument("mandolino"),
        "piano": _instrument("pianoforte"),
        "oboe": _instrument("oboe"),
        "lute": _instrument("liuto"),
        "xylophone": _instrument("xilofono"),
        "organ": _instrument("organo"),
        "hurdy-gurdy": _instrument("ghironda", "f"),
    },
    colours={
        "red": _colour("rosso", "rossa", "rossi"),
        "blue": _colour("azzurro", "azzurra", "azzurri"),
        "green": _colour("verde", "verde", "verdi"),
        "yellow": _colour("giallo", "gialla", "gialli"),
        "white": _colour("bianco", "bianca", "bianchi"),
        "black": _colour("nero", "nera", "neri"),
        "grey": _colour("grigio", "grigia", "grigi"),
        "brown": _colour("marrone", "marrone", "marroni"),
        "pink": _colour("rosa", "rosa", "rosa"),
        "purple": _colour("viola", "viola", "viola"),
        "orange": _colour("arancione", "arancione", "arancioni"),
        "turquoise": _colour("turchese", "turchese", "turchesi"),
    },
    beasts={
        "goat": "capre", "hen": "galline", "sheep": "pecore", "goose": "oche", "duck": "anatre", "cow": "mucche",
        "donkey": "asini", "pig": "maiali",
    },
    feasts={
        "lanterns": {"feast": "festa delle lanterne"}, "bread": {"feast": "festa del pane"},
        "masks": {"feast": "festa delle maschere"}, "songs": {"feast": "festa delle canzoni"},
        "bells": {"feast": "festa delle campane"}, "candles": {"feast": "festa delle candele"},
        "boats": {"feast": "festa delle barche"}, "ribbons": {"feast": "festa dei nastri"},
        "kites": {"feast": "festa degli aquiloni"}, "mirrors": {"feast": "festa degli specchi"},
        "tales": {"feast": "festa dei racconti"}, "fires": {"feast": "festa dei fuochi"},
    },
    seasons=yearly({
        "spring": _season("primavera", "f"), "summer": _season("estate", "f"), "autumn": _season("autunno", "m"),
        "winter": _season("inverno", "m"),
    }),
    days=weekly({
        "monday": _day("lunedì"), "tuesday": _day("martedì"), "wednesday": _day("mercoledì"),
        "thursday": _day("giovedì"), "friday": _day("venerdì"), "saturday": _day("sabato"),
        "sunday": _day("domenica", "f"),
    }),
    siblings={
        "ff": _sibling("sorella", "sorella"), "fm": _sibling("sorella", "fratello"),
        "mf": _sibling("fratello", "sorella"), "mm": _sibling("fratello", "fratello"),
    },
    uncles={"f": {"zio": "zia", "lo_zio": "la zia"}, "m": {"zio": "zio", "lo_zio": "lo zio"}},
    rivers=_river,
    numbers=listed(
        "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici "
        "diciassette diciotto diciannove venti"
    ),
)  # fmt: skip

# fmt: off
FACTS: dict[str, tuple[str, ...]] = {
    # The first two lines of each relation are also the answers of the dialogues.
    "town": (
        "{S} vive a {town}.",
        "{S} abita a {town}.",
        "La casa di {N} si trova a {town}.",
        "{N} ha scelto di vivere a {town}.",
        "È a {town} che {N} ha la sua casa.",
        "Per trovare {N} bisogna andare a {town}.",
        "{N} non lascerebbe {town} per nulla al mondo.",
        "La posta di {N} arriva a {town}.",
        "{S} risiede a {town}, dove tutti {lo} conoscono.",
        "{N} conosce ogni pietra di {town}, dove abita.",
        "A {town} si saluta volentieri {N}, che vi abita.",
        "Da sempre {N} abita a {town}.",
    ),
    "town.verb": ("vive a {town}", "abita a {town}", "ha casa a {town}"),
    "town.clause": ("che vive a {town}", "che abita a {town}", "che ha casa a {town}"),
    "trade": (
        "{S} è {trade}.",
        "{S} lavora come {trade}.",
        "{N} esercita il mestiere di {trade}.",
        "{S} è {trade}: {work}.",
        "{N} si guadagna da vivere come {trade}.",
        "Come {trade}, {N} non ha eguali.",
        "{N} ha imparato molto presto il mestiere di {trade}.",
        "Si dice che {N} sia {un_bravo} {trade}.",
        "{N} è diventat{o} {trade} e ne va fier{o}.",
        "{S} {work}, perché è {trade}.",
        "Tutti sanno che {N} è {trade} di mestiere.",
        "A {N} piace il proprio mestiere: è {trade}.",
    ),
    "trade.verb": ("è {trade}", "lavora come {trade}", "esercita il mestiere di {trade}"),
    "trade.clause": ("{trade} di mestiere", "che è {trade}", "{trade} da molti anni"),
    "animal": (
        "{S} ha per compagno {un_animal}.",
        "Il compagno di {N} è {un_animal}.",
        "{N} divide la casa con {un_animal}.",
        "Da {N} vive {un_animal}, che {habit}.",
        "{N} ha adottato {un_animal}.",
        "{N} ha accolto {un_animal}, che {habit}.",
        "L'animale che {N} ha scelto è {un_animal}.",
        "Ogni sera {N} augura la buonanotte a {il_suo_animal}.",
        "{S} si prende cura di {il_suo_animal}, che {habit}.",
        "{N} non darebbe {il_suo_animal} per nulla al mondo.",
        "Tutto il vicinato conosce {il_animal} di {N}.",
        "L'unico compagno che {N} abbia mai voluto è {un_animal}.",
    ),
    "animal.verb": (
        "ha per compagno {un_animal}",
        "divide la casa con {un_animal}",
        "si prende cura di {il_suo_animal}",
    ),
    "animal.clause": ("che ha per compagno {un_animal}", "che ha adottato {un_animal}", "che bada a {il_suo_animal}"),
    "pet": (
        "Il piccolo compagno di {N} si chiama {pet}.",
        "L'animale di {N} si chiama {pet}.",
        "{N} ha dato al suo animale il nome di {pet}.",
        "Il piccolo compagno di {N} risponde al nome di {pet}.",
        "{N} chiama il suo animale {pet}.",
        "In casa di {N} l'animale si chiama {pet}.",
        "Il piccolo compagno di {N} porta il nome di {pet}.",
        "{N} ha trovato un bel nome per il suo animale: {pet}.",
        "{N} parla spesso di {pet}, il suo piccolo compagno.",
        "{S} ha un piccolo compagno di nome {pet}.",
        "È {pet} che tiene compagnia a {N}.",
        "Quando {N} dice «{pet}», chiama il suo piccolo compagno.",
    ),
    "pet.verb": ("ha un piccolo compagno di nome {pet}", "chiama il suo animale {pet}", "ha {pet} per compagno"),
    "pet.clause": ("il cui piccolo compagno si chiama {pet}", "il cui animale si chiama {pet}"),
    "dish": (
        "Il piatto preferito di {N} è {il_dish}.",
        "{S} ama sopra ogni cosa {il_dish}.",
        "{S} va matt{o} per {il_dish}.",
        "{N} preferisce {il_dish} a tutti gli altri piatti.",
        "Per {N} nessun piatto vale {il_dish}.",
        "A tavola niente piace tanto a {N} quanto {il_dish}.",
        "{N} fa sempre il bis di {dish}.",
        "Quando ha fame, {N} pensa a {il_dish}.",
        "{N} non si stanca mai di {il_dish}.",
        "Nei giorni di festa {N} reclama {il_dish}.",
        "La domenica {N} prepara il suo piatto preferito, {il_dish}.",
        "Un buon pranzo, per {N}, è {il_dish}.",
    ),
    "dish.verb": ("va matt{o} per {il_dish}", "ama sopra ogni cosa {il_dish}", "ha per piatto preferito {il_dish}"),
    "dish.clause": ("che va matt{o} per {il_dish}", "a cui nulla piace quanto {il_dish}"),
    "instrument": (
        "{S} suona {il_instrument}.",
        "Lo strumento di {N} è {il_instrument}.",
        "{N} studia {il_instrument} ogni giorno.",
        "{N} ha imparato a suonare {il_instrument} da bambin{o}.",
        "Si sente spesso {N} suonare {il_instrument}.",
        "{N} sa suonare {il_instrument}.",
        "Alle feste è {N} che suona {il_instrument}.",
        "A veglia {N} suona sempre {il_instrument}.",
        "{N} ha una passione: {il_instrument}.",
        "Niente consola {N} come {il_instrument}.",
        "{N} dedica le sue serate a {il_instrument}.",
        "{S} non lascia che altri tocchino {il_suo_instrument}.",
    ),
    "instrument.verb": ("suona {il_instrument}", "studia {il_instrument}", "sa suonare {il_instrument}"),
    "instrument.clause": ("che suona {il_instrument}", "che ha imparato a suonare {il_instrument}"),
    "door": (
        "La porta di {N} è {door}.",
        "{S} ha una porta {door}.",
        "{N} ha dipinto la sua porta di {door_m}.",
        "La casa di {N} ha una porta {door}.",
        "Si riconosce la casa di {N} dalla porta {door}.",
        "{N} vi aspetta dietro una porta {door}.",
        "A casa di {N} la porta è {door}.",
        "{N} apre ogni mattina la sua porta {door}.",
        "Per andare da {N}, cercate la porta {door}.",
        "La porta {door} è quella di {N}.",
        "Siccome a {N} piace {il_door_m}, la sua porta è {door}.",
        "La porta di {N} è dipinta di {door_m}.",
    ),
    "door.verb": (
        "ha una porta {door}",
        "ha dipinto la sua porta di {door_m}",
        "apre ai visitatori una porta {door}",
    ),
    "door.clause": ("la cui porta è {door}", "che ha una porta {door}"),
    "mother": (
        "La madre di {N} è {mother}.",
        "La madre di {N} si chiama {mother}.",
        "{S} è {il_figlio} di {mother}.",
        "{N} ha per madre {mother}.",
        "{N} va ogni settimana a trovare sua madre, {mother}.",
        "{N} ha il sorriso di sua madre, {mother}.",
        "{mother} è la madre di {N}.",
        "{N} chiede spesso consiglio a sua madre, {mother}.",
        "{N} deve il proprio nome a sua madre, {mother}.",
        "{N} scrive lunghe lettere a sua madre, {mother}.",
        "Quando {N} parla di sua madre, parla di {mother}.",
    ),
    "mother.verb": ("ha per madre {mother}", "è {il_figlio} di {mother}"),
    "mother.clause": ("{figlio} di {mother}", "la cui madre è {mother}"),
    "sibling": (
        "{il_fratello} di {N} è {sibling}.",
        "{il_fratello} di {N} si chiama {sibling}.",
        "{N} ha per {fratello} {sibling}.",
        "{N} è cresciut{o} con {suo_fratello}, {sibling}.",
        "{N} pensa spesso a {suo_fratello}, {sibling}.",
        "{N} assomiglia molto a {suo_fratello}, {sibling}.",
        "{N} e {sibling} sono {fratelli}.",
        "{N} può sempre contare sull'aiuto di {suo_fratello}, {sibling}.",
        "{N} è {il_fratello_mio} di {sibling}.",
        "{sibling} è {il_fratello} di {N}.",
        "{N} ha {un_fratello} che si chiama {sibling}.",
    ),
    "sibling.verb": ("ha per {fratello} {sibling}", "è {il_fratello_mio} di {sibling}"),
    "sibling.clause": ("{fratello_mio} di {sibling}", "{il_fratello_mio} di {sibling}"),
    "flock": (
        "{S} tiene nel recinto {flock_a} e {flock_b}.",
        "Nel recinto di {N} ci sono {flock_a} e {flock_b}.",
        "{N} nutre ogni mattina {flock_a} e {flock_b}.",
        "{S} possiede {flock_a} e {flock_b}.",
        "Il recinto di {N} ospita {flock_a} e {flock_b}.",
        "Dietro la casa di {N} vivono {flock_a} e {flock_b}.",
        "{N} ha {flock_a}; ha anche {flock_b}.",
        "{N} bada alle sue bestie, {flock_a} e {flock_b}.",
        "La sera {N} fa rientrare {flock_a} e {flock_b}.",
    ),
    "join.verbs": ("{S} {v1} e {v2}.", "{S} {v1} e {v2}.", "{N} {v1} e, come tutti sanno, {v2}."),
    "join.pronoun": ("{S} {v1}, e {v2}.", "{S} {v1}; inoltre {v2}.", "{N} {v1}; per di più {v2}."),
    "join.three": ("{S} {v1}, {v2} e {v3}.",),
    "join.clause": ("{N}, {c1}, {v2}.", "Si sa che {N}, {c1}, {v2}."),
    "join.clause.two": ("{N}, {c1}, {v2} e {v3}.",),
}

REGISTERS: dict[str, tuple[str, ...]] = {
    "title.town": ("Libro degli indirizzi.", "Registro degli abitanti, per città."),
    "title.trade": ("Registro dei mestieri.", "Elenco dei mestieri, redatto dal municipio."),
    "title.animal": ("Censimento dei piccoli compagni.", "La scuola censisce gli animali di casa."),
    "title.pet": (
        "Nomi dei piccoli compagni, raccolti a scuola.", "Come si chiamano gli animali degli uni e degli altri:",
    ),
    "title.dish": ("Ordini per il banchetto.", "Piatti preferiti, annotati per il banchetto."),
    "title.instrument": ("Elenco dei musicisti.", "Composizione della banda e delle altre musiche."),
    "title.door": ("Colore delle porte.", "L'imbianchino ha annotato il colore di ogni porta."),
    "title.mother": ("Registro delle madri.", "Estratto dal registro delle famiglie: le madri."),
    "title.sibling": (
        "Registro dei fratelli e delle sorelle.", "Estratto dal registro delle famiglie: fratelli e sorelle.",
    ),
    "title.flock": ("Censimento delle bestie.", "La guardia campestre ha contato le bestie di ogni recinto."),
    "entry.town": ("{N}: {town}.", "{N}, a {town}."),
    "entry.trade": ("{N}: {trade}.", "{N}, {trade}."),
    "entry.animal": ("{N}: {un_animal}.", "{N}, {un_animal}."),
    "entry.pet": ("L'animale di {N}: {pet}.", "In casa di {N}: {pet}."),
    "entry.dish": ("{N}: {il_dish}.", "Per {N}, {il_dish}."),
    "entry.instrument": ("{N}: {il_instrument}.", "{N}, a {il_instrument}."),
    "entry.door": ("A casa di {N}: porta {door}.", "Porta di {N}: {door}."),
    "entry.mother": ("Madre di {N}: {mother}.", "{N}, {figlio} di {mother}."),
    "entry.sibling": ("{N}, {fratello_mio} di {sibling}.", "{fratello} di {N}: {sibling}."),
    "entry.flock": ("Recinto di {N}: {flock_a} e {flock_b}.", "{N}: {flock_a} e {flock_b}."),
}

LORE: dict[str, tuple[str, ...]] = {
    "fact.kind": (
        "{il_animal} è {un_category}.",
        "{il_animal} si annovera fra {le_categories}.",
        "Fra {le_categories} c'è {il_animal}.",
        "Tutti sanno che {il_animal} è {un_category}.",
        "{il_animal} appartiene alla famiglia di {le_categories}.",
        "{un_animal} è {un_category} e {habit}.",
        "Fra {le_categories} si conta {il_animal}.",
        "In paese {il_animal} passa per {un_category} esemplare.",
        "{il_animal}, che {habit}, è {un_category}.",
    ),
    "fact.river": (
        "{town} si trova sulle rive di {il_river}.",
        "{il_river} attraversa {town}.",
        "{il_river} scorre a {town}.",
        "A {town} si fa il bagno in {il_river}.",
        "I mulini di {town} girano con l'acqua di {il_river}.",
        "Il ponte di {town} scavalca {il_river}.",
        "La città di {town} è costruita su {il_river}.",
        "Chi va a {town} vede scorrere {il_river}.",
        "{town} deve la sua acqua a {il_river}.",
        "I lavatoi di {town} danno su {il_river}.",
    ),
    "fact.feast": (
        "A {town} la {feast} si tiene {in_season}.",
        "{in_season} {town} celebra la {feast}.",
        "La {feast} di {town} cade {in_season}.",
        "Si viene da lontano a {town}, {in_season}, per la {feast}.",
    ),
    "fact.roofs": (
        "I tetti di {town} sono {roofs}.",
        "A {town} i tetti sono {roofs}.",
        "Si riconosce {town} dai suoi tetti {roofs}.",
        "Da lontano {town} mostra i suoi tetti {roofs}.",
    ),
    "fact.market": (
        "A {town} il mercato si tiene {il_day}.",
        "Il giorno di mercato di {town} è {il_day}.",
        "{il_day} si va al mercato di {town}.",
        "{town} ha il suo mercato ogni {day}.",
    ),
    "fact.next_day": (
        "Dopo {il_day} viene {next_il_day}.",
        "A {il_day} segue {next_il_day}.",
        "Il giorno che segue {il_day} è {next_il_day}.",
    ),
    "fact.next_season": (
        "Dopo {il_season} viene {next_il_season}.",
        "{il_season} se ne va, {next_il_season} arriva.",
        "Quando finisce {il_season}, comincia {next_il_season}.",
    ),
    "fact.next_number": ("Dopo {a} viene {b}.", "Il numero che segue {a} è {b}.", "{a}, poi {b}."),
    "fact.sum": (
        "{a} e {b} fanno {c}.",
        "Se si aggiunge {b} a {a}, si trova {c}.",
        "{x} e {y} fanno {z}.",
        "{x} + {y} = {z}.",
    ),
    "fact.count": ("Si conta: {row}.", "Contiamo insieme: {row}.", "I bambini recitano: {row}."),
    "fact.plural": (
        "Si dice {un_animal}, due {animals}.",
        "Prima {un_animal}, poi tre {animals}.",
        "{un_animal} e ancora {un_animal}: due {animals}.",
    ),
    "fact.small": ("{il_animal} è {piccolo}.", "Ecco {un_animal}: {il_animal} è {piccolo}."),
    "fact.week": (
        "I giorni della settimana sono lunedì, martedì, mercoledì, giovedì, venerdì, sabato e domenica.",
        "La settimana va così: lunedì, martedì, mercoledì, giovedì, venerdì, sabato, domenica.",
    ),
    "fact.year": (
        "Le stagioni sono la primavera, l'estate, l'autunno e l'inverno.",
        "L'anno va così: la primavera, l'estate, l'autunno, l'inverno.",
    ),
}

SCENES: dict[str, tuple[str, ...]] = {
    "moment": (
        "stamattina", "allo spuntar del giorno", "verso mezzogiorno", "nel tardo pomeriggio", "al tramonto", "a sera",
        "al primo canto del gallo", "quando suona la campana", "all'ora della siesta", "certi giorni",
        "un giorno su due", "prima di mettersi a tavola", "la domenica", "nella bella stagione",
    ),
    "sky": (
        "il vento gira a tramontana", "un raggio passa fra le nuvole", "i camini fumano", "la luce scivola sui muri",
        "l'odore del pane riempie la strada", "le imposte sbattono", "le rondini sfiorano i tetti",
        "un carro cigola in lontananza", "la polvere danza nella luce", "i tigli odorano di miele",
        "la fontana canta da sola", "i bambini corrono dietro a un cerchio", "i panni asciugano sulle siepi",
        "le foglie girano nel cortile", "una nuvola tonda si ferma sopra le colline", "le api rientrano all'alveare",
        "si sente una campana dall'altra parte della valle", "il cielo prende il colore del lino",
        "un cane abbaia, poi ci ripensa", "le ombre si allungano sulla piazza", "l'acqua del pozzo sembra più fresca",
        "qualcuno ride dietro un muro",
    ),
    "night": (
        "il vento gira a tramontana", "un cane abbaia, poi ci ripensa", "le stelle escono senza rumore",
        "la fontana canta da sola", "qualcuno rientra fischiettando", "la neve comincia a cadere",
        "le imposte sbattono", "la luna sale dietro il campanile", "si sente passare un carro attardato",
    ),
    "at": (
        "allo spuntar del giorno", "stamattina", "verso mezzogiorno", "nel tardo pomeriggio", "al tramonto", "a sera",
    ),
    "weather": ("{at} {sky}.", "{sky}, {at}, e per un momento si tace.", "{at} {sky} e {sky}."),
    "act": (
        "si ferma ad ascoltare il vento", "saluta i passanti con un cenno", "guarda passare le nuvole",
        "fa il giro della piazza", "chiacchiera un momento vicino alla fontana", "si siede sulla panca di pietra",
        "annaffia i vasi di basilico", "guarda passare i carri", "canticchia una vecchia aria",
        "spalanca le finestre", "raccoglie legna minuta", "porta l'acqua a una vicina",
        "legge qualche pagina all'ombra del tiglio", "piega con cura il fazzoletto", "racconta una storia ai bambini",
        "dà briciole ai passeri", "cerca gli occhiali, che ha sul naso", "fa finta di non dormire",
    ),
    "joy": (
        "il rumore della pioggia sulle tegole", "l'odore del fieno tagliato", "il silenzio prima dell'alba",
        "le lunghe serate", "i sentieri che girano", "le lettere ben piegate", "il primo fuoco dell'anno",
        "le storie che finiscono bene", "le mattine di nebbia", "le mele un po' aspre", "lo scricchiolio della neve",
        "le parole rare",
    ),
    "pocket": (
        "nocciole", "spago", "sassi tondi", "pezzi di gesso", "semi", "bottoni spaiati", "chiodi storti", "foglietti",
        "gusci di noce", "figurine",
    ),
    "portrait.open": (
        "Ecco {N}.", "Lasciate che vi parli di {N}.", "{N} ha il passo tranquillo e il riso facile.",
        "Quando {N} passa per la strada, i visi si illuminano.", "{N} si alza prima del sole.",
        "Si dice che {N} non si arrabbi mai.", "Nessuno racconta meglio di {N}.",
        "{N} ha le tasche piene di {pocket}.", "{N} ama {joy}.", "{N} ama {joy} e {joy}.", "{moment} {N} {act}.",
        "{moment} {N} {act}.", "Se incontrate {N}, salutate{lo} da parte mia.",
        "Chi non ha ancora incontrato {N} ha fortuna: quel piacere deve ancora venire.",
    ),
    "portrait.close": (
        "Così vive {N}, senza fretta e senza rimpianti.", "{N} non chiede di più.",
        "È una vita semplice, e {N} non ne vuole un'altra.", "{moment} {N} {act}.", "{moment} {N} {act}.",
        "Il resto ve lo dirà {N}, di persona.", "Conoscere {N} è una fortuna.",
        "Ecco {N}, così come tutti {lo} conoscono.", "{N} ama {joy}, e si vede.",
    ),
    "news.open": (
        "Ecco le notizie della settimana.", "È passata la posta, e con lei le notizie.",
        "Al lavatoio le lingue non si fermano.", "Il banditore ha fatto il giro del paese.",
        "{at}, sulla panca della piazza, ci si scambiano le notizie.", "È appena uscita la gazzetta.",
        "Si parla molto, in questi giorni, intorno alla fontana.", "{at} {sky}, e si parla degli uni e degli altri.",
        "Chi vuol sapere tutto non ha che da tendere l'orecchio.", "Le notizie sono buone.",
    ),
    "news.middle": (
        "{weather}", "La conversazione continua.", "Qualcuno annuisce.", "Si abbassa un poco la voce.",
        "Non è tutto.", "E poi c'è quello che si sapeva già.", "Qualcun altro prende la parola.",
    ),
    "passing": (
        "Passiamo a {N}.", "Ed ecco {N}.", "Resta da parlare di {N}.", "Si viene a {N}.", "Di {N} si dice solo bene.",
    ),
    "news.close": (
        "Per oggi è tutto.", "Il resto aspetterà la settimana prossima.", "{weather}", "Poi ognuno torna a casa.",
        "Niente di più, ma è già molto.", "Se ne riparlerà.",
    ),
    "market.open": (
        "È giorno di mercato.", "{at} i mercanti montano i banchi sotto la loggia.",
        "I banchi traboccano di {goods} e di {goods}.", "Al mercato si trovano {stall}, {stall} e tutte le notizie.",
        "Un mercante vanta le sue merci, e la folla ascolta appena.", "{at} {sky}; il mercato è nel pieno.",
    ),
    "goods": (
        "cavoli", "mele", "formaggi", "cipolle", "castagne", "ceste", "scope", "stoffe", "zoccoli", "fichi", "spezie",
        "rape", "nastri", "nocciole", "stoviglie",
    ),
    "stall": (
        "{goods} a piramide", "{goods} a buon prezzo", "miele", "lana", "sale grosso", "{goods}", "un arrotino",
        "un'indovina",
    ),
    "market.middle": (
        "Un mercante pesa {goods}.", "Più in là si litiga per {goods} e {goods}.",
        "Tra i banchi le lingue si sciolgono.", "Si assaggia, si confronta, si chiacchiera.",
        "Qualcuno rovescia un cesto di {goods}, e tutti raccolgono.", "{weather}",
    ),
    "market.close": (
        "A mezzogiorno sul selciato restano solo foglie di cavolo.",
        "Si smontano i banchi, e la piazza ritrova la calma.", "Le ceste sono piene, le borse sono vuote.",
        "Il mercato finisce com'è cominciato, in chiacchiere.", "{weather}",
    ),
    "evening.open": (
        "A veglia si avvicinano le sedie.", "Il fuoco prende, e si comincia a raccontare.",
        "La lampada è accesa, può anche nevicare.", "Fuori {night}; si parla degli assenti.",
        "Si sbucciano castagne parlando degli uni e degli altri.",
        "Stasera la pioggia batte sui vetri e nessuno ha sonno.",
    ),
    "evening.middle": (
        "Un ceppo crolla, e per un istante si tace.", "Qualcuno aggiunge legna.",
        "Un bambino si addormenta sulle ginocchia di un anziano.", "Si riempiono i bicchieri.", "Fuori {night}.",
        "La conversazione riprende, più bassa.",
    ),
    "evening.close": (
        "Poi il fuoco si abbassa, e ci si augura la buonanotte.", "Quando si spegne la lampada, tutto è detto.",
        "Ci si lascia sulla soglia, sotto le stelle.", "Il resto si perde nel rumore della pioggia.",
        "Domani bisognerà alzarsi presto.",
    ),
    "letter.greeting": ("{caro} {N},", "{mio_caro} {N},"),
    "letter.open": (
        "Il tempo passa, e ti devo qualche notizia.", "La tua lettera mi ha fatto un gran piacere.",
        "Qui va tutto bene: {sky}.", "Ti scrivo al lume della lampada.", "Mi chiedi che ne è dei nostri amici.",
        "Ho poco tempo e molto da dire.", "Perdona il mio silenzio: la stagione è stata dura.",
        "{at} {sky}, e ho pensato a te.",
    ),
    "letter.middle": (
        "Te ne ricordi di certo.", "Te lo dico come me l'hanno detto.", "Qui {sky}.", "Ma forse lo sapevi.",
        "Un'altra cosa ancora.",
    ),
    "letter.close": (
        "Ti abbraccio e aspetto la tua risposta.", "Scrivimi presto.", "Abbi cura di te.",
        "Mi manca la carta, non l'amicizia.", "La posta parte fra un'ora: ti lascio.",
        "A presto, se le strade sono buone.", "Serbo il resto per la tua visita.",
    ),
    "letter.sign": ("{N}",),
    "register.close": (
        "Fatto in municipio, a porte aperte.", "Copia conforme.", "Salvo dimenticanze.",
        "Ognuno ha risposto di buon grado.",
    ),
    "story": (
        "Una mattina {N} non trova più la chiave. | "
        "Rovescia i cassetti, scuote i tappeti, guarda perfino nel pozzo. | "
        "Ci si mettono anche i vicini, ognuno con la sua lanterna, benché sia giorno fatto. | "
        "La chiave pendeva semplicemente dal suo chiodo, e {N} ne ride ancora.",
        "La vigilia della festa {N} promette un dolce per tutti. | "
        "Ma manca la farina, e il mulino non gira per mancanza di vento. | "
        "Allora ognuno porta una manciata della propria, e la tavola si copre di sacchetti. | "
        "Il giorno dopo il dolce è così grande che ci vuole una scala per tagliarlo.",
        "Una sera il tuono brontola e la pioggia entra dal tetto. | "
        "{N} mette secchi dappertutto e accende la lampada grande. | "
        "Arriva una vicina, fradicia, poi un'altra, poi un merciaio carico di {goods}. | "
        "Quando il temporale si allontana, nessuno ha voglia di tornare a casa.",
        "{N} trova una lettera sotto una panca, senza nome né indirizzo. | "
        "C'è scritta una sola frase: «Tornerò quando fioriranno i meli.» | "
        "{N} la mostra a tutti, e nessuno riconosce la scrittura. | "
        "In primavera un vecchio viaggiatore risale la strada, e si capisce.",
        "L'orologio della piazza si è fermato durante la notte. | "
        "{N} sale sul campanile con una lampada e uno straccio. | "
        "Un nido di cince blocca la ruota grande. | "
        "{N} scende senza toccare nulla, e tutti aspettano che i piccoli prendano il volo per sapere l'ora.",
        "{N} costruisce una barca con vecchie assi. | "
        "Tutti predicono che affonderà. | "
        "La barca affonda, infatti, ma così piano che {N} ha il tempo di salutare. | "
        "L'hanno tirata sulla riva, e i bambini ci giocano ai pirati.",
        "Ha nevicato tutta la notte, e la strada è scomparsa. | "
        "{N} apre un passaggio fino alla fontana, poi fino alla casa di fronte. | "
        "Dall'altra parte anche qualcun altro scava, senza saperlo. | "
        "A mezzogiorno le pale si toccano, e si fa conoscenza.",
        "Un bambino piange: il suo aquilone è rimasto sul grande tiglio. | "
        "{N} si arrampica, si aggrappa, perde una scarpa. | "
        "Al primo colpo di vento l'aquilone vola via da solo. | "
        "{N} scende con una scarpa in meno e un amico in più.",
        "{N} pianta un nocciolo in un vaso e se ne dimentica. | "
        "In primavera spunta una foglia, poi un'altra. | "
        "Ci vuole un vaso più grande, poi una botte, poi il giardino. | "
        "Oggi è all'ombra di quell'albero che {N} racconta la storia.",
        "Un viaggiatore chiede la strada a {N}. | "
        "{N} la spiega così bene, con tanti giri, che scende la notte. | "
        "Il viaggiatore dorme nel fienile e riparte all'alba. | "
        "Ha sbagliato strada, ma non se ne pente.",
        "La nebbia è così fitta che non ci si vede più la mano. | "
        "{N} appende una lanterna alla finestra e batte su una pentola. | "
        "Uno dopo l'altro gli smarriti rientrano, guidati dal rumore. | "
        "La pentola l'hanno conservata: è appesa in municipio.",
        "In fondo a un baule {N} ritrova una carta del paese, tracciata a mano. | "
        "C'è segnato un sentiero che nessuno conosce. | "
        "{N} lo segue per un giorno intero, fra i rovi e le felci. | "
        "Porta a una panca, da cui si vede tutta la valle.",
    ),
    "walk.open": (
        "Scendiamo lungo {il_river}.", "{il_river} nasce sulle colline, fra pietre coperte di muschio.",
        "Chi segue {il_river} cammina a lungo all'ombra.", "{at} il sentiero di {il_river} è deserto.",
        "Gli anziani dicono che {il_river} conosce tutte le storie del paese.",
        "Abbiamo seguito {il_river} dal mattino alla sera.",
    ),
    "walk.line": (
        "I salici bagnano i rami nell'acqua.", "Una barca dorme fra le canne.",
        "Il sentiero passa sotto un ponte di pietra.", "L'acqua è così limpida che si vede ogni sasso.",
        "Un mulino gira senza fretta.", "{weather}", "Un po' più a valle si lavano i panni cantando.",
        "Le libellule si posano sui giunchi.", "Un pescatore dorme, con la lenza in mano.",
    ),
    "walk.close": (
        "Più lontano {il_river} si allarga e si perde nella bruma.", "Lì finisce la passeggiata.",
        "Si rientra con i piedi bagnati e il cuore contento.", "Nessuno ha mai visto dove va {il_river}.",
        "{weather}",
    ),
    "rules.kinds": (
        "In paese ogni animale ha la sua famiglia.", "A scuola si impara a ordinare gli animali.",
        "Il vecchio libro illustrato dice tutto degli animali.",
        "Ci sono i mammiferi, gli uccelli, i rettili, gli insetti, i pesci e gli anfibi.",
    ),
    "rules.towns": (
        "Ecco quel che bisogna sapere del paese.", "Il viaggiatore prudente legge prima questo.",
        "Il paese è piccolo, ma ogni città ha le sue usanze.", "La carta del paese sta in una pagina.",
    ),
    "almanac.open": (
        "Almanacco.", "Pagina dell'almanacco.", "Così dice l'almanacco.", "{il_season} è qui.",
        "Ecco che arriva {il_season}.",
    ),
    "almanac.spring": (
        "{in_season} fioriscono i mandorli.", "L'erba cresce così in fretta che sembra di sentirla.",
        "Si seminano le fave e si pota la vigna.", "Le rondini tornano sotto le travi.",
        "La neve delle cime scende nei ruscelli.",
    ),
    "almanac.summer": (
        "{in_season} si falcia prima del caldo.", "Le cicale tacciono solo di notte.",
        "I bambini imparano a nuotare.", "Si dorme con le finestre aperte.",
        "Le albicocche maturano tutte lo stesso giorno.",
    ),
    "almanac.autumn": (
        "{in_season} si pigia l'uva.", "Le foglie cadono senza far rumore.",
        "Si mette al riparo la legna e si contano le giare.", "Le gru passano altissime.",
        "La nebbia resta nella valle fino a mezzogiorno.",
    ),
    "almanac.winter": (
        "{in_season} la notte viene presto.", "La neve cancella i sentieri.",
        "Si riparano gli attrezzi accanto al fuoco.", "Il pane sembra più buono.", "Le stelle sono più vicine.",
    ),
    "lesson.open": (
        "A scuola si ripete la lezione.", "Il quaderno è aperto, il gesso stride.", "Lezione del giorno.",
        "I bambini recitano insieme.", "Sulla lavagna, in bella scrittura:",
    ),
    "lesson.close": (
        "Suona la campanella, si chiudono i quaderni.", "Domani si ricomincia.", "Nessuno ha sbagliato.", "{weather}",
    ),
    "weather.close": (
        "È un giorno di quelli che piacciono.", "Domani si vedrà.", "Non c'è fretta.", "E così passa il giorno.",
    ),
}

QUESTIONS: dict[str, tuple[str, ...]] = {
    "ask.town": (
        "Dove vive {N}?", "Dove abita {N}?", "In quale città vive {N}?", "In quale città ha casa {N}?",
        "Dove si trova la casa di {N}?", "Dimmi dove vive {N}.", "Qual è la città di {N}?",
    ),
    "ask.trade": (
        "Che mestiere fa {N}?", "Qual è il mestiere di {N}?", "Che lavoro fa {N}?", "Quale mestiere esercita {N}?",
        "Dimmi qual è il mestiere di {N}.", "Come si guadagna da vivere {N}?",
    ),
    "ask.animal": (
        "Quale animale ha {N} per compagno?", "Qual è il compagno di {N}?", "Quale animale vive in casa di {N}?",
        "Quale animale ha adottato {N}?", "Dimmi quale animale vive con {N}.",
        "Con quale animale divide la casa {N}?",
    ),
    "ask.pet": (
        "Come si chiama il piccolo compagno di {N}?", "Qual è il nome del piccolo compagno di {N}?",
        "Come si chiama l'animale di {N}?", "Che nome ha dato {N} al suo animale?",
        "Dimmi il nome dell'animale di {N}.", "Come chiama {N} il suo animale?",
    ),
    "ask.dish": (
        "Qual è il piatto preferito di {N}?", "Quale piatto preferisce {N}?", "Che cosa piace mangiare a {N}?",
        "Per quale piatto va matt{o} {N}?", "Dimmi il piatto preferito di {N}.",
        "Quale piatto bisogna servire a {N}?",
    ),
    "ask.instrument": (
        "Quale strumento suona {N}?", "Qual è lo strumento di {N}?", "Che strumento studia {N}?",
        "Che cosa suona {N} a veglia?", "Dimmi quale strumento suona {N}.", "Quale strumento ha imparato {N}?",
    ),
    "ask.door": (
        "Di che colore è la porta di {N}?", "Qual è il colore della porta di {N}?", "Che colore ha la porta di {N}?",
        "Di quale colore è dipinta la porta di {N}?", "Dimmi il colore della porta di {N}.",
        "La porta di {N} di che colore è?",
    ),
    "ask.mother": (
        "Chi è la madre di {N}?", "Come si chiama la madre di {N}?", "Qual è il nome della madre di {N}?",
        "Di chi è {figlio} {N}?", "Dimmi chi è la madre di {N}.", "Chi ha per madre {N}?",
    ),
    "ask.sibling": (
        "Chi è {il_fratello} di {N}?", "Come si chiama {il_fratello} di {N}?",
        "Qual è il nome di {il_fratello} di {N}?", "Di chi è {fratello_mio} {N}?",
        "Dimmi chi è {il_fratello} di {N}.", "Chi ha per {fratello} {N}?",
    ),
    "ask.category": (
        "Che genere di animale è il compagno di {N}?", "Di quale famiglia di animali è il compagno di {N}?",
        "In quale famiglia si mette l'animale di {N}?", "L'animale di {N} di che genere è?",
        "Dimmi a quale famiglia di animali appartiene il compagno di {N}.",
    ),
    "ask.river": (
        "Sulle rive di quale fiume vive {N}?", "Quale fiume passa vicino alla casa di {N}?",
        "Vicino a quale fiume abita {N}?", "Quale fiume scorre nella città di {N}?",
        "Dimmi sulle rive di quale fiume vive {N}.",
    ),
    "ask.total": (
        "Quante bestie tiene {N} nel recinto?", "Quante bestie ci sono nel recinto di {N}?",
        "Quante bestie ha {N} in tutto?", "Dimmi quante bestie tiene {N}.", "Quante bestie ospita il recinto di {N}?",
    ),
    "ask.uncle": (
        "Chi è {lo_zio} di {N}?", "Come si chiama {lo_zio} di {N}?", "Qual è il nome di {lo_zio} di {N}?",
        "Di quale {zio} è nipote {N}?", "Dimmi chi è {lo_zio} di {N}.",
    ),
    "ask.grandmother": (
        "Chi è la nonna di {N}?", "Come si chiama la nonna di {N}?", "Qual è il nome della nonna di {N}?",
        "Di quale nonna è nipote {N}?", "Dimmi chi è la nonna di {N}.",
    ),
    "again.town": ("E dove vive?", "E in quale città abita?"),
    "again.trade": ("E che mestiere fa?", "E qual è il suo mestiere?"),
    "again.animal": ("E quale animale ha per compagno?", "E quale animale vive in casa sua?"),
    "again.pet": ("E come si chiama il suo piccolo compagno?", "E qual è il nome del suo animale?"),
    "again.dish": ("E qual è il suo piatto preferito?", "E che cosa {gli} piace mangiare?"),
    "again.instrument": ("E quale strumento suona?", "E qual è il suo strumento?"),
    "again.door": ("E di che colore è la sua porta?", "E qual è il colore della sua porta?"),
    "again.mother": ("E chi è sua madre?", "E come si chiama sua madre?"),
    "again.sibling": ("E chi è {suo_fratello}?", "E come si chiama {suo_fratello}?"),
    "answer.category": ("È {un_category} che vive con {N}.",),
    "answer.river": ("{N} vive sulle rive di {il_river}.",),
    "answer.total": ("{N} tiene {total} bestie nel recinto.",),
    "answer.uncle": ("{lo_zio} di {N} è {uncle}.",),
    "answer.grandmother": ("La nonna di {N} è {grandmother}.",),
    "answer.stranger": ("Non conosco {N}.", "Qui nessuno si chiama {N}, che io sappia."),
    "polite": (
        "{q}", "{q}", "{q}", "{q}", "{q}", "{q}", "Buongiorno! {q}", "Ciao, Calame! {q}", "Ho una domanda. {q}",
        "{q} Grazie!",
    ),
}

TALK: dict[str, tuple[str, ...]] = {
    "system": (
        "Il tuo nome è Calame: assisti chi visita il piccolo mondo.", "Ti chiami Calame. Rispondi con una frase.",
        "Rispondi in italiano, in breve e con esattezza, come fa Calame.",
        "Rispondi semplicemente alle domande sul piccolo mondo.",
    ),
    "hello.user": ("Buongiorno!", "Ciao, Calame!", "Salve!", "Buonasera!", "Buongiorno, mi ascolti?"),
    "hello.calame": (
        "Buongiorno! Che cosa vuoi sapere del piccolo mondo?", "Buongiorno! Sono Calame, e ti ascolto.",
        "Buongiorno! Fammi una domanda.",
    ),
    "who.user": ("Chi sei?", "Come ti chiami?", "Qual è il tuo nome?", "Tu chi sei?"),
    "who.calame": (
        "Mi chiamo Calame.", "Sono Calame, l'assistente del piccolo mondo.",
        "Mi chiamo Calame e conosco il piccolo mondo.",
    ),
    "where.user": ("Dove vivi?", "Da dove vieni?", "Dove abiti, Calame?"),
    "where.calame": ("Vivo nella lingua del piccolo mondo.", "Abito le frasi del piccolo mondo, fra le righe."),
    "what.user": ("Che cosa sai fare?", "A che cosa servi?", "Che cosa mi puoi dire?", "Mi puoi aiutare?"),
    "what.calame": (
        "Rispondo alle domande sulla gente, le città e le bestie del piccolo mondo.",
        "Ti posso parlare della gente del piccolo mondo.",
    ),
    "how.user": ("Come stai?", "Tutto bene?", "Stai bene, Calame?"),
    "how.calame": ("Sto bene, grazie.", "Benissimo, grazie. E tu?"),
    "thanks.user": ("Grazie!", "Grazie mille.", "Grazie, Calame.", "È chiarissimo, grazie."),
    "thanks.calame": ("Di nulla!", "Volentieri.", "Prego."),
    "bye.user": ("Arrivederci!", "A presto, Calame.", "Buonanotte!", "Me ne vado."),
    "bye.calame": ("Arrivederci, e a presto!", "A presto!", "Alla prossima!"),
    "kind.user": (
        "Che cos'è {un_animal}?", "Che genere di animale è {il_animal}?", "In quale famiglia si mette {il_animal}?",
    ),
    "kind.calame": ("{il_animal} è {un_category}.",),
    "river.user": (
        "Quale fiume attraversa {town}?", "Sulle rive di quale fiume si trova {town}?",
        "Su quale fiume è costruita la città di {town}?",
    ),
    "river.calame": ("{town} si trova sulle rive di {il_river}.",),
    "feast.user": ("Quale festa si celebra a {town}?", "Qual è la festa di {town}?"),
    "feast.calame": ("A {town} la {feast} si tiene {in_season}.",),
    "roofs.user": ("Di che colore sono i tetti di {town}?", "Come sono i tetti di {town}?"),
    "roofs.calame": ("I tetti di {town} sono {roofs}.",),
    "market.user": ("In che giorno si tiene il mercato di {town}?", "Quando si va al mercato di {town}?"),
    "market.calame": ("A {town} il mercato si tiene {il_day}.",),
    "next_day.user": (
        "Che giorno viene dopo {il_day}?", "Qual è il giorno che segue {il_day}?", "Quale giorno segue {il_day}?",
    ),
    "next_day.calame": ("Dopo {il_day} viene {next_il_day}.",),
    "next_season.user": ("Quale stagione viene dopo {il_season}?", "Quale stagione segue {il_season}?"),
    "next_season.calame": ("Dopo {il_season} viene {next_il_season}.",),
    "next_number.user": ("Quale numero viene dopo {a}?", "Quale numero segue {a}?"),
    "next_number.calame": ("Dopo {a} viene {b}.",),
    "sum.user": ("Quanto fanno {a} e {b}?", "Quanto fa {a} più {b}?", "Aggiungi {b} a {a}."),
    "sum.calame": ("{a} e {b} fanno {c}.",),
    "digits.user": ("Quanto fanno {x} e {y}?", "Quanto fa {x} + {y}?", "Aggiungi {y} a {x}."),
    "digits.calame": ("{x} e {y} fanno {z}.",),
    "count.user": ("Conta da {a} a {b}.", "Sai contare da {a} a {b}?"),
    "count.calame": ("{row}.",),
    "plural.user": ("Qual è il plurale di «{animal}»?", "Come si dice «{animal}» al plurale?"),
    "plural.calame": ("Si dice {un_animal}, due {animals}.",),
    "week.user": ("Quali sono i giorni della settimana?", "Recita i giorni della settimana."),
    "week.calame": (
        "I giorni della settimana sono lunedì, martedì, mercoledì, giovedì, venerdì, sabato e domenica.",
    ),
    "year.user": ("Quali sono le stagioni?", "Recita le stagioni."),
    "year.calame": ("Le stagioni sono la primavera, l'estate, l'autunno e l'inverno.",),
}
# fmt: on

ITALIAN = Language("it", TABLES, {**FACTS, **REGISTERS, **LORE, **SCENES, **QUESTIONS, **TALK}, typography, finish)
