"""What the company sells, what customers write about, and what it answers: 60 kinds of tickets.

A kind is an area and a problem. Each has an answer of its own: who does what with the order, in how
many days, and what becomes of the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

_COURIER = "a courier collects it from your door"
_LABEL = "use the prepaid label that we send by mail"
_KEPT = "you can keep it, we need nothing back"


@dataclass(frozen=True)
class Area:
    """A part of what the company sells."""

    name: str
    #: Who answers for it.
    desk: str
    products: tuple[str, ...]
    #: What becomes of a product that is not kept.
    handling: str
    #: Working days, in the order of `PROBLEMS`.
    days: tuple[int, ...]


@dataclass(frozen=True)
class Problem:
    """What a customer writes about."""

    name: str
    #: What the desk does with the order. It alone decides whether an answer is right.
    action: str
    #: The rest of the answer.
    advice: str
    #: A ticket's subject.
    subject: str


@dataclass(frozen=True)
class Kind:
    """Tickets that get the same answer."""

    area: Area
    problem: Problem

    @property
    def days(self) -> int:
        """How many working days the desk takes."""
        return self.area.days[PROBLEMS.index(self.problem)]

    @property
    def decisive(self) -> str:
        """The words without which an answer is wrong, with `{order}`."""
        return f"The {self.area.desk} {self.problem.action} within {self.days} working days"

    @property
    def answer(self) -> str:
        """The text with `{order}` and `{product}` that agents choose."""
        return f"{self.decisive}. {self.problem.advice.replace('{handling}', self.area.handling)}"


PROBLEMS = (
    Problem(
        "late",
        "traces order {order}",
        "If your {product} is not found by then, we send another one at no cost.",
        "Where is my {product}? Order {order}",
    ),
    Problem(
        "damaged",
        "replaces order {order}",
        "Please send two photos of the {product} and of its box; {handling}.",
        "{product} broken on arrival, order {order}",
    ),
    Problem(
        "dead",
        "repairs order {order}",
        "Until then please leave the {product} switched off; {handling}.",
        "{product} does not work (order {order})",
    ),
    Problem(
        "return",
        "refunds order {order}",
        "Please pack the {product} in its own box; {handling}.",
        "Sending back the {product} from order {order}",
    ),
    Problem(
        "incomplete",
        "ships the missing parts of order {order}",
        "Please do not put the {product} together before they arrive.",
        "Parts missing: {product}, order {order}",
    ),
    Problem(
        "cancel",
        "cancels order {order}",
        "If your {product} was sent already, refuse the parcel and it returns to us.",
        "Please cancel order {order} ({product})",
    ),
)

AREAS = (
    Area("coffee", "Kettle Desk", ("Brewster Duo", "Brewster Solo", "Mokka 300"), _LABEL,
         (5, 3, 12, 9, 4, 2)),
    Area("cycling", "Spoke Desk", ("Velta City", "Velta Cargo", "Norrland E2"), _COURIER,
         (8, 14, 6, 20, 3, 7)),
    Area("air", "Breeze Desk", ("Purely 40", "Purely 80", "Windhover"), _KEPT,
         (4, 6, 10, 15, 2, 3)),
    Area("desks", "Timber Desk", ("Risa Oak", "Risa Ash", "Upright Pro"), _COURIER,
         (11, 16, 9, 25, 7, 5)),
    Area("sound", "Echo Desk", ("Halden One", "Halden Buds", "Quietude"), _LABEL,
         (3, 2, 8, 6, 9, 14)),
    Area("garden", "Rain Desk", ("Bachlauf 5", "Bachlauf 9", "Drizzle Kit"), _KEPT,
         (7, 5, 13, 11, 6, 4)),
    Area("camping", "Canvas Desk", ("Fjell Two", "Fjell Four", "Lavvu Max"), _LABEL,
         (6, 9, 18, 12, 10, 8)),
    Area("locks", "Latch Desk", ("Keyless S", "Keyless XL", "Portcullis"), _LABEL,
         (2, 4, 3, 7, 5, 6)),
    Area("cleaning", "Sweep Desk", ("Rolly 1", "Rolly 2 Max", "Dustfox"), _COURIER,
         (9, 7, 5, 10, 8, 12)),
    Area("sewing", "Thread Desk", ("Nadel Basic", "Nadel Quilt", "Overlock 7"), _COURIER,
         (10, 8, 15, 14, 12, 9)),
)  # fmt: skip

KINDS = tuple(Kind(area, problem) for area, problem in product(AREAS, PROBLEMS))
