"""What a plan would train, by which recipe, and what its prompts can show, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqltune.cli.remaining import describe_seconds

if TYPE_CHECKING:
    from sqltune.backends.recipes import Recipe
    from sqltune.operations.forecast import Forecast


def describe_recipe(forecast: Forecast) -> Iterator[str]:
    """Yield the lines about one adapter; none where the backend decides, or nothing is trained."""
    recipe = forecast.recipe
    if recipe is None:
        return
    yield f"{forecast.adapter_name}: {_summarise(recipe)}"
    yield f"  because {'; '.join(recipe.reasons)}" if recipe.reasons else "  as its row says"
    if forecast.tokens_per_epoch is not None and forecast.epochs is not None:
        yield f"  {_describe_tokens(forecast, recipe)}"


def describe_input(forecast: Forecast) -> Iterator[str]:
    """Yield what would be trained and asked, and on which base model, as far as it is known."""
    from sqltune.backends.base import shorten_revision
    from sqltune.selection import describe_held_out

    facts = []
    if forecast.samples is not None:
        facts.append(_number(forecast.samples, "sample"))
        if forecast.validation:
            facts.append(f"{forecast.validation:,} for validation")
        if forecast.held_out:
            facts.append(f"held out: {describe_held_out(forecast.held_out)}")
    if forecast.prompts is not None:
        facts.append(_number(forecast.prompts, "prompt"))
    if forecast.recipe is None and forecast.tokens_per_epoch is not None:
        facts.append(_count_tokens(forecast))
    place = forecast.base_model_found_in
    revision = forecast.base_model_revision
    known = [shorten_revision(revision)] if revision else []
    base = f"base model {forecast.base_model}"
    facts.append(f"{base} ({', '.join([*known, place])})" if place else base)
    yield f"{forecast.adapter_name}: {', '.join(facts)}"


def describe_gate(forecast: Forecast) -> Iterator[str]:
    """Yield what the prompts can show, where a run would be judged by them."""
    from sqltune.evaluation.comparing import LEAST_PROMPTS, smallest_shown
    from sqltune.records import SyncDecision

    judged = (SyncDecision.TRAIN, SyncDecision.EVALUATE)
    if forecast.prompts is None or forecast.decision not in judged:
        return
    rows = forecast.prompt_rows
    # Rows that nobody can score decide nothing.
    scored = forecast.prompts if rows is None else rows.scored
    leaked = 0 if rows is None else rows.leaked
    # Where all are trained on, the gate compares them all the same.
    count = scored if leaked == scored else scored - leaked
    shown = smallest_shown(count)
    said = _number(scored, "prompt") + _describe_leaked(scored, leaked)
    if not count:
        none = "no prompt" if not forecast.prompts else "no prompt that can be scored"
        words = f"{none}, so nothing will be compared"
    elif shown is None:
        words = f"{said}; with fewer than {LEAST_PROMPTS} any change may be chance"
    else:
        words = f"{said}; a mean change below {shown:.2f} may be chance"
    yield f"{forecast.adapter_name}: gate: {words}"


def _describe_leaked(scored: int, leaked: int) -> str:
    if not leaked:
        return ""
    if leaked == scored:
        all_of_them = "which is" if scored == 1 else "all of them"
        return f", {all_of_them} trained on: the verdict will say nothing about other questions"
    return f", {leaked:,} of them trained on: judged on {scored - leaked:,}"


def _summarise(recipe: Recipe) -> str:
    steps = f"{_number(recipe.steps, 'step')} of {recipe.batch_size:,}"
    if recipe.rehearsal_steps:
        steps += f" ({recipe.rehearsal_steps:,} of rehearsal alone)"
    facts = [steps, f"lr {_rate(recipe.learning_rate)}"]
    if recipe.rehearsal_pairs:
        facts.append(_number(recipe.rehearsal_pairs, "rehearsal pair"))
    return f"{_number(recipe.samples, 'sample')}: {', '.join([*facts, _describe_time(recipe)])}"


def _describe_time(recipe: Recipe) -> str:
    if recipe.seconds is None:
        return "how long it takes was not measured here yet"
    about = describe_seconds(recipe.seconds)
    return f"{about} here" if recipe.is_measured else f"{about}, not measured here yet"


def _describe_tokens(forecast: Forecast, recipe: Recipe) -> str:
    text = _count_tokens(forecast)
    if recipe.rehearsal_pairs and recipe.rehearsal_tokens is not None:
        return f"{text}, and about {recipe.rehearsal_tokens:,} of rehearsal"
    return text


def _count_tokens(forecast: Forecast) -> str:
    tokens = f"{forecast.tokens_per_epoch:,} ({forecast.token_count})"
    if forecast.epochs is None:
        return f"tokens: {tokens} an epoch"
    return f"tokens: {_number(forecast.epochs, 'epoch')} of {tokens}"


def _rate(rate: float) -> str:
    """Return a learning rate as people write it: 1.3e-3 and not 0.0013."""
    digits, _, power = f"{rate:.2e}".partition("e")
    return f"{float(digits):g}e{int(power)}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
