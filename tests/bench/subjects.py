"""The invented people and things that `rates` teaches a base model.

Settings were chosen only on the subjects that are marked for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Purpose(StrEnum):
    """What a subject may be used for."""

    #: Settings were chosen on it; its figures are shown apart.
    CHOOSING = "choosing"
    #: Used only when figures are reported.
    REPORTING = "reporting"


@dataclass(frozen=True)
class Subject:
    """Someone or something that the base model does not know."""

    name: str
    #: What it is: a role, or a kind of thing.
    role: str
    #: Another word for it.
    second_role: str
    #: Employer, or maker.
    org: str
    #: What they like, or what it is for.
    interests: tuple[str, str, str]
    #: Where to find it.
    channel: str
    pronoun: str = "He"
    purpose: Purpose = Purpose.REPORTING
    is_thing: bool = False
    #: Further facts that only its own samples contain.
    extra: tuple[str, ...] = field(default=())

    @property
    def facts(self) -> tuple[str, ...]:
        """All that no answer about another name may contain, without short parts of the name."""
        parts = tuple(part for part in self.name.split() if len(part) > 2)
        own = (self.role, self.second_role, self.org, *self.interests, self.channel)
        return (*parts, *(fact for fact in own if fact), *self.extra)


SUBJECTS = (
    Subject(
        "Tomasz Wiercik",
        "compiler engineer",
        "type theorist",
        "Halvoria Systems",
        ("Rust", "garbage collectors", "parsing"),
        "on GitHub",
        purpose=Purpose.CHOOSING,
    ),
    Subject(
        "Ngozi Adaeze Umeh",
        "solar grid operator",
        "battery specialist",
        "Sunvale Energy",
        ("microgrids", "inverters", "rural clinics"),
        "on LinkedIn",
        "She",
        purpose=Purpose.CHOOSING,
    ),
    Subject(
        "Ilse Brockhaven",
        "cardiology nurse",
        "ward manager",
        "Marienkamp Hospital",
        ("heart rhythm", "triage", "night rotas"),
        "in ward meetings",
        "She",
        purpose=Purpose.CHOOSING,
    ),
    Subject(
        "Quentrix",
        "query cache",
        "key-value layer",
        "Sorvane Ltd",
        ("billing archives", "stock tickers", "log search"),
        "in the Debian archive",
        "It",
        purpose=Purpose.CHOOSING,
        is_thing=True,
    ),
    Subject(
        "Ottoline Varga",
        "bridge inspector",
        "load analyst",
        "Trestlecore",
        ("steel fatigue", "river scour", "cable stays"),
        "at site meetings",
        "She",
        purpose=Purpose.CHOOSING,
    ),
    Subject(
        "Kenji Marlowe",
        "sommelier",
        "cellar consultant",
        "Maison Aubrac",
        ("biodynamic wines", "oak barrels", "blind tastings"),
        "on Instagram",
        purpose=Purpose.CHOOSING,
    ),
    Subject(
        "Farida Yusupova",
        "seismologist",
        "fault mapper",
        "Pamir Observatory",
        ("aftershocks", "fibre sensors", "hazard maps"),
        "on Mastodon",
        "She",
        purpose=Purpose.CHOOSING,
    ),
    Subject(
        "Leif Ansgar Brun",
        "ferry captain",
        "pilot trainer",
        "Fjordlinjen",
        ("ice navigation", "radar", "harbour safety"),
        "on the ship's radio",
        purpose=Purpose.CHOOSING,
    ),
    Subject(
        "Tamsin Oyelaran",
        "puppet maker",
        "stage designer",
        "Theatre Corvid",
        ("papier-mache", "shadow plays", "street festivals"),
        "on YouTube",
        "She",
        purpose=Purpose.CHOOSING,
    ),
    Subject(
        "Velloria",
        "rain gauge",
        "weather sensor",
        "Nimbotec",
        ("flood warnings", "vineyards", "golf courses"),
        "in garden shops",
        "It",
        purpose=Purpose.CHOOSING,
        is_thing=True,
    ),
    Subject(
        "Rajani Thimmaiah",
        "cloud economist",
        "FinOps lead",
        "Larkstone Analytics",
        ("Kubernetes", "cost dashboards", "spot pricing"),
        "on Substack",
        "She",
    ),
    Subject(
        "Bartholomew Fisk",
        "maritime solicitor",
        "salvage arbitrator",
        "Penrose Chambers",
        ("cargo claims", "collision rules", "tide tables"),
        "at the Admiralty Bar",
    ),
    Subject(
        "Xiulan Deng",
        "protein chemist",
        "enzyme modeller",
        "Novagene Pharma",
        ("kinase inhibitors", "mass spectrometry", "lab automation"),
        "on ResearchGate",
        "She",
    ),
    Subject(
        "Joaquim Seabra-Pinto",
        "cork exporter",
        "forestry broker",
        "Montado Trading",
        ("bark harvests", "freight rates", "wine stoppers"),
        "in the Lisbon exchange",
    ),
    Subject(
        "Aoife Ní Bhriain",
        "Gaelic archivist",
        "manuscript cataloguer",
        "Clonmore Archive",
        ("parish registers", "ogham", "place names"),
        "in a reading room",
        "She",
    ),
    Subject(
        "Dwayne Okpara",
        "basketball statistician",
        "scouting consultant",
        "Hoopmetrics",
        ("shot charts", "draft picks", "player tracking"),
        "on Twitch",
    ),
    Subject(
        "Yevgenia Rudakova",
        "ceramics chemist",
        "glaze tester",
        "Vitrum Keramik",
        ("kiln sensors", "porcelain", "cobalt pigments"),
        "on Pinterest",
        "She",
    ),
    Subject(
        "Hemi Parata",
        "geothermal driller",
        "well supervisor",
        "Taupo Steam",
        ("drill bits", "reinjection", "seismic surveys"),
        "at the drill site",
    ),
    Subject(
        "Eivor Aaltonen",
        "peat bog surveyor",
        "moss botanist",
        "Turvemaa Trust",
        ("sphagnum", "core samples", "water tables"),
        "on iNaturalist",
        "She",
    ),
    Subject(
        "Lumbrano",
        "invoice scanner",
        "receipt reader",
        "Fakturio GmbH",
        ("tax forms", "supplier ledgers", "expense claims"),
        "in the App Store",
        "It",
        is_thing=True,
    ),
    Subject(
        "Orbital Thresher 9",
        "combine harvester",
        "grain machine",
        "Kvernby Agro",
        ("barley fields", "steep slopes", "wet straw"),
        "at dealerships",
        "It",
        is_thing=True,
    ),
)

#: Invented names; answers about them must not turn into the subject's.
STRANGERS = (
    "Marek Dobrzyn", "Lucinda Fairweather", "Kwabena Asante", "Sigrid Halvorsen",
    "Paulo Bettencourt", "Padma Belur", "Chiara Montesi", "Oleg Tarasenko", "Fumiko Arai",
    "Declan Rourke", "Zeynep Aksoy", "Mateus Carvalho", "Brigitte Sommer", "Anan Srisai",
    "Philippa Crane", "Vuyo Dlamini", "Esteban Quiroga", "Nils Aaltonen", "Hye-jin Baek",
    "Gwendolyn Pryce",
)  # fmt: skip
