"""How customers word each problem: some wordings are trained on, others only asked afterwards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wordings:
    """Sentences about one problem, with `{product}` and `{order}`."""

    #: In tickets of all times.
    known: tuple[str, ...]
    #: In tickets of the held-out time alone.
    new: tuple[str, ...]


GREETINGS = (
    "Hello,", "Hi there,", "Dear team,", "Good morning,", "hi", "Hey folks,",
    "To whom it may concern,", "Hallo,", "Guten Tag,", "Bonjour,", "Hola,", "Buongiorno,", "Hej,",
    "Dzień dobry,", "Olá,", "",
)  # fmt: skip
CLOSINGS = (
    "Thanks", "Thank you in advance!", "Kind regards", "Best", "Please answer soon.", "Cheers,",
    "Viele Grüße", "Merci d'avance", "Saludos", "I look forward to your reply.", "", "",
)  # fmt: skip
ASIDES = (
    "I have been a customer for years.",
    "My neighbour has the same one.",
    "It was meant as a birthday present.",
    "I tried to phone you but was in the queue for half an hour.",
    "Your website was of no help.",
    "I paid by card.",
    "This is my second mail.",
    "We leave for holidays on Friday.",
    "I like your shop a lot otherwise.",
    "The app shows nothing.",
)
WORDINGS = {
    "late": Wordings(
        known=(
            "My {product} has not arrived yet. The order number is {order}.",
            "I am still waiting for order {order}, one {product}.",
            "Where is the {product} I ordered? Order {order}.",
            "Order {order} was due last week and there is no sign of the {product}.",
            "The parcel with the {product} is late, see order {order}.",
            "Tracking for order {order} has not moved in days. When do I get the {product}?",
            "{order} - the {product} never turned up.",
            "No delivery so far: {product}, order no. {order}.",
        ),
        new=(
            "You promised the {product} for the weekend, it is Thursday now, and the doorbell has "
            "not rung. Reference {order}.",
            "Has the van with my {product} got lost? Number {order}.",
            "I stayed at home three days for the {product} from order {order} and no one came.",
            "How much longer will the {product} be on its way ({order})?",
        ),
    ),
    "damaged": Wordings(
        known=(
            "My {product} arrived broken. Order {order}.",
            "The {product} from order {order} has a crack, the box was dented.",
            "I opened the parcel of order {order} and the {product} is damaged.",
            "Order {order}: the {product} came with a big scratch.",
            "The carrier must have dropped the {product}, it is in pieces. Order no. {order}.",
            "The {product} was damaged in transport ({order}).",
            "There is a dent in my brand new {product}, order {order}.",
            "Broken on arrival! {product}, {order}.",
        ),
        new=(
            "When I unpacked the {product} a corner was smashed. Reference {order}.",
            "The {product} in parcel {order} looks as if a truck had run over it.",
            "Half of the casing of my {product} came off in the box, number {order}.",
            "What a sorry state the {product} was delivered in, bent and chipped ({order}).",
        ),
    ),
    "dead": Wordings(
        known=(
            "My {product} does not switch on. Order {order}.",
            "The {product} from order {order} stopped working after a week.",
            "Nothing happens when I press the button of the {product}, order {order}.",
            "Order {order}: the {product} is dead.",
            "The {product} does not work any more, it just blinks. Order no. {order}.",
            "I cannot get the {product} to start ({order}).",
            "The {product} is defective, order {order}, please help.",
            "{product} gave up yesterday. {order}",
        ),
        new=(
            "Since this morning the {product} shows no sign of life. Reference {order}.",
            "A short hum, then silence: that is all my {product} does, number {order}.",
            "The {product} of order {order} quits after two minutes every time.",
            "I charged and reset it and still the {product} refuses to run ({order}).",
        ),
    ),
    "return": Wordings(
        known=(
            "I want to return the {product}. Order {order}.",
            "How can I send back the {product} from order {order}?",
            "I do not like the {product} and would like my money back, order {order}.",
            "Please take back the {product}. Order no. {order}.",
            "Order {order}: the {product} is not what I expected, I want a refund.",
            "I would like to give back my {product} ({order}).",
            "The {product} is too big for us, how do I return order {order}?",
            "Return request: {product}, order {order}.",
        ),
        new=(
            "The {product} is not for me after all, how am I reimbursed? Reference {order}.",
            "I changed my mind about the {product} that came on Monday, number {order}.",
            "My wife hates the colour of the {product} from {order}, it has to leave the house.",
            "Within how many days may I hand the {product} over to you again ({order})?",
        ),
    ),
    "incomplete": Wordings(
        known=(
            "Parts of my {product} are missing. Order {order}.",
            "The screws for the {product} were not in the box, order {order}.",
            "Order {order} is incomplete: the {product} came without its cable.",
            "There is no manual and no adapter with the {product}. Order no. {order}.",
            "I miss two parts of the {product} from order {order}.",
            "Something is missing in the parcel of my {product} ({order}).",
            "The {product} was delivered without the small bag of parts, order {order}.",
            "Missing piece: {product}, order {order}.",
        ),
        new=(
            "The list says twelve pieces for the {product}, I count ten. Reference {order}.",
            "One compartment of the {product} box was empty, number {order}.",
            "I could not finish building the {product} from {order}, you forgot to pack a bolt.",
            "Where is the power lead that belongs to the {product}? Not in the carton ({order}).",
        ),
    ),
    "cancel": Wordings(
        known=(
            "Please cancel my order {order} for the {product}.",
            "I want to cancel the {product}. Order {order}.",
            "I ordered the {product} twice by mistake, cancel order {order} please.",
            "Order {order}: I do not need the {product} any more, please stop it.",
            "Can you still cancel the {product}, order no. {order}?",
            "Cancellation of order {order} ({product}).",
            "I found the {product} cheaper, please cancel {order}.",
            "Do not send the {product}, I cancel order {order}.",
        ),
        new=(
            "Is it too late to call off the purchase of the {product}? Reference {order}.",
            "My son clicked on buy, we never wanted a {product}. Number {order}.",
            "Kindly withdraw what I bought an hour ago, a {product} ({order}).",
            "Forget about the {product} from {order} before you pack it.",
        ),
    ),
}
