"""Small general knowledge: some six hundred plain facts, each asked in several wordings."""

from __future__ import annotations

from dataclasses import dataclass

CAPITALS = """Austria Vienna;Belgium Brussels;Brazil Brasilia;Bulgaria Sofia;Canada Ottawa
Chile Santiago;China Beijing;Croatia Zagreb;Cuba Havana;Denmark Copenhagen;Egypt Cairo
Estonia Tallinn;Ethiopia Addis Ababa;Finland Helsinki;France Paris;Germany Berlin;Ghana Accra
Greece Athens;Hungary Budapest;Iceland Reykjavik;India New Delhi;Indonesia Jakarta;Iran Tehran
Iraq Baghdad;Ireland Dublin;Italy Rome;Japan Tokyo;Jordan Amman;Kenya Nairobi;Latvia Riga
Lithuania Vilnius;Mexico Mexico City;Mongolia Ulaanbaatar;Morocco Rabat;Nepal Kathmandu
Norway Oslo;Peru Lima;Poland Warsaw;Portugal Lisbon;Romania Bucharest;Russia Moscow
Serbia Belgrade;Slovakia Bratislava;Slovenia Ljubljana;Spain Madrid;Sweden Stockholm
Switzerland Bern;Syria Damascus;Thailand Bangkok;Tunisia Tunis;Turkey Ankara;Ukraine Kyiv
Uruguay Montevideo;Vietnam Hanoi;Australia Canberra;Argentina Buenos Aires;Colombia Bogota"""
OPPOSITES = """hot cold;big small;day night;young old;fast slow;high low;open closed;light dark
wet dry;full empty;happy sad;early late;strong weak;rich poor;hard soft;clean dirty;near far
loud quiet;long short;thick thin;left right;up down;in out;first last;good bad;true false
sweet sour;sharp blunt;wide narrow;deep shallow;heavy light;cheap expensive;begin end;love hate
win lose;push pull;give take;buy sell;question answer;summer winter;north south;east west"""
ANIMALS = """dog puppy barks;cat kitten meows;cow calf moos;sheep lamb bleats;horse foal neighs
pig piglet grunts;lion cub roars;duck duckling quacks;hen chick clucks;frog tadpole croaks
goose gosling honks;owl owlet hoots;bear cub growls;goat kid bleats;wolf pup howls"""
COLOURS = """grass green;snow white;coal black;blood red;a lemon yellow;the clear sky blue
a carrot orange;chocolate brown;a ripe tomato red;milk white;a frog green;an elephant grey
a sunflower yellow;a raven black;a flamingo pink;an aubergine purple;sand yellow;ash grey"""
MATERIALS = """bread flour;cheese milk;paper wood;a window glass;wine grapes;a candle wax
a brick clay;a tyre rubber;butter cream;chocolate cocoa;a sweater wool;a nail iron;jam fruit
a shoe leather;a jewel gold;an omelette eggs;porridge oats;a snowman snow;cider apples"""
KINDS = """violin musical instrument;piano musical instrument;drum musical instrument
flute musical instrument;trumpet musical instrument;apple fruit;banana fruit;cherry fruit
pear fruit;plum fruit;carrot vegetable;potato vegetable;onion vegetable;cabbage vegetable
oak tree;pine tree;birch tree;willow tree;rose flower;tulip flower;daisy flower;sparrow bird
eagle bird;robin bird;penguin bird;salmon fish;trout fish;shark fish;herring fish;bee insect
ant insect;beetle insect;butterfly insect;hammer tool;saw tool;spanner tool;chair piece of furniture
table piece of furniture;sofa piece of furniture;wardrobe piece of furniture;car vehicle
lorry vehicle;bicycle vehicle;tractor vehicle;football sport;tennis sport;hockey sport
rowing sport;Mars planet;Venus planet;Jupiter planet;Saturn planet;French language
German language;Arabic language;copper metal;silver metal;tin metal;zinc metal;granite rock
marble rock;shirt piece of clothing;coat piece of clothing;scarf piece of clothing"""
JOBS = """baker bakes bread;farmer grows food;teacher teaches pupils;doctor treats sick people
pilot flies planes;tailor sews clothes;butcher sells meat;barber cuts hair;judge decides in court
nurse cares for patients;miner digs for coal;fisherman catches fish;cook prepares meals
carpenter works with wood;plumber repairs pipes;sailor works on a ship;florist sells flowers
librarian looks after books;dentist treats teeth;postman delivers letters;clown makes people laugh
shepherd looks after sheep;potter makes pots;optician sells glasses;cobbler repairs shoes"""
PLACES = """bread a bakery;meat a butcher's shop;books a bookshop;medicine a pharmacy
stamps a post office;flowers a flower shop;glasses an optician's shop;petrol a petrol station
tickets a ticket office;fish a fish market"""
HOMES = """bee hive;bird nest;dog kennel;fox den;horse stable;spider web;rabbit burrow;cow barn
king palace;monk monastery;soldier barracks;bear cave"""
PLURALS = """child children;foot feet;goose geese;man men;mouse mice;tooth teeth;woman women
leaf leaves;knife knives;wolf wolves;city cities;baby babies;box boxes;bus buses;potato potatoes
sheep sheep;person people;wife wives;shelf shelves;hero heroes"""
PASTS = """go went;eat ate;see saw;take took;come came;run ran;write wrote;drink drank;buy bought
think thought;fly flew;give gave;find found;make made;speak spoke;swim swam;sing sang;bring brought
break broke;drive drove;fall fell;know knew;sleep slept;teach taught;win won;sit sat"""
CONTINENTS = """Austria Europe;Brazil South America;Canada North America;China Asia;Egypt Africa
France Europe;Germany Europe;Ghana Africa;India Asia;Italy Europe;Japan Asia;Kenya Africa
Mexico North America;Morocco Africa;Nepal Asia;Norway Europe;Peru South America;Poland Europe
Spain Europe;Thailand Asia;Tunisia Africa;Uruguay South America;Vietnam Asia;Greece Europe"""
PLAIN = """How many days are in a week?|There are seven days in a week.
How many months are in a year?|There are twelve months in a year.
How many hours are in a day?|There are twenty-four hours in a day.
How many minutes are in an hour?|There are sixty minutes in an hour.
How many legs does a spider have?|A spider has eight legs.
How many legs does an insect have?|An insect has six legs.
How many sides does a triangle have?|A triangle has three sides.
How many sides does a square have?|A square has four sides.
How many strings does a violin have?|A violin has four strings.
How many wheels does a bicycle have?|A bicycle has two wheels.
How many wheels does a tricycle have?|A tricycle has three wheels.
How many letters are in the alphabet?|The alphabet has twenty-six letters.
What is ice?|Ice is frozen water.
What is steam?|Steam is hot water in the form of gas.
What is rain?|Rain is water that falls from clouds.
What is a desert?|A desert is a very dry place.
What is an island?|An island is land with water all around it.
What is a volcano?|A volcano is a mountain that can throw out hot rock.
What is the sun?|The sun is a star.
What is the moon?|The moon goes around the earth.
What do plants need?|Plants need light, water and soil.
What do cows give?|Cows give milk.
What do bees make?|Bees make honey.
What do hens lay?|Hens lay eggs.
What does a clock show?|A clock shows the time.
What does a thermometer measure?|A thermometer measures the temperature.
What does a compass show?|A compass shows where north is.
When does the sun rise?|The sun rises in the morning.
When does the sun set?|The sun sets in the evening.
Where do fish live?|Fish live in water.
Where does snow fall?|Snow falls in cold places.
At what temperature does water freeze?|Water freezes at zero degrees.
At what temperature does water boil?|Water boils at one hundred degrees.
Which season comes after winter?|Spring comes after winter.
Which season comes after spring?|Summer comes after spring.
Which season comes after summer?|Autumn comes after summer.
Which season comes after autumn?|Winter comes after autumn.
What is the largest planet?|The largest planet is Jupiter.
What is the largest ocean?|The largest ocean is the Pacific.
What is the longest river in Africa?|The longest river in Africa is the Nile.
What is the highest mountain?|The highest mountain is Mount Everest.
Who wrote Hamlet?|William Shakespeare wrote Hamlet.
Who painted the Mona Lisa?|Leonardo da Vinci painted the Mona Lisa.
Who was the first person on the moon?|Neil Armstrong was the first person on the moon.
Hello!|Hello! How can I help you?
Hi there.|Hello! How can I help you?
Good morning!|Good morning! How can I help you?
Thank you!|You are welcome.
Thanks a lot.|You are welcome.
How are you?|I am fine, thank you.
Who are you?|I am a small language model.
What are you?|I am a small language model.
Goodbye!|Goodbye! Have a nice day.
What can you do?|I can answer short questions."""
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = (
    "January February March April May June July August September October November December".split()
)
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
).split()


@dataclass(frozen=True)
class Fact:
    """One piece of knowledge: its wordings, its answer and the word that makes an answer right."""

    questions: tuple[str, ...]
    answer: str
    key: str


def list_facts() -> list[Fact]:
    """Return all facts, in a fixed order."""
    facts = [_capital(*_halves(row)) for row in _rows(CAPITALS)]
    facts += [_continent(*_halves(row)) for row in _rows(CONTINENTS)]
    facts += [f for row in _rows(OPPOSITES) for f in _opposites(*_halves(row))]
    facts += [f for row in _rows(ANIMALS) for f in _animal(*row.split())]
    facts += [_colour(*row.rsplit(" ", 1)) for row in _rows(COLOURS)]
    facts += [_material(*row.rsplit(" ", 1)) for row in _rows(MATERIALS)]
    facts += [_kind(*_halves(row)) for row in _rows(KINDS)]
    facts += [_job(*_halves(row)) for row in _rows(JOBS)]
    facts += [_shop(*_halves(row)) for row in _rows(PLACES)]
    facts += [_home(*_halves(row)) for row in _rows(HOMES)]
    facts += [_plural(*_halves(row)) for row in _rows(PLURALS)]
    facts += [_past(*_halves(row)) for row in _rows(PASTS)]
    facts += [_plain(*row.split("|")) for row in PLAIN.split("\n")]
    return facts + _orders(DAYS, "day") + _orders(MONTHS, "month") + _sums()


def _rows(text: str) -> list[str]:
    return text.replace("\n", ";").split(";")


def _halves(row: str) -> tuple[str, str]:
    head, _, tail = row.partition(" ")
    return head, tail


def _an(word: str) -> str:
    return ("an " if word[0] in "aeioAEIO" else "a ") + word


def _capital(country: str, city: str) -> Fact:
    questions = (
        f"What is the capital of {country}?",
        f"Which city is the capital of {country}?",
        f"Name the capital of {country}.",
    )
    return Fact(questions, f"The capital of {country} is {city}.", city)


def _continent(country: str, continent: str) -> Fact:
    questions = (f"On which continent is {country}?", f"Where in the world is {country}?")
    return Fact(questions, f"{country} is in {continent}.", continent)


def _opposites(one: str, other: str) -> list[Fact]:
    return [
        Fact(
            (f"What is the opposite of {word}?", f"Give me the opposite of {word}."),
            f"The opposite of {word} is {key}.",
            key,
        )
        for word, key in ((one, other), (other, one))
        if word != "light"
    ]


def _animal(animal: str, young: str, sound: str) -> list[Fact]:
    return [
        Fact(
            (f"What is a young {animal} called?", f"What do you call a baby {animal}?"),
            f"A young {animal} is called {_an(young)}.",
            young,
        ),
        Fact(
            (f"What sound does {_an(animal)} make?",), f"{_an(animal).capitalize()} {sound}.", sound
        ),
    ]


def _colour(thing: str, colour: str) -> Fact:
    questions = (f"What colour is {thing}?", f"Which colour does {thing} have?")
    return Fact(questions, f"{thing[0].upper()}{thing[1:]} is {colour}.", colour)


def _material(thing: str, material: str) -> Fact:
    questions = (f"What is {thing} made of?", f"What do you need to make {thing}?")
    return Fact(questions, f"{thing[0].upper()}{thing[1:]} is made of {material}.", material)


def _kind(thing: str, kind: str) -> Fact:
    if thing[0].isupper():
        return Fact((f"What is {thing}?",), f"{thing} is a {kind}.", kind)
    questions = (f"What is {_an(thing)}?", f"What kind of thing is {_an(thing)}?")
    return Fact(questions, f"{_an(thing).capitalize()} is {_an(kind)}.", kind)


def _job(job: str, work: str) -> Fact:
    questions = (f"What does {_an(job)} do?", f"What is the work of {_an(job)}?")
    return Fact(questions, f"{_an(job).capitalize()} {work}.", work)


def _shop(thing: str, place: str) -> Fact:
    return Fact((f"Where can I buy {thing}?",), f"You can buy {thing} at {place}.", place)


def _home(animal: str, home: str) -> Fact:
    return Fact((f"Where does a {animal} live?",), f"A {animal} lives in a {home}.", home)


def _plural(one: str, many: str) -> Fact:
    questions = (f"What is the plural of {one}?", f"What do you call more than one {one}?")
    return Fact(questions, f"The plural of {one} is {many}.", many)


def _past(verb: str, past: str) -> Fact:
    questions = (f"What is the past tense of {verb}?", f"Put {verb} into the past.")
    return Fact(questions, f"The past tense of {verb} is {past}.", past)


def _plain(question: str, answer: str) -> Fact:
    return Fact((question,), answer, answer.rstrip("."))


def _orders(names: list[str], unit: str) -> list[Fact]:
    facts = []
    for place, name in enumerate(names):
        after, before = names[(place + 1) % len(names)], names[place - 1]
        facts.append(
            Fact((f"Which {unit} comes after {name}?",), f"{after} comes after {name}.", after)
        )
        facts.append(
            Fact((f"Which {unit} comes before {name}?",), f"{before} comes before {name}.", before)
        )
    return facts


def _sums() -> list[Fact]:
    return [
        Fact(
            (
                f"What is {NUMBERS[a]} plus {NUMBERS[b]}?",
                f"How much is {NUMBERS[a]} plus {NUMBERS[b]}?",
            ),
            f"{NUMBERS[a].capitalize()} plus {NUMBERS[b]} is {NUMBERS[a + b]}.",
            NUMBERS[a + b],
        )
        for a in range(1, 11)
        for b in range(1, 11)
    ]
