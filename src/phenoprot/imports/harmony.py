"""What Harmony (Opera Phenix, Operetta) says of its channels, in the index beside the images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from phenoprot.core.errors import UserError, quoted, shortened
from phenoprot.core.files import require_file

INDEX = ("Index.idx.xml", "Index.xml")
"""Names of the index, up to and from version 5."""
DYES = {
    "DNA": ("hoechst", "hoechst33342", "dapi", "dna"),
    "ER": ("alexa488", "concanavalina", "er"),
    "RNA": ("488long", "syto14", "rna"),
    "AGP": ("alexa568", "phalloidin", "wga", "agp"),
    "Mito": ("alexa647", "mitotracker", "mitotrackerdeepred", "mito"),
}
"""Names of channels by stain, folded: those of the JUMP Consortium's plates, and the dyes."""


def read_index(path: Path) -> dict[str, str]:
    """Name of each channel by its number.

    It stands in every image (until version 5) or in a map beside them.

    Raises
    ------
    UserError
        It is no whole XML file of Harmony, or gives a channel two names.
    """
    require_file(path)
    names: dict[str, str] = {}
    try:
        for _, element in ElementTree.iterparse(path):
            kind = element.tag.rpartition("}")[2]
            if kind in {"Image", "Entry"}:
                parts = {part.tag.rpartition("}")[2]: (part.text or "").strip() for part in element}
                channel = element.get("ChannelID") or parts.get("ChannelID")
                name = parts.get("ChannelName")
                if channel and name and names.setdefault(channel, name) != name:
                    raise UserError(
                        f"channel {channel} has two names: {quoted(names[channel])} and "
                        f"{quoted(name)}",
                        where=str(path),
                        remedy="Say which stain each channel is (--channels).",
                    )
                element.clear()
    except ElementTree.ParseError as error:
        raise UserError(
            f"is no whole XML file: {shortened(str(error), 200)}",
            where=str(path),
            remedy="Copy it again, or move it away and say the channels (--channels).",
        ) from None
    if not names:
        raise UserError(
            "names no channel",
            where=str(path),
            remedy="Give the index that Harmony wrote, or move this away and say the channels "
            "(--channels).",
        )
    return names


def channel_names(folders: Iterable[Path]) -> dict[str, str]:
    """Names of the channels by number, from the indexes in folders of images; none: no index.

    Raises
    ------
    UserError
        As of `read_index`; or two plates have different channels.
    """
    names: dict[str, str] = {}
    for folder in folders:
        for path in (folder / name for name in INDEX):
            if not path.is_file():
                continue
            found = read_index(path)
            differ = [key for key in names.keys() & found if names[key] != found[key]]
            if differ:
                key = min(differ)
                raise UserError(
                    f"channel {key} is {quoted(found[key])}, on another plate {quoted(names[key])}",
                    where=str(path),
                    remedy="Import plates of one layout of channels at a time.",
                )
            names |= found
    return names


def stain_of(name: str) -> str | None:
    """The stain that a channel's name stands for; None: it is not known."""
    folded = re.sub(r"[^a-z0-9]", "", name.lower())
    return next((stain for stain, dyes in DYES.items() if folded in dyes), None)
