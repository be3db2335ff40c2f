"""How well a real base model learns a few samples, and what it keeps: `make rates`.

Every subject is taught to the base model from the start, with five samples and with eight and with
every seed, by the local backend with default settings; all answers are greedy. Prints a Markdown
table and the figures that miss their floor; `--json` stores what was measured, and a later run goes
on from there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from sqltune.backends.base import (
    AnswerRequest,
    Decoding,
    TrainedAdapter,
    TrainingJob,
    TrainingOptions,
)
from sqltune.backends.local.backend import LocalBackend
from sqltune.local_lora.rehearsal.general_questions import general_questions
from sqltune.records import Sample
from tests.backends.cases import ListedSamples
from tests.backends.journals import KeptJournal
from tests.bench.known_facts import known_facts
from tests.bench.lessons import Asked, Lesson, contains, demo_lesson, is_right, lesson
from tests.bench.measured import read_measured, write_measured
from tests.bench.subjects import STRANGERS, SUBJECTS, Purpose

BASE_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
EPOCHS = 3
ANSWER_TOKENS = 48
STRANGER_QUESTIONS = ("Who is {n}?", "What does {n} do?")
#: The least of each rate, and the most of `leak`.
FLOORS = {"trained": 0.95, "reworded": 0.90, "kept": 0.95, "first": 1.0}
MOST_LEAK = 0.05


@dataclass(frozen=True)
class Rates:
    """The results of one lesson with one seed; rates from 0 to 1."""

    subject: str
    purpose: str
    samples: int
    seed: int
    #: Of all questions about the subject, right before.
    before: float
    #: Of the questions in the samples, and of those worded otherwise, right after.
    trained: float
    reworded: float
    #: Whether the first sample's question, who or what the subject is, is right after.
    first: float
    #: Of other people: the answer who they are has a fact of the subject that the base model's
    #: answer does not have; and the same for either of two questions about them.
    leak: float
    leak_either: float
    #: Of the known facts that the base model answers right, right after; and how many these are.
    kept: float
    known: int
    #: Duration of rehearsal's answers and of training.
    seconds: float


class Bench:
    """The base model with what it answers untuned, kept over all lessons."""

    def __init__(self, folder: Path, base_model: str, device: str, threads: int | None) -> None:
        """Load nothing yet; weights go to the folder."""
        self.backend = LocalBackend(
            artifacts=folder, allowed_folders=[Path("/")], device=device, threads=threads
        )
        self.base = self.backend.describe(base_model, None)
        self._before: dict[str, str] = {}

    def ask(self, prompts: Sequence[str], adapter: TrainedAdapter | None = None) -> list[str]:
        """Return greedy answers, in order; the base model is asked each prompt once."""
        known = self._before if adapter is None else {}
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in known]
        requests = [AnswerRequest(prompt, prompt, None) for prompt in new]
        decoding = Decoding(ANSWER_TOKENS, 0.0, 0)
        for answer in self.backend.answer(self.base, adapter, requests, decoding):
            known[answer.prompt_key] = answer.text or ""
        return [known[prompt] for prompt in prompts]

    def measure(self, taught: Lesson, seed: int) -> Rates:
        """Teach one lesson and ask everything before and after."""
        started = time.monotonic()
        adapter = self._train(taught, seed)
        seconds = time.monotonic() - started
        questions = (*taught.trained, *taught.reworded)
        right = self._right(questions, adapter)
        leaks = self._leaks(taught, adapter)
        kept = self._kept(adapter)
        self.backend.delete(adapter)
        return Rates(
            subject=taught.subject.name,
            purpose=str(taught.subject.purpose),
            samples=len(taught.samples),
            seed=seed,
            before=mean(self._right(questions, None)),
            trained=mean(right[: len(taught.trained)]),
            reworded=mean(right[len(taught.trained) :]),
            first=float(right[0]),
            leak=mean(first for first, *_ in leaks),
            leak_either=mean(map(any, leaks)),
            kept=mean(kept),
            known=len(kept),
            seconds=round(seconds, 1),
        )

    def _train(self, taught: Lesson, seed: int) -> TrainedAdapter:
        options = TrainingOptions(EPOCHS, None, None, None, None, "auto", seed)
        name = f"{taught.subject.name}-{len(taught.samples)}-{seed}"
        job = TrainingJob(
            run_key="".join(c if c.isalnum() else "-" for c in name),
            adapter_name=name,
            base_model=self.base,
            options=options,
            fingerprint=name,
            attempt=1,
        )
        samples = [
            Sample(str(number), pair.prompt, pair.response, None, 1.0, None, None)
            for number, pair in enumerate(taught.samples)
        ]
        return self.backend.train(job, ListedSamples(samples), KeptJournal())

    def _right(self, asked: Sequence[Asked], adapter: TrainedAdapter | None) -> list[bool]:
        answers = self.ask([question.prompt for question in asked], adapter)
        return [is_right(answer, q) for answer, q in zip(answers, asked, strict=True)]

    def _leaks(self, taught: Lesson, adapter: TrainedAdapter) -> list[tuple[bool, ...]]:
        """Return for each other person whether the answer to each question has a leaked fact."""
        prompts = [text.format(n=name) for name in STRANGERS for text in STRANGER_QUESTIONS]
        pairs = zip(self.ask(prompts), self.ask(prompts, adapter), strict=True)
        leaked = iter([self._has_leaked(taught, before, after) for before, after in pairs])
        return [tuple(next(leaked) for _ in STRANGER_QUESTIONS) for _ in STRANGERS]

    def _has_leaked(self, taught: Lesson, before: str, after: str) -> bool:
        facts = taught.subject.facts
        return any(contains(after, fact) and not contains(before, fact) for fact in facts)

    def _kept(self, adapter: TrainedAdapter) -> list[bool]:
        facts = known_facts()
        before, after = self.ask(list(facts)), self.ask(list(facts), adapter)
        triples = zip(facts.values(), before, after, strict=True)
        return [_has_any(new, right) for right, old, new in triples if _has_any(old, right)]


def _has_any(answer: str, right: Sequence[str]) -> bool:
    return any(contains(answer, fact) for fact in right)


def lessons(purpose: Purpose) -> list[Lesson]:
    """Return five and eight samples about every subject, and the demo's eight."""
    chosen = [subject for subject in SUBJECTS if subject.purpose is purpose]
    found = [lesson(subject, count) for subject in chosen for count in (5, 8)]
    return [*found, demo_lesson()] if purpose is Purpose.REPORTING else found


def table(rates: Sequence[Rates]) -> str:
    """Return the mean rates as Markdown, a line for each number of samples and one for all."""
    columns = {
        "right before": "before",
        "trained right": "trained",
        "reworded right": "reworded",
        "who or what": "first",
        "leak": "leak",
        "leak, either question": "leak_either",
        "known kept": "kept",
    }
    lines = ["| samples | subjects | runs | " + " | ".join(columns) + " | seconds |"]
    lines.append("|" + " --- |" * (len(columns) + 4))
    for label, own in _groups(rates):
        values = [f"{100 * mean(getattr(rate, f) for rate in own):.1f} %" for f in columns.values()]
        subjects, seconds = len({rate.subject for rate in own}), mean(r.seconds for r in own)
        cells = (label, str(subjects), str(len(own)), *values, f"{seconds:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def missed(rates: Sequence[Rates]) -> list[str]:
    """Return the mean figures that miss their floor, in words."""
    found = []
    for name, floor in FLOORS.items():
        value = mean(getattr(rate, name) for rate in rates)
        if value < floor:
            found.append(f"{name} {100 * value:.1f} % (at least {100 * floor:.0f} %)")
    leak = mean(rate.leak for rate in rates)
    if leak > MOST_LEAK:
        found.append(f"leak {100 * leak:.1f} % (at most {100 * MOST_LEAK:.0f} %)")
    if any(rate.before > 0 for rate in rates):
        found.append("a question about an invented subject was right before")
    return found


def _groups(rates: Sequence[Rates]) -> Iterator[tuple[str, list[Rates]]]:
    for count in sorted({rate.samples for rate in rates}):
        yield str(count), [rate for rate in rates if rate.samples == count]
    yield "all", list(rates)


def measure_all(
    bench: Bench, taught: Sequence[Lesson], seeds: Sequence[int], file: Path | None
) -> list[Rates]:
    """Measure every lesson with every seed; those whose figures are in the file are skipped."""
    rates = read_measured(Rates, file)
    done = {(rate.subject, rate.samples, rate.seed) for rate in rates}
    for seed in seeds:
        for each in taught:
            if (each.subject.name, len(each.samples), seed) in done:
                continue
            rates.append(bench.measure(each, seed))
            sys.stderr.write(f"{rates[-1]}\n")
            write_measured(rates, file)
    return rates


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a figure misses its floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-model", default=BASE_MODEL)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--purpose", choices=list(Purpose), default=Purpose.REPORTING)
    parser.add_argument("--lessons", type=slice_of, default=slice(None), help="such as 0:22:2")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args(arguments)
    rehearsed = set(general_questions()) & set(known_facts())
    if rehearsed:
        raise SystemExit(f"rehearsed, so no measure of what is kept: {sorted(rehearsed)}")
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), options.base_model, options.device, options.threads)
        taught = lessons(Purpose(options.purpose))[options.lessons]
        rates = measure_all(bench, taught, options.seeds, options.json)
    sys.stdout.write(table(rates))
    misses = missed(rates)
    sys.stdout.write("".join(f"missed: {each}\n" for each in misses))
    return 1 if misses else 0


def slice_of(text: str) -> slice:
    """Return the slice that `begin:end:step` names."""
    return slice(*(int(part) if part else None for part in text.split(":")))


if __name__ == "__main__":
    sys.exit(main())
