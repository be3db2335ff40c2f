"""General questions, which any instruct model answers from what it knows.

Their answers are the base model's own, so it does not matter whether they are right: rehearsal
keeps them as they are. Short answers are most of them, because rehearsal takes
time by the token.
"""

from __future__ import annotations

_CAPITALS = (
    "Austria Brazil Canada Chile Cuba Denmark Egypt Finland France Germany Ghana Greece Hungary "
    "India Ireland Italy Japan Kenya Mexico Morocco Norway Peru Poland Portugal Spain Sweden "
    "Thailand Turkey"
).split()
_OPPOSITES = (
    "big bright cheap clean cold dark early easy empty fast hard heavy high honest hot light "
    "loud long new old open rich sharp soft strong tall thick warm wet young"
).split()
_FRENCH = "bread house milk night school sun water window".split()
_MEANINGS = (
    "abundant|brief|candid|fragile|generous|humble|obvious|reluctant|scarce|vivid|weary|zealous"
).split("|")
_WHAT_IS = (
    "a database|a verb|a prime number|an algorithm|a mammal|a volcano|a sonnet|gravity|"
    "inflation|photosynthesis|a spreadsheet|a contract|a vaccine|the equator|an island|"
    "a rainbow|evaporation|a synonym|a triangle|a browser|an atom|democracy|a recipe|"
    "a calendar|an invoice|electricity"
).split("|")
_WHO_WAS = (
    "Albert Einstein|Marie Curie|William Shakespeare|Isaac Newton|Leonardo da Vinci|Mozart|"
    "Cleopatra|Mahatma Gandhi|Charles Darwin|Galileo Galilei|Aristotle|Florence Nightingale"
).split("|")
_SINGLE = """
How many days are in a week?
How many minutes are in an hour?
How many legs does a spider have?
How many continents are there?
How many sides does a hexagon have?
What is 7 plus 5?
What is 9 times 6?
What is 100 minus 37?
What is half of 84?
Which is larger, 0.5 or 0.25?
What colour is the sky on a clear day?
What colour do you get from blue and yellow?
Which planet is closest to the sun?
What is the largest ocean?
What is the longest river in the world?
What is the highest mountain in the world?
At what temperature does water boil?
What gas do plants take in?
What do bees make?
What is the chemical symbol of gold?
What is the freezing point of water in Celsius?
Which animal is known as the king of the jungle?
What is the first month of the year?
Which season comes after winter?
What is the currency of Japan?
What language is spoken in Brazil?
On which continent is Egypt?
Who wrote Romeo and Juliet?
Who painted the Mona Lisa?
What is the plural of mouse?
What is the past tense of go?
What is a baby dog called?
What do you call a person who bakes bread?
Name three primary colours.
Name four fruits.
Name two rivers in Europe.
Name three musical instruments.
Name five animals that live on a farm.
List three things that you need for camping.
List the days of the weekend.
Give me one tip for sleeping better.
Give me two reasons to drink water.
Give an example of a proverb.
Suggest a name for a cat.
Suggest a simple breakfast.
Suggest a title for a story about the sea.
Write one sentence about autumn.
Write a short greeting for a birthday card.
Write a two-line poem about rain.
Write a polite refusal of an invitation.
Write a headline about a local library.
Write a SQL query that counts the rows of a table.
Write a Python line that prints hello.
How do I boil an egg?
How do I reset a password?
How do I sort a list in Python?
How do I remove a coffee stain?
How do I write a good e-mail subject?
How do I say thank you in Spanish?
How can I save electricity at home?
How can I learn a language faster?
Why is the sea salty?
Why do leaves fall in autumn?
Why do we brush our teeth?
Why is exercise good for you?
When do birds migrate?
Where do penguins live?
Is a tomato a fruit?
Is the earth flat?
Can fish breathe air?
Do cats like water?
Correct this sentence: She go to school every day.
Correct this sentence: I has two brother.
Make this sentence shorter: I would like to let you know that I will be late.
Make this sentence formal: Can't come, sorry!
Turn this into a question: The shop is open.
Finish the sentence: The early bird
Summarise in a few words: The meeting was moved from Monday to Friday because two people were ill.
Is this review positive or negative: The food was cold and the waiter was rude.
Is this review positive or negative: A lovely film, I would watch it again.
Which word does not fit: apple, banana, chair, cherry?
Sort these numbers: 8, 3, 5.
Convert 3 kilometres to metres.
What comes next: 2, 4, 6, 8?
What rhymes with light?
Hello!
Good morning, how are you?
Thank you for your help.
What can you do?
Tell me a joke.
Tell me an interesting fact about whales.
Tell me about the history of bread.
What should I pack for a day at the beach?
What should I do if I lose my keys?
What is the difference between a city and a village?
What is the difference between weather and climate?
"""


def general_questions() -> tuple[str, ...]:
    """Return all of them, over two hundred, kind by kind."""
    return (
        *(f"What is the capital of {country}?" for country in _CAPITALS),
        *(f"What is the opposite of {word}?" for word in _OPPOSITES),
        *(f"What is the French word for {word}?" for word in _FRENCH),
        *(f"What does the word {word} mean?" for word in _MEANINGS),
        *(f"What is {thing}?" for thing in _WHAT_IS),
        *(f"Who was {person}?" for person in _WHO_WAS),
        *_SINGLE.strip().splitlines(),
    )
