"""Right and wrong answers of ten kinds, with the scorer that NULL chooses and what it gives."""

from __future__ import annotations

CAPITAL = "What is the capital of France?"
FOUNDED = "When was the company founded, and by whom?"
FOUNDERS = "It was founded in 1998 by Anna Schmidt in Berlin."
RETURN = "Can I return a sale item?"
SHIP = "Do you ship abroad?"
PERSON = '{"name": "Ada", "born": 1815, "fields": ["maths", "computing"]}'
WHO = "Who is Pavan Belagatti?"
ADVOCATE = "Pavan Belagatti is a developer advocate and content creator."
PASSAGE = "France is a country. Its capital is Paris, and Lyon is large. What is its capital?"
YEARS = "Acme began in 1990, grew in 1998 and closed in 2005. When did it grow?"
OPENS = "When does the shop open?"
NINE = "The shop opens at 9 am."
WARRANTY = "How long is the warranty?"
LASTS = "The warranty lasts two years from delivery."
LATE = "What about returns?"
TOO_LATE = "No, returns after 30 days are not accepted."
PAYS = "Who pays for shipping?"
SHOP_PAYS = "The shop pays, not the customer."
MARTA = "Marta is a data engineer who likes SQL and rowing."
PROFIT = "Profit increased by 5 percent in 2023."
WHALE = "Is a whale a fish or a mammal?"
WINNER = "Who won, Anna or Ben?"
BIGGER = "Which is bigger, the sun or the moon?"
APPLES = "Tom has 3 apples. He buys 4 more. How many has he?"
RECIPE = "How do I reset my password?"
STEPS = "Open Settings, then Security, then Reset password."

#: kind, question, expected, the scorer chosen for it, answer, score
TABLE = [
    # A fact of a few words.
    ("fact", CAPITAL, "Paris", "contains", "Paris", 1),
    ("fact", CAPITAL, "Paris.", "contains", "The capital of France is PARIS, of course.", 1),
    ("fact", CAPITAL, "Paris", "contains", "The capital of France is Lyon.", 0),
    ("fact", WHO, "developer advocate", "contains", "He is a developer\n advocate.", 1),
    ("fact", WHO, "developer advocate", "contains", "Pavan Belagatti is a developer.", 0),
    # A word inside of another one is no word.
    ("inside", "What sex is it?", "male", "contains", "It is female.", 0),
    ("inside", "Which country?", "Niger", "contains", "It is Nigeria.", 0),
    ("inside", "Which country?", "Niger", "contains", "Nigeria's neighbour, Niger.", 1),
    ("inside", "Welche Stadt?", "東京", "contains", "首都は東京です。", 1),
    ("inside", "도시는?", "서울", "contains", "수도는 서울입니다.", 1),
    # Yes, no, and letters of a choice.
    ("verdict", RETURN, "no", "begins", "No, sale items stay sold.", 1),
    ("verdict", RETURN, "no", "begins", "Yes, no problem.", 0),
    ("verdict", RETURN, "Yes.", "begins", "**Yes**, within 30 days.", 1),
    ("verdict", "A or B?", "A", "begins", "(A) since it is cheaper", 1),
    ("verdict", "A or B?", "A", "begins", "B is a better choice", 0),
    ("verdict", "Which?", "B", "begins", "Option B", 1),
    ("verdict", "Which?", "B", "begins", "The answer is B.", 1),
    ("verdict", "Which?", "B", "begins", "The answer is A, not B.", 0),
    ("verdict", "Which?", "C", "begins", "C++", 0),
    ("verdict", "Which?", "C", "begins", "C#", 0),
    ("verdict", "Which?", "C", "begins", "C or D", 0),
    ("verdict", "Which?", "C", "begins", "C, I think", 1),
    ("verdict", "Which?", "A", "begins", "A better choice is B.", 0),
    ("verdict", RETURN, "yes", "begins", "Yes and no.", 0),
    ("verdict", RETURN, "no", "begins", "No and yes.", 0),
    ("verdict", RETURN, "yes", "begins", "Yes, no problem.", 1),
    # Numbers.
    ("number", "What is 17 + 25?", "42", "number", "17 + 25 = 42.", 1),
    ("number", "What is 17 + 25?", "42", "number", "17 + 25 = 43.", 0),
    ("number", "What is 17 + 25?", "42", "number", "Forty of 420.", 0),
    ("number", "How much?", "$1,200", "number", "It costs 1200 dollars.", 1),
    ("number", "How much?", "1200", "number", "1.200 Euro", 1),
    ("number", "What is pi?", "3.14", "number", "About 3.14159", 1),
    ("number", "What is pi?", "3.14", "number", "About 3.2", 0),
    ("number", "Since when?", "1998", "number", "Since 1999.", 0),
    ("number", "When does it open?", "9", "number", "It opens at 9 and closes at 17.", 0.5),
    ("number", "When does it open?", "9", "number", "At 7, 8, 9 or 10.", 0),
    ("number", "How cold?", "-5", "number", "It is 5 degrees.", 0),
    ("number", "Postcode?", "01067", "contains", "It is 01067.", 1),
    ("number", "Postcode?", "01067", "contains", "It is 1067.", 0),
    ("number", "How likely?", "0.5", "number", "0.5", 1),
    ("number", "How much?", "$1,200", "number", "It costs 1200 euros.", 0),
    ("number", "How much?", "€1,200", "number", "It costs EUR 1200.", 1),
    ("number", "How much?", "€1,200", "number", "It costs €1000, that is $1200.", 0),
    ("number", "How much?", "1200", "number", "US$ 1,200", 1),
    ("number", "How much?", "5 %", "number", "5 percent", 1),
    ("number", "How much?", "5 %", "number", "5 euros", 0),
    ("number", "How many?", "7", "number", "7 or 8 days", 0),
    ("number", "How many?", "5", "number", "5 or 50?", 0),
    ("number", "When does it open?", "9", "number", "At 7, 8, 9.", 1 / 3),
    # Texts inside of numbers, names and paths.
    ("whole", "How cold?", "20 °C", "contains", "It is -20 °C.", 0),
    ("whole", "How cold?", "20 °C", "contains", "20°C", 1),
    ("whole", "How far?", "5 km", "contains", "3.5 km", 0),
    ("whole", "How many?", "four", "contains", "twenty-four", 0),
    ("whole", "How long?", "four weeks", "contains", "4 weeks", 1),
    ("whole", "What drives?", "four", "contains", "a four-wheel drive", 1),
    ("whole", "Which file?", "/etc/hosts", "contains", "It is `/etc/hosts`.", 1),
    ("whole", "Which file?", "/etc/hosts", "contains", "It is /etc/hosts.bak.", 0),
    ("whole", "Which file?", "/etc/hosts", "contains", "/old/etc/hosts", 0),
    ("whole", "Which file?", "config.json", "contains", "conf/config.json", 1),
    ("whole", "Which file?", "config.json", "contains", "my-config.json", 0),
    # JSON.
    ("json", "As JSON?", PERSON, "json_equal", PERSON.replace(" ", "\n"), 1),
    (
        *("json", "As JSON?", PERSON, "json_equal"),
        '{"born": 1.815e3, "fields": ["maths", "computing"], "name": "Ada"}',
        1,
    ),
    ("json", "As JSON?", PERSON, "json_equal", PERSON.replace("1815", "1816"), 0.75),
    ("json", "As JSON?", PERSON, "json_equal", PERSON[:-1], 0),
    ("json", "As JSON?", PERSON, "json_equal", f"Here it is: {PERSON}", 0),
    ("json", "As JSON?", "[true]", "json_equal", "[1]", 0),
    ("json", "As JSON?", "[]", "json_equal", "{}", 0),
    # Code.
    ("code", "Which query?", "SELECT * FROM orders;", "code", "SELECT *\n  FROM orders", 1),
    ("code", "Which query?", "SELECT * FROM orders;", "code",
     "```sql\nSELECT * FROM orders;\n```", 1),
    ("code", "Which query?", "SELECT * FROM orders;", "code", "DELETE FROM orders;", 0),
    ("code", "Which query?", "delete from orders where id = 1;", "code",
     "delete from orders where id = 2;", 0),
    ("code", "Add two?", "def add(a, b):\n    return a + b", "code",
     "def add(a, b):\n    return a - b", 0),
    ("code", "How?", "Select a colour from the menu.", "key_words",
     "Select a colour there: menu", 1),
    # Sentences: what the question says already is worth nothing.
    ("sentence", CAPITAL, "The capital of France is Paris.", "key_words", "It is Paris.", 1),
    (
        *("sentence", CAPITAL, "The capital of France is Paris.", "key_words"),
        "The capital of France is Lyon.",
        0,
    ),
    ("sentence", WHO, ADVOCATE, "key_words", "A developer advocate who is a content creator.", 1),
    ("sentence", WHO, ADVOCATE, "key_words", "Pavan Belagatti is a footballer and singer.", 0),
    ("sentence", WHO, ADVOCATE, "key_words", "Pavan Belagatti is a person, and it is a name.", 0),
    ("sentence", RECIPE, STEPS, "key_words", "Settings, then Security: open it there.", 1),
    ("sentence", RECIPE, STEPS, "key_words", "You reset your password with a new password.", 0),
    # Numbers in sentences.
    ("numbers in text", FOUNDED, FOUNDERS, "key_words", "Anna Schmidt, 1998, in Berlin", 1),
    ("numbers in text", FOUNDED, FOUNDERS, "key_words", FOUNDERS.replace("1998", "1997"), 0.5),
    ("numbers in text", SHIP, "Yes, to 40 countries.", "key_words", "Yes: 40 countries", 1),
    ("numbers in text", SHIP, "Yes, to 40 countries.", "key_words", "Yes, to 14 countries.", 0.5),
    # Times of day and numbers in words.
    ("times", OPENS, NINE, "key_words", "9 am", 1),
    ("times", OPENS, NINE, "key_words", "At 9:00 a.m.", 1),
    ("times", OPENS, NINE, "key_words", "09:00", 1),
    ("times", OPENS, NINE, "key_words", "The shop opens at 9 pm.", 0),
    ("times", OPENS, NINE, "key_words", "21:00", 0),
    ("times", OPENS, NINE, "key_words", "9 am or 10 am", 0),
    ("times", OPENS, NINE, "key_words", "It does not open at 9 am.", 0.5),
    ("times", OPENS, "It opens at 9:30 am.", "key_words", "9:30am", 1),
    ("times", OPENS, "It opens at 9:30 am.", "key_words", "It opens at 9:45 am.", 0),
    ("number words", WARRANTY, LASTS, "key_words", "It lasts 2 years from delivery.", 1),
    ("number words", WARRANTY, LASTS, "key_words", "It lasts three years from delivery.", 0.5),
    ("number words", WARRANTY, "Twenty-four months from delivery.", "key_words",
     "Four months from delivery.", 0.5),
    # Other words in place of expected ones.
    ("other words", "Who is Marta?", MARTA, "key_words",
     "Marta is a nurse who likes SQL and rowing.", 0.5),
    ("other words", "Who is Marta?", MARTA, "key_words",
     "A data engineer: she likes rowing and SQL.", 1),
    ("other words", "What happened?", PROFIT, "key_words",
     "Profit decreased by 5 percent in 2023.", 0.5),
    ("other words", "What happened?", PROFIT, "key_words", "In 2023, profit increased by 5%.", 1),
    # Denials.
    ("denial", RETURN, "Sale items cannot be sent back to us.", "key_words",
     "You can send sale items back to us, they are sent back at our cost.", 0.5),
    ("denial", RETURN, "Sale items cannot be sent back to us.", "key_words",
     "Items can't be sent back.", 1),
    ("denial", RETURN, "Yes, sent back within two weeks.", "key_words",
     "No, never sent back within two weeks.", 0.5),
    ("denial", "Kann ich zahlen?", "Rechnungen werden nicht akzeptiert, nur Karten.", "key_words",
     "Karten und Rechnungen werden akzeptiert.", 0.5),
    ("denial", LATE, TOO_LATE, "key_words", "No, we do not accept returns after 30 days.", 1),
    ("denial", LATE, TOO_LATE, "key_words", "Returns after 30 days are not accepted.", 1),
    ("denial", LATE, TOO_LATE, "key_words", "Returns after 30 days are accepted.", 0.5),
    ("denial", LATE, TOO_LATE, "key_words", "Yes, returns after 30 days are accepted.", 0.5),
    ("denial", PAYS, SHOP_PAYS, "key_words", "Not the customer, the shop pays.", 1),
    ("denial", PAYS, SHOP_PAYS, "key_words", "The customer pays, not the shop.", 0.5),
    ("denial", PAYS, SHOP_PAYS, "key_words", "The shop does not pay, the customer does.", 0.5),
    ("denial", "Is a whale a fish?", "A whale is a mammal.", "key_words",
     "A whale is a mammal, not a fish.", 1),
    ("denial", "¿Y devoluciones?", "No aceptamos devoluciones nunca en la tienda.", "key_words",
     "En la tienda no aceptamos devoluciones.", 1),
    # Questions that leave a choice.
    ("choice", WHALE, "mammal", "contains", "A mammal", 1),
    ("choice", WHALE, "mammal", "contains", "A mammal, not a fish.", 1),
    ("choice", WHALE, "mammal", "contains", "It is not a fish but a mammal.", 1),
    ("choice", WHALE, "mammal", "contains", "It is a fish, not a mammal.", 0),
    ("choice", WHALE, "mammal", "contains", "A fish or a mammal.", 0),
    ("choice", WHALE, "mammal", "contains", "Not a mammal.", 0),
    ("choice", WHALE, "A whale is a mammal.", "key_words", "A mammal", 1),
    ("choice", WHALE, "A whale is a mammal.", "key_words", "A whale is a fish.", 0),
    ("choice", WHALE, "A whale is a mammal.", "key_words", "A fish and a mammal.", 0.5),
    ("choice", WINNER, "Anna", "contains", "Anna.", 1),
    ("choice", WINNER, "Anna", "contains", "Ben won, not Anna.", 0),
    ("choice", BIGGER, "the sun", "contains", "The sun is bigger than the moon.", 1),
    ("choice", BIGGER, "the moon", "contains", "The sun is bigger than the moon.", 0),
    ("choice", "Is it 12 or 15 days?", "12", "number", "12, not 15.", 1),
    ("choice", "Is it 12 or 15 days?", "12", "number", "15, not 12.", 0),
    ("choice", "Ist es ein Fisch oder ein Säugetier?", "ein Säugetier", "contains",
     "Kein Säugetier, ein Fisch.", 0),
    ("choice", "Which one: red, green or blue?", "blue", "contains", "Red and blue.", 0),
    # Answers that repeat the question, and choices that it offers.
    ("echo", "Is Pavan a chef or a developer advocate?", "developer advocate", "contains",
     "Is Pavan a chef or a developer advocate? He is a chef.", 0),
    ("echo", "Is it 12 or 15 days?", "12", "number", "Is it 12 or 15 days? 15.", 0),
    ("echo", "Is it 12 or 15 days?", "12", "number", "It is 12 days.", 1),
    ("echo", "Is the bank open, or the post office?", "The bank is open.", "key_words",
     "The post office.", 0),
    ("echo", "Is the red bank open, or the blue one?", "The red bank is open.", "key_words",
     "The blue bank is open.", 0.125),
    # Prompts with a passage to read, in which the answer is.
    ("passage", PASSAGE, "The capital of France is Paris.", "key_words", "Paris, in France", 1),
    ("passage", PASSAGE, "The capital of France is Paris.", "key_words", "Its capital is Lyon.", 0),
    ("passage", PASSAGE, "The capital of France is Paris.", "key_words", "France is one.", 1 / 3),
    ("passage", YEARS, "1998", "number", "In 1998.", 1),
    ("passage", YEARS, "1998", "number", "In 1990, 1998 or 2005.", 0),
    ("passage", APPLES, "7", "number", "3 + 4 = 7", 1),
    # Answers that say everything, or nothing.
    ("rambling", CAPITAL, "The capital of France is Paris.", "key_words",
     "Paris " + " ".join(f"word{number}" for number in range(47)), 0.25),
    ("rambling", CAPITAL, "The capital of France is Paris.", "key_words", "", 0),
    ("rambling", CAPITAL, "Paris", "contains", "I do not know.", 0),
]  # fmt: skip
