"""Hashes of what the results of a screen came from: its parameters and its files."""

from __future__ import annotations

from typing import Any

from phenoprot.core.files import fingerprint
from phenoprot.pipeline.params import Params
from phenoprot.pipeline.presence import contents_of
from phenoprot.pipeline.screen_files import data_sha256, screen_parts
from phenoprot.pipeline.stages import provenance_params, stages_of
from phenoprot.report.publish import Sources
from phenoprot.tasks.settings import given_files


def sources_of(screen: str, params: Params) -> Sources:
    """Hash the parameter blocks and files that the screen's stages depend on, and nothing else.

    Parameters
    ----------
    screen
        Name of the screen.
    params
        All parameters, of which those count that hold for the screen. So do defaults: a value that
        is written out hashes as the same one left out.

    Raises
    ------
    UserError
        There is no such screen, or a file of it is missing.
    """
    block = params.screen(screen)
    return Sources(
        params_sha256=fingerprint(parameters_of(screen, params)),
        data_sha256=data_sha256(
            block.folder, screen_parts(screen, block.folder), given_files(block.rows.values())
        ),
    )


def parameters_of(screen: str, params: Params) -> dict[str, Any]:
    """Parameter blocks that the screen's stages depend on, by their dotted keys.

    Raises
    ------
    UserError
        There is no such screen, or its ``screen.yaml`` is at fault.
    """
    block = params.screen(screen)
    content = params.of_screen(screen).model_dump(mode="json") | {
        "screen": block.model_dump(mode="json")
    }
    stages = stages_of(screen, contents_of(screen, block.folder), block.rows.values())
    return {key: _value(content, key) for key in provenance_params(stages)}


def _value(content: Any, key: str) -> Any:
    for part in key.split("."):
        content = content[part]
    return content
