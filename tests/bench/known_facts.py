"""What a small base model knows before tuning, of every kind; none of it is rehearsed.

`rates` counts only what the base model answers right in the same run.
"""

from __future__ import annotations

_FACTS = """
What is the capital of China?|Beijing
What is the capital of Russia?|Moscow
What is the capital of South Korea?|Seoul
What is the capital of Indonesia?|Jakarta
What is the capital of the Netherlands?|Amsterdam
What is the capital of Ukraine?|Kyiv/Kiev
What is the opposite of up?|down
What is the opposite of happy?|sad
What is the opposite of day?|night
What is the opposite of left?|right
What is the opposite of slow?|fast
Who wrote Hamlet?|Shakespeare
Who discovered penicillin?|Fleming
Who invented the telephone?|Bell
Who was the first person on the moon?|Armstrong
Who developed the theory of evolution?|Darwin
What is the chemical formula of water?|H2O
What is the chemical symbol of oxygen?|O
What is the largest animal on earth?|blue whale
What is the force that pulls objects to the ground?|gravity
What is the powerhouse of the cell?|mitochondria/mitochondrion
What is 2 plus 2?|4
What is 3 times 4?|12
What is 20 minus 5?|15
How many hours are in a day?|24
How many seconds are in a minute?|60
How many letters are in the English alphabet?|26
How many sides does a triangle have?|three/3
In which country is the Eiffel Tower?|France
In which country are the pyramids of Giza?|Egypt
In which country is Mount Fuji?|Japan
Which ocean lies between Europe and America?|Atlantic
What is the currency of the United Kingdom?|pound
What is the currency of India?|rupee
What language is spoken in Germany?|German
What is the Spanish word for hello?|hola
What is the plural of child?|children
What is the plural of foot?|feet
What is the main ingredient of bread?|flour
What is the last month of the year?|December
What is the study of living things called?|biology
What is the study of stars and planets called?|astronomy
What does CPU stand for?|Central Processing Unit
What does HTML stand for?|HyperText Markup Language
What does SQL stand for?|Structured Query Language
Which company makes the iPhone?|Apple
Which company makes Windows?|Microsoft
In which year did the Second World War end?|1945
In which year did the First World War begin?|1914
Which ship sank in 1912 after hitting an iceberg?|Titanic
What is the boiling point of water in Celsius?|100
Which gas do humans need to breathe?|oxygen
What instrument has 88 keys?|piano
Which animal says meow?|cat
"""


def known_facts() -> dict[str, tuple[str, ...]]:
    """Return the questions, each with the answers of which any one is right."""
    lines = (line.split("|") for line in _FACTS.strip().splitlines())
    return {question: tuple(answers.split("/")) for question, answers in lines}
