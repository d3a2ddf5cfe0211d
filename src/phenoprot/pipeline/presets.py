"""Presets: named sets of parameters on top of params.yaml.

``phenoprot preset apply poster`` writes the poster's values into params.yaml, comments and order
kept, in the layout of `dvc exp run -S`; `git diff params.yaml` shows what it did, `git checkout
params.yaml` takes it back. Every stage then sees them: there is one place for parameters.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer

from phenoprot.core.errors import UserError, listed, quoted

Value = int | float | str | list[bool] | list[int] | list[float] | list[str] | None

POSTER: dict[str, Value] = {
    "crops.size": 224,
    # ViT-B/8, one decoder layer; 100,000 steps of 32 fields x 8 cells x 4 GPUs x 2 = 2048 crops.
    "mae.model.image_size": 224,
    "mae.model.patch_size": 8,
    "mae.model.mask_ratio": 0.9,
    "mae.model.width": 768,
    "mae.model.depth": 12,
    "mae.model.heads": 12,
    "mae.model.decoder_width": 512,
    "mae.model.decoder_depth": 1,
    "mae.model.decoder_heads": 16,
    "mae.loss.fourier_weight": 0.01,
    "mae.loss.foreground_weight": 0.0,
    "mae.training.steps": 100_000,
    "mae.training.fields": 32,
    "mae.training.cells": 8,
    "mae.training.devices": 4,
    "mae.training.accumulation": 2,
    "mae.training.learning_rate": 0.0001,
    "mae.training.weight_decay": 0.05,
    "mae.training.betas": [0.9, 0.95],
    "mae.training.warmup_share": 0.1,
    "mae.training.log_every": 100,
    "mae.training.checkpoint_every": 1000,
    "mae.training.picture_every": 5000,
    "features.deep.cloome.preprocessing": "controls",
    "features.deep.dino.size": 224,
    "features.deep.dino.standardisation": "controls",
    "features.deep.cloome.untrained_side": None,
    "features.deep.dino.untrained_cells": None,
    "features.mae.tokens": "all",
    "features.mae.orientations": 1,
    "profiles.normalisation": "standardise",
    "tasks.splits.folds": 5,
    # All of `mlp` is then as params.yaml has `mlp_poster`.
    "tasks.mlp.components": None,
    "tasks.mlp.hidden_layers": [4],
    "tasks.mlp.width": [64],
    "tasks.mlp.activation": ["tanh"],
    "tasks.mlp.dropout": [0.2],
    "tasks.mlp.weight_decay": [0.0],
    "tasks.mlp.learning_rate": [0.0001],
    "tasks.mlp.skip": [False],
    "tasks.mlp.ridge": None,
    "tasks.mlp.output_bias": "random",
    "tasks.mlp.batch_size": 32,
    "tasks.mlp.max_steps": 3000,
    "tasks.mlp.patience": 90,
    "tasks.mlp.ensemble": 1,
    "tasks.mlp.inner.splits": 1,
    "tasks.mlp.inner.share": 0.2,
    "tasks.regression.loss": "mse",
}
"""What the poster states, and where it is silent what the references of its methods do."""

PRESETS = {"poster": POSTER}

Change = tuple[str, Any, Any]
"""Dotted key, value before, value after."""


def preset(name: str) -> dict[str, Value]:
    """Values of a preset by dotted key.

    Raises
    ------
    UserError
        There is none of this name.
    """
    if name not in PRESETS:
        raise UserError(f"no preset {quoted(name)}", remedy=f"There is: {', '.join(PRESETS)}.")
    return PRESETS[name]


def apply_preset(
    name: str, path: Path, check: Callable[[dict[str, Any]], object] = dict
) -> list[Change]:
    """Write a preset's values into a parameter file; comments, order and other keys stay.

    Parameters
    ----------
    name
        Name of the preset.
    path
        params.yaml.
    check
        Called with the new content before it is written; what it raises leaves the file as it was.

    Returns
    -------
    list of Change
        What was changed; empty, and the file untouched, if it held the values already.

    Raises
    ------
    UserError
        No such preset; or the file is no YAML, lacks a key, cannot be written, or shares a value
        that is to be changed with another key (an alias). Nothing is written then.
    """
    from phenoprot.core.files import read_text, write_text
    from phenoprot.core.yamltext import LARGEST, parse_yaml

    values = preset(name)
    text = read_text(path, LARGEST)
    before = parse_yaml(text, str(path))
    holders = {key: _holder(before, key) for key in values}
    if missing := [key for key, holder in holders.items() if holder is None]:
        raise UserError(
            f"{len(missing)} of the keys of preset '{name}' are not there: {listed(missing)}",
            where=str(path),
            remedy="Take params.yaml of this version of phenoprot.",
        )
    changes: list[Change] = []
    wanted = _unshared(before)
    for key, value in values.items():
        holder, last = _holder(wanted, key), key.rsplit(".", 1)[-1]
        assert holder is not None
        if holder[last] != value:
            changes.append((key, holder[last], value))
            holder[last] = value
    check(wanted)
    if not changes:
        return []
    if not path.stat().st_mode & stat.S_IWUSR:
        raise UserError(
            "is read-only", where=str(path), remedy=f"Make it writable: chmod u+w {path}"
        )
    written = _written(text, changes, str(path))
    if parse_yaml(written, str(path)) != wanted:
        raise UserError(
            f"its layout does not let preset '{name}' change {len(changes)} value(s) alone",
            where=str(path),
            remedy="Write each key of its blocks on a line of its own, without aliases (&, *, <<).",
        )
    write_text(path.resolve(), written)  # what a link points to is written, the link stays
    return changes


def _unshared(value: Any) -> Any:
    """A copy in which no two keys hold one object, as aliases do."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def _written(text: str, changes: list[Change], where: str) -> str:
    """The text with the changed values, all else as it was, in the layout that DVC writes."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()  # as DVC sets it up
    try:
        content = yaml.load(text)
        for key, _, value in changes:
            holder, last = _holder(content, key), key.rsplit(".", 1)[-1]
            assert holder is not None
            if isinstance(value, list) and isinstance(holder[last], list):
                _refill(holder[last], value)
            else:
                holder[last] = value
        stream = StringIO()
        yaml.dump(content, stream)
    except YAMLError as error:
        raise UserError(
            f"not valid YAML 1.2: {' '.join(str(error).split())}",
            where=where,
            remedy="Fix the line.",
        ) from None
    return stream.getvalue()


def _refill(items: Any, values: list[Any]) -> None:
    """Replace the items of a list; the comment that follows it hangs on its last item."""
    comment = items.ca.items.pop(len(items) - 1, None)
    items[:] = values
    if comment is not None:
        items.ca.items[len(items) - 1] = comment


def _holder(content: Any, key: str) -> Any:
    """The mapping that holds a dotted key, None if the key is not there."""
    *path, last = key.split(".")
    for part in path:
        content = content.get(part) if isinstance(content, dict) else None
    return content if isinstance(content, dict) and last in content else None


app = typer.Typer(no_args_is_help=True, help="Presets: named sets of parameters.")

Name = Annotated[str, typer.Argument(help=", ".join(PRESETS))]


@app.command("show")
def show(name: Name) -> None:
    """Print the values of a preset."""
    for key, value in preset(name).items():
        typer.echo(f"{key}: {value}")


@app.command("apply")
def apply(
    name: Name,
    path: Annotated[Path, typer.Option("--params", help="Parameter file.")] = Path("params.yaml"),
) -> None:
    """Write a preset's values into params.yaml, comments and order kept."""
    from phenoprot.core.settings import parse_settings
    from phenoprot.pipeline.params import Params

    changes = apply_preset(name, path, lambda content: parse_settings(Params, content, str(path)))
    for key, before, after in changes:
        typer.echo(f"{key}: {before} -> {after}")
    typer.echo(f"{path}: {len(changes)} values changed")
