"""A training's recipe and what its prompts can show, in words, below the table of a plan."""

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
    epochs = _number(forecast.epochs or 0, "epoch")
    text = f"tokens: {epochs} of {forecast.tokens_per_epoch:,} ({forecast.token_count})"
    if recipe.rehearsal_pairs and recipe.rehearsal_tokens is not None:
        return f"{text}, and about {recipe.rehearsal_tokens:,} of rehearsal"
    return text


def _rate(rate: float) -> str:
    """Return a learning rate as people write it: 1.3e-3 and not 0.0013."""
    digits, _, power = f"{rate:.2e}".partition("e")
    return f"{float(digits):g}e{int(power)}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
