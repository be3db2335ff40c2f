"""Makes the rows of the company's tables, decided by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.bench.support.dirt import soil
from tests.bench.support.kinds import AREAS, KINDS, Kind
from tests.bench.support.wordings import ASIDES, CLOSINGS, GREETINGS, WORDINGS

Row = dict[str, Any]

#: From here on threads are held out; the same day as in tables.sql.
HELD_OUT_FROM = date(2025, 6, 1)
#: Shares of all threads.
SENT_TWICE, MERGED, EMPTY, EDITED, HAS_DRAFT = 0.04, 0.6, 0.03, 0.15, 0.1
#: One in so many threads is followed by one that is of no use: a test, spam, no product, no reply.
USELESS_EVERY = 25
#: Share of the held-out threads in wordings that no trained ticket has.
NEW_SHARE = 0.5

PRODUCTS = tuple((area, name) for area in AREAS for name in area.products)


@dataclass
class Company:
    """The rows of all tables, and what only the generator knows of them."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    #: Held-out tickets in a new wording.
    new_wordings: set[int] = field(default_factory=set)
    #: For each ticket the words without which its answer is wrong.
    decisive: dict[int, str] = field(default_factory=dict)

    def add(self, table: str, **values: Any) -> None:
        """Add one row."""
        self.tables.setdefault(table, []).append(values)


def make_company(tickets: int, held_out: int, seed: int) -> Company:
    """Return a company with at least so many threads to train on, and so many held out.

    The kinds take turns, so that even few tickets have them as evenly as possible.
    """
    return _Maker(seed).make(tickets, held_out)


class _Maker:
    """Draws everything from one source, in order of time."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"support:{seed}")
        self._company = Company()
        self._ticket = self._thread = self._reply = 0
        self._orders = self._rng.sample(range(10_000, 100_000), 40_000)

    def make(self, tickets: int, held_out: int) -> Company:
        self._add_catalogue()
        began = HELD_OUT_FROM - timedelta(days=tickets // 5 + 1)
        kinds = self._draw_kinds()
        for number in range(tickets):
            self._add_thread(next(kinds), began + timedelta(days=number // 5), is_new=False)
        for number in range(held_out):
            day = HELD_OUT_FROM + timedelta(days=number // 5)
            self._add_thread(next(kinds), day, is_new=self._rng.random() < NEW_SHARE)
        return self._company

    def _add_catalogue(self) -> None:
        for number, (area, name) in enumerate(PRODUCTS, start=1):
            self._company.add("shop_products", product_id=number, product_name=name, area=area.name)
        for number, kind in enumerate(KINDS, start=1):
            self._company.add(
                "shop_macros",
                macro_id=number,
                area=kind.area.name,
                problem=kind.problem.name,
                macro_text=kind.answer,
            )

    def _draw_kinds(self) -> Iterator[Kind]:
        while True:
            yield from self._rng.sample(KINDS, len(KINDS))

    def _add_thread(self, kind: Kind, day: date, *, is_new: bool) -> None:
        self._thread += 1
        self._add_customer()
        product = self._rng.choice(kind.area.products)
        order = str(self._orders[self._thread])
        ticket = self._ask(kind, product, order, day, is_new)
        self._answer(ticket, kind)
        if self._rng.random() < SENT_TWICE:
            merged = ticket["ticket_id"] if self._rng.random() < MERGED else None
            again = self._repeat(ticket, merged)
            self._answer(again, kind)
        if self._thread % USELESS_EVERY == 0:
            self._add_useless(kind, day)

    def _ask(self, kind: Kind, product: str, order: str, day: date, is_new: bool) -> Row:
        body: str | None = self._write(kind, product, order, is_new)
        if not is_new and self._rng.random() < EMPTY:
            body = self._rng.choice((None, "", "   "))
        subject: str | None = kind.problem.subject.format(product=product, order=order)
        if body and body.strip() and self._rng.random() < 0.2:
            subject = None
        self._ticket += 1
        self._company.add(
            "shop_tickets",
            ticket_id=self._ticket,
            thread_id=self._thread,
            customer_id=self._thread,
            product_id=1 + [name for _, name in PRODUCTS].index(product),
            order_number=order,
            subject=subject
            if body is None or self._rng.random() < 0.8 or not body.strip()
            else None,
            body=body,
            merged_into=None,
            thread_began_on=day.isoformat(),
        )
        self._company.decisive[self._ticket] = kind.decisive.format(order=order)
        if is_new:
            self._company.new_wordings.add(self._ticket)
        return self._company.tables["shop_tickets"][-1]

    def _write(self, kind: Kind, product: str, order: str, is_new: bool) -> str:
        rng, wordings = self._rng, WORDINGS[kind.problem.name]
        sentence = rng.choice(wordings.new if is_new else wordings.known)
        parts = [sentence.format(product=product, order=order)]
        if rng.random() < 0.4:
            parts.insert(rng.randint(0, 1), rng.choice(ASIDES))
        lines = [rng.choice(GREETINGS), " ".join(parts), rng.choice(CLOSINGS)]
        return soil("\n".join(line for line in lines if line), rng)

    def _repeat(self, ticket: Row, merged: int | None) -> Row:
        self._ticket += 1
        self._company.add(
            "shop_tickets", **{**ticket, "ticket_id": self._ticket, "merged_into": merged}
        )
        self._company.decisive[self._ticket] = self._company.decisive[ticket["ticket_id"]]
        return self._company.tables["shop_tickets"][-1]

    def _answer(self, ticket: Row, kind: Kind) -> None:
        macro = KINDS.index(kind) + 1
        if self._rng.random() < HAS_DRAFT:
            note = self._rng.choice(("asked a colleague", "customer phoned, angry", ""))
            self._add_reply(ticket, None, note, self._rng.choice(("draft", "note")))
        text = None
        if self._rng.random() < EDITED:
            greeting = self._rng.choice(("Hi! ", "Hello, ", "Sorry about that. "))
            text = greeting + kind.answer
        self._add_reply(ticket, macro, text, "sent")

    def _add_reply(self, ticket: Row, macro: int | None, text: str | None, state: str) -> None:
        self._reply += 1
        self._company.add(
            "shop_replies",
            reply_id=self._reply,
            ticket_id=ticket["ticket_id"],
            macro_id=macro,
            reply_text=text,
            state=state,
        )

    def _add_customer(self, is_tester: bool = False) -> None:
        name = self._rng.choice(("Ada Bergström", "J. Petit", "Okafor, M.", None, "zoë", "王小明"))
        self._company.add(
            "shop_customers",
            customer_id=self._thread,
            full_name=name,
            language=self._rng.choice(("en", "EN", "de", "fr-FR", "", None)),
            is_tester=int(is_tester),
        )

    def _add_useless(self, kind: Kind, day: date) -> None:
        self._thread += 1
        fault = self._rng.choice(("tester", "no product", "no reply", "nothing written"))
        self._add_customer(is_tester=fault == "tester")
        product = kind.area.products[0]
        ticket = self._ask(kind, product, str(self._orders[self._thread]), day, is_new=False)
        if fault == "no product":
            ticket["product_id"] = None
        if fault == "nothing written":
            ticket["subject"], ticket["body"] = None, self._rng.choice((None, " "))
        if fault == "no reply":
            self._add_reply(ticket, None, "will answer on Monday", "draft")
        else:
            self._answer(ticket, kind)
