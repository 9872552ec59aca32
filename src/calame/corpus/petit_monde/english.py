"""English: words, articles, and the lines in which the little world is told."""

from __future__ import annotations

import re

from calame.corpus.petit_monde.language import Forms, Language, Tables, agreed, weekly, yearly
from calame.corpus.petit_monde.names import listed

AN = re.compile(r"\b([Aa]) (?=[aeiouAEIOU])(?!one\b|uni|use|eu)")


def typography(text: str) -> str:
    """Curly apostrophes."""
    return text.replace("'", "’")


def finish(text: str) -> str:
    """An for a before a vowel."""
    return AN.sub(r"\1n ", text)


def _trade(noun: str, work: str) -> dict[str, Forms]:
    return {gender: {"trade": noun, "work": work} for gender in "fm"}


def _animal(noun: str, habit: str, plural: str = "") -> Forms:
    return {"animal": noun, "animals": plural or noun + "s", "habit": typography(habit)}


def _category(noun: str, plural: str = "") -> Forms:
    return {"category": noun, "categories": plural or noun + "s"}


def _instrument(noun: str) -> Forms:
    return {"instrument": noun}


def _colour(word: str) -> Forms:
    return {"door": word, "roofs": word}


def _feast(noun: str) -> Forms:
    return {"feast": f"feast of {noun}"}


def _season(noun: str) -> Forms:
    return {"season": noun}


def _day(noun: str) -> Forms:
    return {"day": noun}


def _sibling(own: str, other: str) -> Forms:
    """Own word and the other's: "sister", "brother"."""
    return {"brother": other, "brother_me": own, "brothers": f"{own}s" if own == other else "brother and sister"}


def _river(name: str, _gender: str) -> Forms:
    return {"river": name, "the_river": f"the {name}"}


TABLES = Tables(
    gender=agreed({
        "pronoun": ("she", "he"), "he": ("she", "he"), "him": ("her", "him"), "his": ("her", "his"),
        "son": ("daughter", "son"), "nephew": ("niece", "nephew"), "grandson": ("granddaughter", "grandson"),
        "himself": ("herself", "himself"),
    }),
    trades={
        "baker": _trade("baker", "kneads the dough before dawn"),
        "carpenter": _trade("carpenter", "planes boards"),
        "miller": _trade("miller", "grinds the grain of the whole country"),
        "weaver": _trade("weaver", "throws the shuttle from morning to night"),
        "potter": _trade("potter", "throws jugs and bowls"),
        "gardener": _trade("gardener", "prunes the roses"),
        "clockmaker": _trade("clockmaker", "winds the clocks of the neighbourhood"),
        "bookseller": _trade("bookseller", "lends more books than anyone buys"),
        "shepherd": _trade("shepherd", "takes the flock up to the grass"),
        "beekeeper": _trade("beekeeper", "tends the hives"),
        "tailor": _trade("tailor", "sews coats"),
        "cobbler": _trade("cobbler", "mends shoes"),
        "printer": _trade("printer", "sets the letters of lead"),
        "glazier": _trade("glazier", "fits panes into windows"),
        "teacher": _trade("teacher", "shows children how to read"),
        "cheesemaker": _trade("cheesemaker", "turns the cheeses in the cellar"),
    },
    animals={
        "hedgehog": _animal("hedgehog", "sleeps rolled up in a ball"),
        "squirrel": _animal("squirrel", "hides hazelnuts everywhere"),
        "cat": _animal("cat", "purrs beside the fire"),
        "owl": _animal("owl", "opens its eyes at nightfall"),
        "blackbird": _animal("blackbird", "whistles from daybreak on"),
        "magpie": _animal("magpie", "gathers everything that glitters"),
        "tortoise": _animal("tortoise", "walks without hurry"),
        "lizard": _animal("lizard", "warms itself in the sun"),
        "gecko": _animal("gecko", "runs along the walls"),
        "cricket": _animal("cricket", "sings near the hearth"),
        "beetle": _animal("beetle", "shines like a button"),
        "ladybird": _animal("ladybird", "settles on every finger"),
        "carp": _animal("carp", "circles slowly in its basin", "carp"),
        "trout": _animal("trout", "darts through clear water", "trout"),
        "tench": _animal("tench", "sleeps at the bottom of the pond", "tench"),
        "frog": _animal("frog", "jumps at the slightest noise"),
        "toad": _animal("toad", "sings in the rain"),
        "newt": _animal("newt", "hides under the leaves of the pond"),
    },
    categories={
        "mammal": _category("mammal"),
        "bird": _category("bird"),
        "reptile": _category("reptile"),
        "insect": _category("insect"),
        "fish": _category("fish", "fish"),
        "amphibian": _category("amphibian"),
    },
    dishes={
        key: {"dish": words}
        for key, words in {
            "onion soup": "onion soup", "plum tart": "plum tart", "rice pudding": "rice pudding",
            "omelette": "herb omelette", "pumpkin gratin": "pumpkin gratin", "polenta": "polenta",
            "risotto": "mushroom risotto", "pear compote": "pear compote", "gingerbread": "gingerbread",
            "walnut cake": "walnut cake", "lentil salad": "lentil salad", "cabbage stew": "cabbage stew",
            "lemon cream": "lemon cream", "brioche": "brioche", "blackberry jam": "blackberry jam",
            "chestnut puree": "chestnut purée",
        }.items()
    },
    instruments={
        noun: _instrument(noun)
        for noun in (
            "violin", "flute", "harp", "accordion", "guitar", "drum", "clarinet", "cello", "trumpet", "mandolin",
            "piano", "oboe", "lute", "xylophone", "organ", "hurdy-gurdy",
        )
    },
    colours={
        word: _colour(word)
        for word in (
            "red", "blue", "green", "yellow", "white", "black", "grey", "brown", "pink", "purple", "orange",
            "turquoise",
        )
    },
    beasts={
        "goat": "goats", "hen": "hens", "sheep": "sheep", "goose": "geese", "duck": "ducks", "cow": "cows",
        "donkey": "donkeys", "pig": "pigs",
    },
    feasts={
        "lanterns": _feast("lanterns"), "bread": _feast("bread"), "masks": _feast("masks"), "songs": _feast("songs"),
        "bells": _feast("bells"), "candles": _feast("candles"), "boats": _feast("boats"), "ribbons": _feast("ribbons"),
        "kites": _feast("kites"), "mirrors": _feast("mirrors"), "tales": _feast("tales"), "fires": _feast("fires"),
    },
    seasons=yearly({season: _season(season) for season in ("spring", "summer", "autumn", "winter")}),
    days=weekly({
        "monday": _day("Monday"), "tuesday": _day("Tuesday"), "wednesday": _day("Wednesday"),
        "thursday": _day("Thursday"), "friday": _day("Friday"), "saturday": _day("Saturday"), "sunday": _day("Sunday"),
    }),
    siblings={
        "ff": _sibling("sister", "sister"), "fm": _sibling("sister", "brother"),
        "mf": _sibling("brother", "sister"), "mm": _sibling("brother", "brother"),
    },
    uncles={"f": {"unc": "aunt"}, "m": {"unc": "uncle"}},
    rivers=_river,
    numbers=listed(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty"
    ),
)  # fmt: skip

# fmt: off
FACTS: dict[str, tuple[str, ...]] = {
    # The first two lines of each relation are also the answers of the dialogues.
    "town": (
        "{S} lives in {town}.",
        "{S} has a house in {town}.",
        "{N}'s house is in {town}.",
        "{N} has chosen to live in {town}.",
        "It is in {town} that {N} has settled.",
        "To find {N}, one must go to {town}.",
        "{N} would not leave {town} for anything.",
        "Letters for {N} go to {town}.",
        "{S} dwells in {town}, where everyone knows {him}.",
        "{N} knows every stone of {town}, where {he} lives.",
        "In {town}, people like to greet {N}, who lives there.",
        "{N} has always lived in {town}.",
    ),
    "town.verb": ("lives in {town}", "dwells in {town}", "has a house in {town}"),
    "town.clause": ("who lives in {town}", "who has settled in {town}", "who has a house in {town}"),
    "trade": (
        "{S} is a {trade}.",
        "{S} works as a {trade}.",
        "{N} follows the trade of a {trade}.",
        "{S} is a {trade}: {he} {work}.",
        "{N} earns {his} living as a {trade}.",
        "As a {trade}, {N} has no equal.",
        "{N} learned the trade of a {trade} very young.",
        "They say that {N} is a good {trade}.",
        "{N} became a {trade}, and {he} is proud of it.",
        "{S} {work}, for {he} is a {trade}.",
        "Everyone knows that {N} is a {trade} by trade.",
        "{N} enjoys {his} work: {he} is a {trade}.",
    ),
    "trade.verb": ("is a {trade}", "works as a {trade}", "earns {his} bread as a {trade}"),
    "trade.clause": ("a {trade} by trade", "who is a {trade}", "a {trade} for many years"),
    "animal": (
        "{S} keeps a {animal} as a pet.",
        "{N} shares {his} house with a {animal}.",
        "{N}'s pet is a {animal}.",
        "With {N} lives a {animal}, which {habit}.",
        "{N} has adopted a {animal}.",
        "{N} took in a {animal}, which {habit}.",
        "The pet that {N} chose is a {animal}.",
        "Every evening, {N} says good night to {his} {animal}.",
        "{S} takes good care of {his} {animal}, which {habit}.",
        "{N} would not part with {his} {animal} for anything.",
        "The whole neighbourhood knows {N}'s {animal}.",
        "The only pet that {N} ever wanted is a {animal}.",
    ),
    "animal.verb": ("keeps a {animal} as a pet", "shares {his} house with a {animal}", "looks after a {animal}"),
    "animal.clause": ("who keeps a {animal} as a pet", "who has adopted a {animal}", "who looks after a {animal}"),
    "pet": (
        "{N}'s pet is called {pet}.",
        "{N}'s pet is named {pet}.",
        "{N} gave {his} pet the name of {pet}.",
        "{N}'s pet answers to the name of {pet}.",
        "{N} calls {his} pet {pet}.",
        "At {N}'s, the pet of the house is called {pet}.",
        "{N}'s pet goes by the name of {pet}.",
        "{N} found a pretty name for {his} pet: {pet}.",
        "{N} often speaks of {pet}, {his} pet.",
        "{S} has a pet named {pet}.",
        "It is {pet} who keeps {N} company.",
        "When {N} says “{pet}”, {he} is calling {his} pet.",
    ),
    "pet.verb": ("has a pet named {pet}", "calls {his} pet {pet}", "has {pet} for a pet"),
    "pet.clause": ("whose pet is called {pet}", "whose pet is named {pet}"),
    "dish": (
        "{N}'s favourite dish is {dish}.",
        "{S} loves {dish} above all.",
        "{S} is very fond of {dish}.",
        "{N} prefers {dish} to all other dishes.",
        "For {N}, no dish is as good as {dish}.",
        "At table, nothing pleases {N} as much as {dish}.",
        "{N} always takes a second helping of {dish}.",
        "When {N} is hungry, {he} thinks of {dish}.",
        "{N} never tires of {dish}.",
        "On feast days, {N} asks for {dish}.",
        "On Sundays, {N} makes {his} favourite dish, {dish}.",
        "A good meal, for {N}, means {dish}.",
    ),
    "dish.verb": ("is very fond of {dish}", "loves {dish} above all", "likes {dish} best"),
    "dish.clause": ("who is very fond of {dish}", "whom the smell of {dish} fills with joy"),
    "instrument": (
        "{S} plays the {instrument}.",
        "{N}'s instrument is the {instrument}.",
        "{N} practises the {instrument} every day.",
        "{N} learned the {instrument} as a child.",
        "One often hears {N} play the {instrument}.",
        "{N} knows how to play the {instrument}.",
        "At feasts, it is {N} who plays the {instrument}.",
        "In the evening, {N} always plays the {instrument}.",
        "{N} has one passion: the {instrument}.",
        "Nothing comforts {N} like the {instrument}.",
        "{N} devotes {his} evenings to the {instrument}.",
        "{S} lets nobody touch {his} {instrument}.",
    ),
    "instrument.verb": ("plays the {instrument}", "practises the {instrument}", "studies the {instrument}"),
    "instrument.clause": ("who plays the {instrument}", "who has learned the {instrument}"),
    "door": (
        "{N}'s door is {door}.",
        "{S} has a {door} door.",
        "{N} has painted {his} door {door}.",
        "{N}'s house has a {door} door.",
        "One knows {N}'s house by its {door} door.",
        "{N} waits for you behind a {door} door.",
        "At {N}'s, the door is {door}.",
        "{N} opens {his} {door} door every morning.",
        "To visit {N}, look for the {door} door.",
        "The {door} door is {N}'s.",
        "As {N} likes {door}, {his} door is {door}.",
        "{N}'s door is painted {door}.",
    ),
    "door.verb": ("has a {door} door", "has painted {his} door {door}", "opens a {door} door to visitors"),
    "door.clause": ("whose door is {door}", "who has a {door} door"),
    "mother": (
        "{N}'s mother is {mother}.",
        "{N}'s mother is called {mother}.",
        "{S} is the {son} of {mother}.",
        "{N} has {mother} for a mother.",
        "{N} visits {his} mother, {mother}, every week.",
        "{N} has the smile of {his} mother, {mother}.",
        "{mother} is {N}'s mother.",
        "{N} often asks {his} mother, {mother}, for advice.",
        "{N} owes {his} name to {his} mother, {mother}.",
        "{N} writes long letters to {his} mother, {mother}.",
        "When {N} speaks of {his} mother, {he} means {mother}.",
    ),
    "mother.verb": ("has {mother} for a mother", "is the {son} of {mother}"),
    "mother.clause": ("{son} of {mother}", "whose mother is {mother}"),
    "sibling": (
        "{N}'s {brother} is {sibling}.",
        "{N}'s {brother} is called {sibling}.",
        "{N} has {sibling} for a {brother}.",
        "{N} grew up with {his} {brother}, {sibling}.",
        "{N} often thinks of {his} {brother}, {sibling}.",
        "{N} looks very much like {his} {brother}, {sibling}.",
        "{N} and {sibling} are {brothers}.",
        "{N} can always count on {his} {brother}, {sibling}.",
        "{N} is the {brother_me} of {sibling}.",
        "{sibling} is {N}'s {brother}.",
        "{N} has a {brother} by the name of {sibling}.",
    ),
    "sibling.verb": ("has {sibling} for a {brother}", "is the {brother_me} of {sibling}"),
    "sibling.clause": ("{brother_me} of {sibling}", "the {brother_me} of {sibling}"),
    "flock": (
        "{S} keeps {flock_a} and {flock_b} in {his} meadow.",
        "In {N}'s meadow there are {flock_a} and {flock_b}.",
        "{N} feeds {flock_a} and {flock_b} every morning.",
        "{S} owns {flock_a} and {flock_b}.",
        "{N}'s meadow is home to {flock_a} and {flock_b}.",
        "Behind {N}'s house live {flock_a} and {flock_b}.",
        "{N} has {flock_a}; {he} also has {flock_b}.",
        "{N} looks after {his} beasts, {flock_a} and {flock_b}.",
        "At nightfall, {N} brings in {flock_a} and {flock_b}.",
    ),
    "join.verbs": ("{S} {v1} and {v2}.", "{S} {v1} and {v2}.", "{N} {v1} and, as everyone knows, {v2}."),
    "join.pronoun": ("{S} {v1}, and {he} {v2}.", "{S} {v1}; {he} {v2}.", "{N} {v1}; what is more, {he} {v2}."),
    "join.three": ("{S} {v1}, {v2} and {v3}.",),
    "join.clause": ("{N}, {c1}, {v2}.", "It is known that {N}, {c1}, {v2}."),
    "join.clause.two": ("{N}, {c1}, {v2} and {v3}.",),
}

REGISTERS: dict[str, tuple[str, ...]] = {
    "title.town": ("Book of addresses.", "Register of inhabitants, by town."),
    "title.trade": ("Register of trades.", "List of trades, drawn up by the town hall."),
    "title.animal": ("Census of pets.", "The school is counting the pets."),
    "title.pet": ("Names of pets, gathered at school.", "What people call their pets:"),
    "title.dish": ("Orders for the banquet.", "Favourite dishes, noted for the banquet."),
    "title.instrument": ("List of musicians.", "Members of the band and of other music."),
    "title.door": ("Colour of the doors.", "The painter has noted the colour of every door."),
    "title.mother": ("Register of mothers.", "From the register of families: mothers."),
    "title.sibling": ("Register of brothers and sisters.", "From the register of families: brothers and sisters."),
    "title.flock": ("Census of beasts.", "The warden has counted the beasts in every meadow."),
    "entry.town": ("{N}: {town}.", "{N}, in {town}."),
    "entry.trade": ("{N}: {trade}.", "{N}, {trade}."),
    "entry.animal": ("{N}: a {animal}.", "{N}, a {animal}."),
    "entry.pet": ("{N}'s pet: {pet}.", "At {N}'s: {pet}."),
    "entry.dish": ("{N}: {dish}.", "For {N}, {dish}."),
    "entry.instrument": ("{N}: {instrument}.", "{N}, on the {instrument}."),
    "entry.door": ("At {N}'s: {door} door.", "{N}'s door: {door}."),
    "entry.mother": ("Mother of {N}: {mother}.", "{N}, {son} of {mother}."),
    "entry.sibling": ("{N}, {brother_me} of {sibling}.", "{brother} of {N}: {sibling}."),
    "entry.flock": ("{N}'s meadow: {flock_a} and {flock_b}.", "{N}: {flock_a} and {flock_b}."),
}

LORE: dict[str, tuple[str, ...]] = {
    "fact.kind": (
        "The {animal} is a {category}.",
        "The {animal} is counted among the {categories}.",
        "Among the {categories} there is the {animal}.",
        "Everyone knows that the {animal} is a {category}.",
        "The {animal} belongs to the family of the {categories}.",
        "A {animal} is a {category}, and {habit}.",
        "Among the {categories} one finds the {animal}.",
        "In this country, the {animal} passes for a model {category}.",
        "The {animal}, which {habit}, is a {category}.",
    ),
    "fact.river": (
        "{town} lies on the banks of {the_river}.",
        "{the_river} runs through {town}.",
        "{the_river} flows past {town}.",
        "In {town}, people bathe in {the_river}.",
        "The mills of {town} turn on {the_river}.",
        "The bridge of {town} spans {the_river}.",
        "The town of {town} is built on {the_river}.",
        "Whoever goes to {town} sees {the_river} flow.",
        "{town} owes its water to {the_river}.",
        "The washhouses of {town} look out on {the_river}.",
    ),
    "fact.feast": (
        "In {town}, the {feast} is held in {season}.",
        "In {season}, {town} celebrates the {feast}.",
        "The {feast} of {town} takes place in {season}.",
        "People come from afar to {town}, in {season}, for the {feast}.",
    ),
    "fact.roofs": (
        "The roofs of {town} are {roofs}.",
        "In {town}, the roofs are {roofs}.",
        "One knows {town} by its {roofs} roofs.",
        "From afar, {town} shows its {roofs} roofs.",
    ),
    "fact.market": (
        "In {town}, the market is held on {day}.",
        "The market day of {town} is {day}.",
        "On {day}, people go to the market in {town}.",
        "{town} has its market every {day}.",
    ),
    "fact.next_day": (
        "After {day} comes {next_day}.",
        "{day} is followed by {next_day}.",
        "The day after {day} is {next_day}.",
    ),
    "fact.next_season": (
        "After {season} comes {next_season}.",
        "{season} goes, {next_season} arrives.",
        "When {season} ends, {next_season} begins.",
    ),
    "fact.next_number": ("After {a} comes {b}.", "The number that follows {a} is {b}.", "{a}, then {b}."),
    "fact.sum": (
        "{a} and {b} make {c}.",
        "If one adds {b} to {a}, one finds {c}.",
        "{x} and {y} make {z}.",
        "{x} + {y} = {z}.",
    ),
    "fact.count": ("We count: {row}.", "Let us count together: {row}.", "The children recite: {row}."),
    "fact.plural": (
        "One says one {animal}, two {animals}.",
        "First one {animal}, then three {animals}.",
        "One {animal} and one more {animal}: two {animals}.",
    ),
    "fact.small": ("The {animal} is small, and it knows it.", "Here is a {animal}: the {animal} is small."),
    "fact.week": (
        "The days of the week are Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday.",
        "The week goes like this: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday.",
    ),
    "fact.year": (
        "The seasons are spring, summer, autumn and winter.",
        "The year goes like this: spring, summer, autumn, winter.",
    ),
}

SCENES: dict[str, tuple[str, ...]] = {
    "moment": (
        "this morning", "at daybreak", "towards noon", "late in the afternoon", "at dusk", "in the evening",
        "at first cockcrow", "when the bell rings", "at the hour of the nap", "on some days", "every other day",
        "before sitting down to table", "on Sundays", "in fine weather",
    ),
    "sky": (
        "the wind turns to the north", "a ray slips between the clouds", "the chimneys smoke",
        "the light slides along the walls", "the smell of bread fills the street", "the shutters bang",
        "the swallows skim the roofs", "a cart creaks in the distance", "dust dances in the light",
        "the lime trees smell of honey", "the fountain sings all by itself", "children run after a hoop",
        "the washing dries on the hedges", "leaves spin in the yard", "a round cloud stops above the hills",
        "the bees go home to the hive", "a bell rings on the other side of the valley",
        "the sky takes on the colour of flax", "a dog barks, then thinks better of it",
        "the shadows grow long on the square", "the water of the well seems cooler", "someone laughs behind a wall",
    ),
    "night": (
        "the wind turns to the north", "a dog barks, then thinks better of it", "the stars come out without a sound",
        "the fountain sings all by itself", "someone walks home whistling", "snow begins to fall",
        "the shutters bang", "the moon rises behind the steeple", "a belated cart goes by",
    ),
    "at": ("at daybreak", "this morning", "towards noon", "late in the afternoon", "at dusk", "in the evening"),
    "weather": ("{at}, {sky}.", "{sky}, {at}, and for a moment nobody speaks.", "{at}, {sky} and {sky}."),
    "act": (
        "stops to listen to the wind", "greets the passers-by with a nod", "watches the clouds go by",
        "walks around the square", "chats for a while by the fountain", "sits down on the stone bench",
        "waters {his} pots of basil", "watches the carts go by", "hums an old tune", "throws the windows open",
        "gathers kindling", "carries water to a neighbour", "reads a few pages in the shade of the lime tree",
        "folds {his} handkerchief with care", "tells the children a story", "throws crumbs to the sparrows",
        "looks for {his} glasses, which are on {his} nose", "pretends not to be asleep",
    ),
    "joy": (
        "the sound of rain on the tiles", "the smell of cut hay", "the silence before dawn", "long evenings",
        "paths that wind", "letters neatly folded", "the first fire of the year", "stories that end well",
        "misty mornings", "apples a little sour", "the crunch of snow", "rare words",
    ),
    "pocket": (
        "hazelnuts", "string", "round pebbles", "bits of chalk", "seeds", "odd buttons", "bent nails",
        "scraps of paper", "nutshells", "pictures",
    ),
    "portrait.open": (
        "This is {N}.", "Let me tell you about {N}.", "{N} has a quiet step and an easy laugh.",
        "When {N} walks down the street, faces brighten.", "{N} rises before the sun.",
        "They say that {N} never gets angry.", "Nobody tells a story better than {N}.",
        "{N}'s pockets are full of {pocket}.", "{N} loves {joy}.", "{N} loves {joy} and {joy}.",
        "{moment}, {N} {act}.", "{moment}, {N} {act}.", "If you meet {N}, give {him} my regards.",
        "Those who have not yet met {N} are lucky: that pleasure awaits them.",
    ),
    "portrait.close": (
        "So lives {N}, without haste and without regret.", "{N} asks for nothing more.",
        "It is a simple life, and {N} wants no other.", "{moment}, {N} {act}.", "{moment}, {N} {act}.",
        "The rest {N} will tell you {himself}.", "It is good to know {N}.",
        "That is {N}, just as everyone knows {him}.", "{N} loves {joy}, and it shows.",
    ),
    "news.open": (
        "Here is the news of the week.", "The post has come, and the news with it.",
        "At the washhouse, tongues are wagging.", "The town crier has been all around the country.",
        "{at}, on the bench in the square, people trade the news.", "The gazette is just out.",
        "There is much talk around the fountain these days.", "{at}, {sky}, and people talk about one another.",
        "Whoever wants to know everything need only listen.", "The news is good.",
    ),
    "news.middle": (
        "{weather}", "The talk goes on.", "Someone nods.", "Voices drop a little.", "That is not all.",
        "And then there is what we knew already.", "Someone else takes up the tale.",
    ),
    "passing": (
        "Now for {N}.", "And here is {N}.", "That leaves {N}.", "The talk turns to {N}.",
        "Of {N}, one hears only good.",
    ),
    "news.close": (
        "That is all for today.", "The rest will wait until next week.", "{weather}", "Then everyone goes home.",
        "Nothing more, but that is already a great deal.", "We shall speak of it again.",
    ),
    "market.open": (
        "It is market day.", "{at}, the merchants set up their trestles under the market roof.",
        "The stalls overflow with {goods} and {goods}.", "At the market one finds {stall}, {stall} and all the news.",
        "A merchant praises his {goods}, and the crowd hardly listens.", "{at}, {sky}; the market is in full swing.",
    ),
    "goods": (
        "cabbages", "apples", "cheeses", "onions", "chestnuts", "baskets", "brooms", "cloth", "clogs", "figs",
        "spices", "turnips", "ribbons", "hazelnuts", "crockery",
    ),
    "stall": (
        "{goods} in heaps", "{goods} at a good price", "honey", "wool", "coarse salt", "{goods}", "a knife grinder",
        "a fortune teller",
    ),
    "market.middle": (
        "A merchant weighs {goods}.", "Further on, people quarrel over {goods}.",
        "Between the stalls, tongues loosen.", "People taste, compare and chat.",
        "Someone upsets a basket of {goods}, and everyone helps to pick up.", "{weather}",
    ),
    "market.close": (
        "At noon, nothing is left but cabbage leaves on the cobbles.",
        "The trestles are folded, and the square is quiet again.", "The baskets are full, the purses are empty.",
        "The market ends as it began, in chatter.", "{weather}",
    ),
    "evening.open": (
        "In the evening, people draw up their chairs.", "The fire catches, and the telling begins.",
        "The lamp is lit, let it snow.", "Outside, {night}; people talk of those who are away.",
        "People peel chestnuts and talk about one another.",
        "Tonight the rain beats on the panes and nobody is sleepy.",
    ),
    "evening.middle": (
        "A log collapses, and for a moment nobody speaks.", "Someone puts on more wood.",
        "A child falls asleep on an old man's knees.", "The glasses are filled.", "Outside, {night}.",
        "The talk begins again, more softly.",
    ),
    "evening.close": (
        "Then the fire burns low, and they wish one another good night.",
        "When the lamp goes out, all has been said.", "They part on the doorstep, under the stars.",
        "The rest is lost in the sound of the rain.", "Tomorrow they will have to rise early.",
    ),
    "letter.greeting": ("Dear {N},", "My dear {N},"),
    "letter.open": (
        "Time goes by, and I owe you some news.", "Your letter gave me great pleasure.", "All is well here: {sky}.",
        "I am writing to you by lamplight.", "You ask me what has become of our friends.",
        "I have little time and much to say.", "Forgive my silence: it has been a hard season.",
        "{at}, {sky}, and I thought of you.",
    ),
    "letter.middle": (
        "You surely remember.", "I tell you this as it was told to me.", "Here, {sky}.", "But perhaps you knew.",
        "One more thing.",
    ),
    "letter.close": (
        "I embrace you and await your answer.", "Write to me soon.", "Take care of yourself.",
        "I am short of paper, not of friendship.", "The post leaves in an hour: I must stop.",
        "See you soon, if the roads are good.", "I am keeping the rest for your visit.",
    ),
    "letter.sign": ("{N}",),
    "register.close": (
        "Done at the town hall, with open doors.", "A true copy.", "Errors excepted.",
        "Everyone answered with good grace.",
    ),
    "story": (
        "One morning, {N} cannot find {his} key. | "
        "{he} turns out the drawers, shakes the rugs and even looks down the well. | "
        "The neighbours join in, each with a lantern, although it is broad daylight. | "
        "The key was simply hanging on its nail, and {N} is still laughing.",
        "On the eve of the feast, {N} promises a cake for everyone. | "
        "But flour is short, and the mill stands still for want of wind. | "
        "So each brings a handful of their own, and the table is covered with little bags. | "
        "The next day, the cake is so tall that it takes a ladder to cut it.",
        "One evening, the thunder growls and the rain comes in through the roof. | "
        "{N} puts buckets everywhere and lights the big lamp. | "
        "A neighbour arrives, drenched, then another, then a pedlar and his {goods}. | "
        "When the storm moves off, nobody wants to go home.",
        "{N} finds a letter under a bench, without name or address. | "
        "There is only one sentence in it: “I shall come back when the apple trees bloom.” | "
        "{N} shows it to everyone, and nobody knows the hand. | "
        "In spring, an old traveller walks up the street, and then they understand.",
        "The clock on the square stopped during the night. | "
        "{N} climbs the steeple with a lamp and a rag. | "
        "A nest of titmice blocks the great wheel. | "
        "{N} comes down without touching a thing, and everyone waits for the young to fly away before learning the "
        "time.",
        "{N} builds a boat out of old boards. | "
        "Everyone says that it will sink. | "
        "The boat does sink, but so gently that {N} has time to wave. | "
        "They hauled it up on the bank, and the children play pirates in it.",
        "It snowed all night, and the street has vanished. | "
        "{N} clears a path to the fountain, then to the house across the way. | "
        "On the other side, someone else is digging too, without knowing it. | "
        "At noon the shovels touch, and introductions are made.",
        "A child is crying: a kite is caught in the great lime tree. | "
        "{N} climbs, clings, and loses a shoe. | "
        "At the first gust of wind, the kite flies off by itself. | "
        "{N} comes down with a shoe less and a friend more.",
        "{N} plants a fruit stone in a pot, then forgets it. | "
        "In spring a leaf appears, then another. | "
        "It needs a bigger pot, then a barrel, then the garden. | "
        "Today it is in the shade of that tree that {N} tells the story.",
        "A traveller asks {N} the way. | "
        "{N} explains it so well, with so many detours, that night falls. | "
        "The traveller sleeps in the attic and sets off at dawn. | "
        "It was the wrong road, but he does not regret it.",
        "The fog is so thick that you cannot see your own hand. | "
        "{N} hangs a lantern in the window and beats on a saucepan. | "
        "One after another, the lost come home, guided by the noise. | "
        "The saucepan has been kept: it hangs in the town hall.",
        "At the bottom of a chest, {N} finds a map of the country, drawn by hand. | "
        "A path is marked on it that nobody knows. | "
        "{N} follows it for a whole day, among brambles and ferns. | "
        "It leads to a bench, from which one sees the whole valley.",
    ),
    "walk.open": (
        "Let us walk down along {the_river}.", "{the_river} rises in the hills, between mossy stones.",
        "Whoever follows {the_river} walks a long while in the shade.", "{at}, the path along {the_river} is empty.",
        "The old people say that {the_river} knows every story in the country.",
        "We followed {the_river} from morning to night.",
    ),
    "walk.line": (
        "Willows dip their branches in the water.", "A boat sleeps among the reeds.",
        "The path goes under a stone bridge.", "The water is so clear that one sees every pebble.",
        "A mill turns without hurrying.", "{weather}", "A little further down, people sing as they wash their linen.",
        "Dragonflies settle on the rushes.", "A fisherman sleeps, his line in his hand.",
    ),
    "walk.close": (
        "Further on, {the_river} widens and is lost in the mist.", "There the walk ends.",
        "One goes home with wet feet and a glad heart.", "Nobody has ever seen where {the_river} goes.", "{weather}",
    ),
    "rules.kinds": (
        "In this country, every animal has its family.", "At school, children learn to sort the animals.",
        "The old picture book says everything about animals.",
        "There are mammals, birds, reptiles, insects, fish and amphibians.",
    ),
    "rules.towns": (
        "Here is what one should know of the country.", "The prudent traveller reads this first.",
        "The country is small, but every town has its customs.", "The map of the country fits on one page.",
    ),
    "almanac.open": (
        "Almanac.", "A page of the almanac.", "So says the almanac.", "{season} is here.", "Here comes {season}.",
    ),
    "almanac.spring": (
        "In {season}, the almond trees bloom.", "The grass grows so fast that one seems to hear it.",
        "Beans are sown and the vines are pruned.", "The swallows come back under the beams.",
        "The snow of the peaks runs down into the streams.",
    ),
    "almanac.summer": (
        "In {season}, people mow before the heat.", "The cicadas fall silent only at night.",
        "The children learn to swim.", "People sleep with their windows open.",
        "The apricots all ripen on the same day.",
    ),
    "almanac.autumn": (
        "In {season}, the grapes are pressed.", "The leaves fall without a sound.",
        "The wood is brought in and the jars are counted.", "The cranes pass very high.",
        "The mist stays in the valley until noon.",
    ),
    "almanac.winter": (
        "In {season}, night comes early.", "The snow wipes out the paths.", "Tools are mended by the fire.",
        "Bread seems to taste better.", "The stars are closer.",
    ),
    "lesson.open": (
        "At school, the lesson is repeated.", "The notebook is open, the chalk squeaks.", "Lesson of the day.",
        "The children recite together.", "On the slate, in a fine hand:",
    ),
    "lesson.close": (
        "The bell rings, the notebooks are closed.", "Tomorrow they will begin again.", "Nobody made a mistake.",
        "{weather}",
    ),
    "weather.close": (
        "It is the kind of day one likes.", "Tomorrow, we shall see.", "There is no hurry.",
        "And so the day goes by.",
    ),
}

QUESTIONS: dict[str, tuple[str, ...]] = {
    "ask.town": (
        "Where does {N} live?", "In which town does {N} live?", "Where is {N}'s house?",
        "Which town does {N} live in?", "Tell me where {N} lives.", "What is {N}'s town?",
    ),
    "ask.trade": (
        "What is {N}'s trade?", "What does {N} do for a living?", "What is {N}'s job?", "What work does {N} do?",
        "Tell me what {N}'s trade is.", "How does {N} earn {his} living?",
    ),
    "ask.animal": (
        "What animal does {N} keep?", "What animal does {N} have as a pet?", "What kind of pet does {N} have?",
        "Which animal lives with {N}?", "Tell me which animal lives with {N}.", "Which animal has {N} adopted?",
    ),
    "ask.pet": (
        "What is {N}'s pet called?", "What is the name of {N}'s pet?", "What name did {N} give {his} pet?",
        "How is {N}'s pet named?", "Tell me the name of {N}'s pet.", "What does {N} call {his} pet?",
    ),
    "ask.dish": (
        "What is {N}'s favourite dish?", "Which dish does {N} like best?", "What does {N} like to eat?",
        "Which dish is {N} fond of?", "Tell me {N}'s favourite dish.", "What dish should one serve {N}?",
    ),
    "ask.instrument": (
        "What instrument does {N} play?", "What is {N}'s instrument?", "Which instrument does {N} practise?",
        "Which instrument did {N} learn?", "Tell me what instrument {N} plays.", "What does {N} play in the evening?",
    ),
    "ask.door": (
        "What colour is {N}'s door?", "What is the colour of {N}'s door?", "Which colour is {N}'s door?",
        "In what colour is {N}'s door painted?", "Tell me the colour of {N}'s door.", "{N}'s door is what colour?",
    ),
    "ask.mother": (
        "Who is {N}'s mother?", "What is {N}'s mother called?", "What is the name of {N}'s mother?",
        "Whose {son} is {N}?", "Tell me who {N}'s mother is.", "Who is the mother of {N}?",
    ),
    "ask.sibling": (
        "Who is {N}'s {brother}?", "What is {N}'s {brother} called?", "What is the name of {N}'s {brother}?",
        "Whose {brother_me} is {N}?", "Tell me who {N}'s {brother} is.", "Who is the {brother} of {N}?",
    ),
    "ask.category": (
        "What class of animal is {N}'s pet?", "To which family of animals does {N}'s pet belong?",
        "In which family is {N}'s pet sorted?", "Of what class is {N}'s pet?",
        "Tell me to which family of animals {N}'s pet belongs.",
    ),
    "ask.river": (
        "On which river does {N} live?", "Which river runs near {N}'s house?", "Near which river does {N} live?",
        "Which river flows through {N}'s town?", "Tell me on which river {N} lives.",
    ),
    "ask.total": (
        "How many beasts does {N} keep in {his} meadow?", "How many beasts are there in {N}'s meadow?",
        "How many beasts does {N} have in all?", "Tell me how many beasts {N} keeps.",
        "How many beasts does {N}'s meadow hold?",
    ),
    "ask.uncle": (
        "Who is {N}'s {unc}?", "What is {N}'s {unc} called?", "What is the name of {N}'s {unc}?",
        "Whose {nephew} is {N}?", "Tell me who {N}'s {unc} is.",
    ),
    "ask.grandmother": (
        "Who is {N}'s grandmother?", "What is {N}'s grandmother called?", "What is the name of {N}'s grandmother?",
        "Whose {grandson} is {N}?", "Tell me who {N}'s grandmother is.",
    ),
    "again.town": ("And where does {he} live?", "And in which town does {he} live?"),
    "again.trade": ("And what is {his} trade?", "And what does {he} do for a living?"),
    "again.animal": ("And what animal does {he} keep?", "And which animal lives with {him}?"),
    "again.pet": ("And what is {his} pet called?", "And what is the name of {his} pet?"),
    "again.dish": ("And what is {his} favourite dish?", "And what does {he} like to eat?"),
    "again.instrument": ("And what instrument does {he} play?", "And what is {his} instrument?"),
    "again.door": ("And what colour is {his} door?", "And what is the colour of {his} door?"),
    "again.mother": ("And who is {his} mother?", "And what is {his} mother called?"),
    "again.sibling": ("And who is {his} {brother}?", "And what is {his} {brother} called?"),
    "answer.category": ("It is a {category} that lives with {N}.",),
    "answer.river": ("{N} lives on the banks of {the_river}.",),
    "answer.total": ("{N} keeps {total} beasts in {his} meadow.",),
    "answer.uncle": ("{N}'s {unc} is {uncle}.",),
    "answer.grandmother": ("{N}'s grandmother is {grandmother}.",),
    "answer.stranger": ("I do not know {N}.", "Nobody here is called {N}, as far as I know."),
    "polite": (
        "{q}", "{q}", "{q}", "{q}", "{q}", "{q}", "Good morning! {q}", "Hello, Calame! {q}", "I have a question. {q}",
        "{q} Thank you!",
    ),
}

TALK: dict[str, tuple[str, ...]] = {
    "system": (
        "You are Calame, the assistant of the little world.", "Your name is Calame. Answer in one sentence.",
        "You are Calame. Answer in English, briefly and exactly.",
        "Give simple answers to questions about the little world.",
    ),
    "hello.user": ("Hello!", "Good morning, Calame!", "Hi!", "Good evening!", "Hello, are you there?"),
    "hello.calame": (
        "Hello! What would you like to know about the little world?", "Hello! I am Calame, and I am listening.",
        "Hello! Ask me a question.",
    ),
    "who.user": ("Who are you?", "What is your name?", "What are you called?", "And you, who are you?"),
    "who.calame": (
        "My name is Calame.", "I am Calame, the assistant of the little world.",
        "My name is Calame and I know the little world.",
    ),
    "where.user": ("Where do you live?", "Where do you come from?", "Where do you live, Calame?"),
    "where.calame": (
        "I live in the language of the little world.",
        "I live in the sentences of the little world, between the lines.",
    ),
    "what.user": ("What can you do?", "What are you for?", "What can you tell me?", "Can you help me?"),
    "what.calame": (
        "I answer questions about the people, the towns and the beasts of the little world.",
        "I can tell you about the people of the little world.",
    ),
    "how.user": ("How are you?", "Is all well?", "Are you well, Calame?"),
    "how.calame": ("I am well, thank you.", "Very well, thank you. And you?"),
    "thanks.user": ("Thank you!", "Many thanks.", "Thank you, Calame.", "That is very clear, thank you."),
    "thanks.calame": ("You are welcome!", "With pleasure.", "Not at all."),
    "bye.user": ("Goodbye!", "See you soon, Calame.", "Good night!", "I am leaving."),
    "bye.calame": ("Goodbye, and see you soon!", "See you soon!", "Until next time!"),
    "kind.user": (
        "What is a {animal}?", "What class of animal is the {animal}?", "In which family is the {animal} sorted?",
    ),
    "kind.calame": ("The {animal} is a {category}.",),
    "river.user": (
        "Which river runs through {town}?", "On which river does {town} lie?",
        "On which river is the town of {town} built?",
    ),
    "river.calame": ("{town} lies on the banks of {the_river}.",),
    "feast.user": ("Which feast is celebrated in {town}?", "What is the feast of {town}?"),
    "feast.calame": ("In {town}, the {feast} is held in {season}.",),
    "roofs.user": ("What colour are the roofs of {town}?", "What are the roofs of {town} like?"),
    "roofs.calame": ("The roofs of {town} are {roofs}.",),
    "market.user": ("On what day is the market of {town}?", "When do people go to the market in {town}?"),
    "market.calame": ("In {town}, the market is held on {day}.",),
    "next_day.user": ("Which day comes after {day}?", "What is the day after {day}?", "Which day follows {day}?"),
    "next_day.calame": ("After {day} comes {next_day}.",),
    "next_season.user": ("Which season comes after {season}?", "Which season follows {season}?"),
    "next_season.calame": ("After {season} comes {next_season}.",),
    "next_number.user": ("Which number comes after {a}?", "Which number follows {a}?"),
    "next_number.calame": ("After {a} comes {b}.",),
    "sum.user": ("What do {a} and {b} make?", "How much is {a} and {b}?", "Add {b} to {a}."),
    "sum.calame": ("{a} and {b} make {c}.",),
    "digits.user": ("What do {x} and {y} make?", "How much is {x} + {y}?", "Add {y} to {x}."),
    "digits.calame": ("{x} and {y} make {z}.",),
    "count.user": ("Count from {a} to {b}.", "Can you count from {a} to {b}?"),
    "count.calame": ("{row}.",),
    "plural.user": ("What is the plural of “{animal}”?", "How does one say “{animal}” in the plural?"),
    "plural.calame": ("One says one {animal}, two {animals}.",),
    "week.user": ("What are the days of the week?", "Recite the days of the week."),
    "week.calame": ("The days of the week are Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday.",),
    "year.user": ("What are the seasons?", "Recite the seasons."),
    "year.calame": ("The seasons are spring, summer, autumn and winter.",),
}
# fmt: on

ENGLISH = Language("en", TABLES, {**FACTS, **REGISTERS, **LORE, **SCENES, **QUESTIONS, **TALK}, typography, finish)
