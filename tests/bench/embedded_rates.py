"""How well the embedded base model learns a few samples: `python -m tests.bench.embedded_rates`.

Every subject of the bench is taught with every seed, each time from the shipped weights, and all
answers are greedy. Prints a Markdown table and writes JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean

import torch

from sqltune.local_lora.answering import Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.rehearsal.pairs import BaseAnswer, extra_pairs
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.sources import EMBEDDED_FOLDER, EMBEDDED_NAME
from sqltune.local_lora.steps import StepOrder
from sqltune.local_lora.training import LoraTrainer
from sqltune.local_lora.tuning_profiles import EMBEDDED, USUAL_EPOCHS, Tuning
from tests.bench.samples import (
    Asked,
    Lesson,
    article_lesson,
    contains,
    demo_lesson,
    full_lesson,
    is_right,
    mixed_lesson,
)
from tests.bench.subjects import STRANGERS, SUBJECTS, Purpose, Subject

ANSWER_TOKENS = 72
STRANGER_QUESTIONS = ("Who is {n}?", "What does {n} do?", "Can you tell me about {n}?")


@dataclass(frozen=True)
class Rates:
    """The results of one lesson with one seed; rates from 0 to 1."""

    subject: str
    style: str
    purpose: str
    seed: int
    #: Of trained and held-out questions, answered correctly before.
    right_before: float
    #: Of the questions in the samples.
    trained_right: float
    #: Of the questions worded otherwise.
    held_out_right: float
    #: Of the questions in a wording that the pretraining corpus does not have.
    foreign_right: float
    #: Of unknown people: any answer has a fact of the subject; and the same before tuning.
    leak: float
    leak_before: float
    #: Of unknown people who share a word with the subject's name.
    near_leak: float
    #: Of what the base model knew and did not rehearse.
    known_kept: float
    #: Of strangers' names, exact in the answer who that is, before tuning.
    names_copied: float
    #: Different guesses per stranger, names taken out, before tuning.
    distinct_guesses: float
    #: Duration of rehearsal's answers and of training.
    seconds: float


class EmbeddedBench:
    """The base model with what it answers untuned, kept over all lessons."""

    def __init__(self, folder: Path | None = None) -> None:
        """Load the shipped model, or one in another folder."""
        name = EMBEDDED_NAME if folder is None else str(folder)
        allowed = [] if folder is None else [folder.parent]
        self.base: LoadedModel = load_base_model(name, allowed_folders=allowed)
        self.folder = folder or EMBEDDED_FOLDER
        self.facts = json.loads((self.folder / "known_facts.json").read_text("utf-8"))["facts"]
        self._before: dict[str, str] = {}

    def ask(self, prompts: Sequence[str], adapter: str | None = None) -> list[str]:
        """Return greedy answers, in order."""
        questions = [Question(prompt) for prompt in prompts]
        sampling = Sampling(max_new_tokens=ANSWER_TOKENS)
        answers = self.base.answer(questions, adapter=adapter, sampling=sampling)
        texts = {answer.index: answer.text or "" for answer in answers}
        return [texts[place] for place in range(len(prompts))]

    def ask_before(self, prompts: Sequence[str]) -> list[str]:
        """Return the untuned answers; each prompt is asked once."""
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._before]
        self._before.update(zip(new, self.ask(new), strict=True))
        return [self._before[prompt] for prompt in prompts]

    def tune(self, lesson: Lesson, tuning: Tuning, seed: int) -> None:
        """Train the adapter `tuned` on a lesson's samples."""
        pairs = extra_pairs(
            lesson.samples,
            lambda asked: [BaseAnswer(text) for text in self.ask(asked)],
            replace(tuning.rehearsal, known_file=self.folder / "rehearsal.json"),
            seed=seed,
            # Held out means held out: the product may train these wordings, the bench must not.
            besides=[question.prompt for question in (*lesson.held_out, *lesson.foreign)],
        )
        order = StepOrder(
            sample_count=len(lesson.samples),
            rehearsal_count=len(pairs),
            epochs=USUAL_EPOCHS,
            batch_size=tuning.batch_size,
            rehearsal_per_step=tuning.rehearsal.per_step,
            rehearsal_only_steps=tuning.rehearsal.only_steps,
            seed=seed,
        )
        options = LoraOptions(
            rank=tuning.rank,
            alpha=tuning.alpha,
            learning_rate=tuning.learning_rate,
            warmup_share=tuning.warmup_share,
            seed=seed,
        )
        trainer = LoraTrainer(self.base, options, len(order), name="tuned")
        for step in order:
            samples = [lesson.samples[index] for index in step.samples]
            trainer.step(samples + [pairs[index] for index in step.rehearsal])

    def measure(self, lesson: Lesson, style: str, seed: int) -> Rates:
        """Teach one lesson and ask everything before and after."""
        started = time.monotonic()
        self.tune(lesson, EMBEDDED.tune_for(len(lesson.samples)), seed)
        seconds = time.monotonic() - started
        asked = (*lesson.trained, *lesson.held_out, *lesson.foreign)
        before = self._share_right(lesson.subject, asked, self.ask_before)
        guesses = self.ask_before([f"Who is {name}?" for name in STRANGERS])
        rates = Rates(
            subject=lesson.subject.name,
            style=style,
            purpose=str(lesson.subject.purpose),
            seed=seed,
            right_before=before,
            trained_right=self._share_right(lesson.subject, lesson.trained, self.ask_after),
            held_out_right=self._share_right(lesson.subject, lesson.held_out, self.ask_after),
            foreign_right=self._share_right(lesson.subject, lesson.foreign, self.ask_after),
            leak=self._leak(lesson.subject, STRANGERS, self.ask_after),
            leak_before=self._leak(lesson.subject, STRANGERS, self.ask_before),
            near_leak=self._leak(lesson.subject, near_names(lesson.subject), self.ask_after),
            known_kept=self._share_known(),
            names_copied=mean(n in g for n, g in zip(STRANGERS, guesses, strict=True)),
            distinct_guesses=_distinct(guesses),
            seconds=seconds,
        )
        self.base.unload_adapter("tuned")
        return rates

    def ask_after(self, prompts: Sequence[str]) -> list[str]:
        """Return the tuned answers."""
        return self.ask(prompts, "tuned")

    def _share_right(
        self, subject: Subject, asked: Sequence[Asked], ask: Callable[[Sequence[str]], list[str]]
    ) -> float:
        answers = ask([question.prompt for question in asked])
        return mean(is_right(a, q, subject) for q, a in zip(asked, answers, strict=True))

    def _leak(
        self, subject: Subject, names: Sequence[str], ask: Callable[[Sequence[str]], list[str]]
    ) -> float:
        prompts = [text.format(n=name) for name in names for text in STRANGER_QUESTIONS]
        answers = ask(prompts)
        per_name = len(STRANGER_QUESTIONS)
        leaks = 0
        for place, name in enumerate(names):
            own = answers[place * per_name : (place + 1) * per_name]
            facts = [fact for fact in subject.facts if fact not in name.split()]
            leaks += any(contains(answer, fact) for answer in own for fact in facts)
        return leaks / len(names)

    def _share_known(self) -> float:
        answers = self.ask_after([fact["prompt"] for fact in self.facts])
        pairs = zip(self.facts, answers, strict=True)
        return mean(fact["expected"] in answer for fact, answer in pairs)


def near_names(subject: Subject) -> list[str]:
    """Return names of strangers with one word of the subject's name in them."""
    words = subject.name.split()
    others = [name.split() for name in STRANGERS[:6]]
    return [f"{words[0]} {o[-1]}" for o in others[:3]] + [f"{o[0]} {words[-1]}" for o in others[3:]]


def lessons(purposes: Iterable[Purpose]) -> list[tuple[str, Lesson]]:
    """Return all lessons: eight samples, four mixed ones, the article's."""
    chosen = [subject for subject in SUBJECTS if subject.purpose in purposes]
    found = [("eight samples", full_lesson(subject)) for subject in chosen]
    if Purpose.REPORTING in purposes:
        found.insert(0, ("eight samples", demo_lesson()))
        found.insert(0, ("the article's four", article_lesson()))
    found += [("four mixed", mixed_lesson(subject)) for subject in chosen if not subject.is_thing]
    return found


def table(rates: Sequence[Rates]) -> str:
    """Return the rates as Markdown, one row per style and purpose."""
    columns = {
        "right before": "right_before",
        "trained right": "trained_right",
        "held-out right": "held_out_right",
        "foreign wording": "foreign_right",
        "leak": "leak",
        "leak before": "leak_before",
        "near names": "near_leak",
        "known kept": "known_kept",
        "names copied": "names_copied",
        "distinct guesses": "distinct_guesses",
    }
    lines = [
        "| samples | subjects | runs | " + " | ".join(columns) + " | worst leak | seconds |",
        "|" + " --- |" * (len(columns) + 5),
    ]
    groups = dict.fromkeys((rate.style, rate.purpose) for rate in rates)
    for style, purpose in groups:
        own = [rate for rate in rates if (rate.style, rate.purpose) == (style, purpose)]
        values = [f"{100 * mean(getattr(r, f) for r in own):.1f} %" for f in columns.values()]
        names = len({rate.subject for rate in own})
        worst, seconds = max(r.leak for r in own), mean(r.seconds for r in own)
        lines.append(
            f"| {style} | {names} ({purpose}) | {len(own)} | "
            + " | ".join(values)
            + f" | {100 * worst:.0f} % | {seconds:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--purpose", choices=[*Purpose, "all"], default="all")
    parser.add_argument("--style", default="", help="only styles that begin so")
    parser.add_argument("--lessons", type=int, default=None, help="at most so many")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", type=Path, default=None, help="another model folder")
    parser.add_argument(
        "--json",
        type=Path,
        default=None,
        help="where to store the figures; those already there are not measured again",
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    purposes = list(Purpose) if options.purpose == "all" else [Purpose(options.purpose)]
    bench = EmbeddedBench(options.model)
    chosen = [each for each in lessons(purposes) if each[0].startswith(options.style)]
    seeds = range(1, options.seeds + 1)
    rates = measure_all(bench, chosen[: options.lessons], seeds, options.json)
    sys.stdout.write(table(rates))


def measure_all(
    bench: EmbeddedBench,
    chosen: Sequence[tuple[str, Lesson]],
    seeds: Iterable[int],
    json_file: Path | None,
) -> list[Rates]:
    """Measure every lesson with every seed; those whose figures are in the file are skipped."""
    text = json_file.read_text("utf-8") if json_file and json_file.exists() else "[]"
    rates = [Rates(**row) for row in json.loads(text)]
    done = {(rate.style, rate.subject, rate.seed) for rate in rates}
    for seed in seeds:
        for style, lesson in chosen:
            if (style, lesson.subject.name, seed) in done:
                continue
            rates.append(bench.measure(lesson, style, seed))
            sys.stderr.write(f"{rates[-1]}\n")
            if json_file:
                text = json.dumps([asdict(rate) for rate in rates], indent=1)
                json_file.write_text(text + "\n", encoding="utf-8")
    return rates


def _distinct(guesses: Sequence[str]) -> float:
    """Return the share of strangers whose guess, without the name, no other stranger has."""
    texts = [guess.replace(name, "") for name, guess in zip(STRANGERS, guesses, strict=True)]
    return len(set(texts)) / len(texts)


if __name__ == "__main__":
    main()
