"""Harmony's index: names of channels, old and new; stains told from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from phenoprot.core.errors import UserError
from phenoprot.imports.harmony import read_index, stain_of
from phenoprot.imports.images import read_images

NAMES = {
    "1": "Alexa 647",
    "2": "Alexa 568",
    "3": "488 long",
    "4": "Alexa 488",
    "5": "HOECHST 33342",
}
STAINS = {"1": "Mito", "2": "AGP", "3": "RNA", "4": "ER", "5": "DNA"}
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<EvaluationInputData xmlns="{}">'


def old_index(path: Path, names: dict[str, str] = NAMES) -> Path:
    """As until version 5: the name stands in every image."""
    images = "".join(
        f"<Image Version='1'><id>0101K1F1P1R{key}</id><URL>r01c01f01p01-ch{key}sk1fk1fl1.tiff</URL>"
        f"<Row>1</Row><Col>1</Col><ChannelID>{key}</ChannelID><ChannelName>{name}</ChannelName>"
        "</Image>"
        for key, name in [*names.items()] * 2
    )
    head = HEAD.format("http://www.perkinelmer.com/PEHH/HarmonyV5")
    path.write_text(f"{head}<Plates/><Images>{images}</Images></EvaluationInputData>")
    return path


def new_index(path: Path, names: dict[str, str] = NAMES) -> Path:
    """As from version 6: in a map, beside others that say other things of the channels."""
    flat = "".join(f'<Entry ChannelID="{k}"><FlatfieldProfile/></Entry>' for k in names)
    entries = "".join(
        f'<Entry ChannelID="{key}"><ChannelName>{name}</ChannelName></Entry>'
        for key, name in names.items()
    )
    head = HEAD.format("43B2A954-E3C3-47E1-B392-6635266B0DD3/HarmonyV7")
    path.write_text(
        f"{head}<Maps><Map>{flat}</Map><Map>{entries}</Map></Maps><Images><Image><URL>x</URL>"
        "<ChannelID>1</ChannelID></Image></Images></EvaluationInputData>"
    )
    return path


def plate(folder: Path, name: str = "BR1") -> Path:
    place = folder / f"{name}__2020-11-08T18_18_02-Measurement 1/Images"
    place.mkdir(parents=True)
    for channel in NAMES:
        (place / f"r01c01f01p01-ch{channel}sk1fk1fl1.tiff").touch()
    return place


@pytest.mark.parametrize("write", [old_index, new_index])
def test_names_are_read(tmp_path: Path, write: object) -> None:
    assert read_index(write(tmp_path / "Index.xml")) == NAMES  # type: ignore[operator]


def test_names_of_stains() -> None:
    assert {key: stain_of(name) for key, name in NAMES.items()} == STAINS
    names = ("Hoechst", "MitoTracker Deep Red", "SYTO-14", "Brightfield", "Alexa 594")
    assert [stain_of(name) for name in names] == ["DNA", "Mito", "RNA", None, None]


def test_a_folder_with_an_index_needs_no_channels(tmp_path: Path) -> None:
    old_index(plate(tmp_path) / "Index.idx.xml")
    new_index(plate(tmp_path, "BR2") / "Index.xml", NAMES | {"6": "Brightfield"})
    read = read_images(tmp_path)
    assert read.fields["Metadata_Plate"].tolist() == ["BR1", "BR2"]
    for channel, stain in STAINS.items():
        assert read.fields[f"URL_{stain}"][0].endswith(f"-ch{channel}sk1fk1fl1.tiff")
    assert read.lines[1] == (
        "channels as of Harmony's index: 1 Alexa 647 = Mito, 2 Alexa 568 = AGP, 3 488 long = RNA, "
        "4 Alexa 488 = ER, 5 HOECHST 33342 = DNA"
    )


def test_what_the_user_says_goes_before(tmp_path: Path) -> None:
    (plate(tmp_path) / "Index.xml").write_text("damaged")
    fields = read_images(tmp_path, channels=STAINS).fields
    assert fields["URL_DNA"][0].endswith("-ch5sk1fk1fl1.tiff")


def test_names_that_are_not_known(tmp_path: Path) -> None:
    old_index(plate(tmp_path) / "Index.idx.xml", NAMES | {"2": "Alexa 594"})
    with pytest.raises(UserError) as error:
        read_images(tmp_path)
    assert "no channel for AGP; the images have the channels 1 (Alexa 647), 2 (Alexa 594), 3" in (
        str(error.value)
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<a><b></a>", "Index.xml: is no whole XML file: mismatched tag"),
        ("<a/>", "Index.xml: names no channel"),
        (
            "<a><Entry ChannelID='1'><ChannelName>x</ChannelName></Entry><Entry ChannelID='1'>"
            "<ChannelName>y</ChannelName></Entry></a>",
            "channel 1 has two names: 'x' and 'y'",
        ),
    ],
)
def test_a_damaged_index(tmp_path: Path, content: str, message: str) -> None:
    (plate(tmp_path) / "Index.xml").write_text(content)
    with pytest.raises(UserError, match=message):
        read_images(tmp_path)


def test_plates_of_different_channels(tmp_path: Path) -> None:
    old_index(plate(tmp_path) / "Index.idx.xml")
    swapped = NAMES | {"1": "Alexa 568", "2": "Alexa 647"}
    old_index(plate(tmp_path, "BR2") / "Index.idx.xml", swapped)
    with pytest.raises(UserError, match="channel 1 is 'Alexa 568', on another plate 'Alexa 647'"):
        read_images(tmp_path)
