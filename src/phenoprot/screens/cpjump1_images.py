"""The real fields of view of the cpjump1 screen: 8 of them, binned 2x2.

Upstream publishes one field of some wells as examples, in folders named by compound, and says of
them only that they lie on the plates BR00117010 to BR00117013. The microscope wrote into each file
when it took the image, and the names of the public image folders of the four plates tell when each
measurement began, so the plate of an image is the one whose measurement was running. The two
agree beyond doubt: the 40 files name four measurements, one in each interval, and the wells of all
plates come when they should if a plate is measured column by column, up the odd and down the even
ones, at 3.75 minutes a column. ``images.csv`` keeps the times.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.core.files import atomic_path, write_text
from phenoprot.screens.contract import FIELD_KEY, PLATE, SITE, STAINS, WELL
from phenoprot.screens.upstream import UpstreamFile, find_upstream

REPOSITORY = "jump-cellpainting/2021_Chandrasekaran_submitted"
COMMIT = "040170fff115b4cb407069cb9d4ccae20d0549ea"

MEASUREMENTS = {
    "BR00117012": datetime(2020, 11, 8, 19, 58, 34, tzinfo=UTC),
    "BR00117013": datetime(2020, 11, 8, 21, 38, 19, tzinfo=UTC),
    "BR00117010": datetime(2020, 11, 8, 23, 18, 0, tzinfo=UTC),
    "BR00117011": datetime(2020, 11, 9, 0, 57, 47, tzinfo=UTC),
}
"""Begin of each plate's measurement, in order. The folders of cpg0000-jump-pilot in the Cell
Painting Gallery have the time of Boston, five hours behind: ``BR00117012__2020-11-08T14_58_34``."""
MEASUREMENT_TIME = timedelta(minutes=100)
"""A plate takes 99.7 minutes; the next begins at once."""

ACQUIRED = "Metadata_Acquired"
"""Column of ``images.csv``: when the first channel of the field was taken, UTC."""

CHANNELS = ("Mito", "AGP", "RNA", "ER", "DNA")
"""Stains of the upstream channels 1 to 5."""
FIELDS = {
    "r01c21f05p01": (
        "ef9afde0a99164b69cdfe03dc99189c3458f75128f39df7b5353fc7bcd026054",
        "2db0ca35ed383ec57af557cb127b10ee2e7dacee86a03b135261220cf019651e",
        "2206206b2ef9decfd6be39ba6befbfe0cba4f4bf9bfa8becf27cf891435dc165",
        "d91885d53042b3986025a70513b571000baaef65466914228ef1bbca6b448484",
        "387ad88f78b21fd185735b6f7178134cdb52e37cf64673536665dce46d92f92e",
    ),
    "r04c08f05p01": (
        "e27f5acc2b8ad080e7561338f597e84e999cf2b6835c25fdab11a5fd1e07b985",
        "adcf5b9be1fc6cae1d32a9000d9e8d9a79005897fdcc1d228a1743f2364c4496",
        "1cca3a1cc163586e5093283182993ca1f96ba853043ad67f612da0f72390df0f",
        "bd6f71fc30b1ecc45a62d1386caf66d4e49cfb4376189d6602adddc4e8d317c1",
        "60403804efbd0eab5a7e132c8e643653415eceb845baea0c08236382c16cee8e",
    ),
    "r04c14f05p01": (
        "4f58369e590161a932b04ff91467e02d7a87bd42cd02b192e8d4116ebe3b1bd8",
        "267003780838c6368aba0ce4ce604d0b5023ca616bdecedb88806fd6d5100f9f",
        "fccfcad20022454c13abbcfea0b41ad19af25ee6e0fb74bf59b64751352dbf4e",
        "71020e6df2e5818baa52098429b66b021da465e81abf1ad0a06beca2ccb5ee99",
        "75af08d34ca0b816fc355ecc63b60438d1117a18f29d497e18976ae5f0312089",
    ),
    "r07c21f05p01": (
        "e73dcd472eaab2833b3af41646eae1f64b92d4ab9d030b5145d6d0d964012826",
        "0c5d9b6961100564ba84cfa655cae851f4c814f88b88c33711f74d1f42edbcc5",
        "a8086428d7e0f622a012e3b06496700e57f851ebec7eb378511c94996e498f1a",
        "6db672d90cd09b169878d8832ac72a44a44a9f03e2a70b9ff202ffeadc860c6d",
        "e588e10e3b6a884848ce6e18cf7642a9c73fccdc31e51d4a2c813c23467bedb9",
    ),
    "r12c09f05p01": (
        "310db5bf9ba6f235dfa3a50464e4d3b131857719ec0fc6dc7b7c651b036e0584",
        "4ef1031a83c1984c6d39b51eb79147fdf825b5d3cf584e39b34c25aa2281cb1a",
        "c67afb58fa759671490934f922c88a6232880cb061dab202e1acd48b313c6d84",
        "d960b446d263c0937707df03d8680e07ee178197a07c476982195931595ef285",
        "d315132f8e8379e65007652ee3d699ff604b78bceb94e0b42c89e42a5fa5c5d4",
    ),
    "r13c02f05p01": (
        "dc7bf06cd09ebaa46fdeec2eeca64a57fcc3443119fff85b04c4c9574c1f6e37",
        "1e2691fe9726083600e17953fc3c1109fdbbba6ad494e4d312dc54418d784fe3",
        "af145c3e14a01b1ae66d73321ac71919fa27156e37a248b45639b5095d13beea",
        "1e76c739cfe57e72061ee8b7dfc10d8c3d6a1afb6b3c6afafb263f9bba6684ea",
        "674d64b80e5feb45d8e8c9abb0c5ac8ac8c24b9e2a27795572d9f8fcbfafc607",
    ),
    "r14c09f05p01": (
        "6be29ad15a71eae218e31c41a6c7cb5e6d046861252b3d7fcf36128f0a6d3843",
        "a96b71fb3788a2c4f06da7c1922bf65d876749dab4af9c7a683b13686d502d5f",
        "2abc02e0f75113eb01f9dd6f2fdb82c53f1e2a99562c5a79812682e9893017cc",
        "12475697bade70f7dc4e39d703f4681668b12eb526cbeb8693ab36809c163b90",
        "9ae2fc54ea10e760bf43e3e1b4a1a68523ec4eba88201a4bb9f0dade3d4588cd",
    ),
    "r14c14f05p01": (
        "ae509ac276c05e9c9d318154d409ab9c1005a1f010d7cec069c3168f8e16e4ac",
        "561f9f10b543b62a9d0475ea31482760723c32f6504aa14e2b80ec958e3d3b63",
        "8041b4ffb7e38e007b1251e036445d2fad1f881b208f9c96e6052a5a4140065c",
        "aa879966443e46a124031b3821041518e23598cb987d460cd5b30a719b0341ef",
        "9b0e0672eb6fcf9601ef1f6827eaffe37d91d0b6a9bcf183673168892749cc89",
    ),
}
"""SHA-256 of the five channels of each field, by the start of the files' names."""


def channel_files(field: str) -> dict[str, UpstreamFile]:
    """Upstream file of each stain of a field."""
    return {
        stain: UpstreamFile(f"{field}-ch{number}sk1fk1fl1.tiff", REPOSITORY, COMMIT, sha256)
        for number, (stain, sha256) in enumerate(zip(CHANNELS, FIELDS[field], strict=True), 1)
    }


def well_and_site(field: str) -> tuple[str, str]:
    """``"r14c09f05p01"`` -> ``("N09", "5")``."""
    match = re.fullmatch(r"r(\d\d)c(\d\d)f(\d\d)p01", field)
    if match is None:
        raise ValueError(f"not the name of a field: {field}")
    row, column, site = (int(number) for number in match.groups())
    return f"{chr(ord('A') + row - 1)}{column:02d}", str(site)


def plate_of(acquired: datetime) -> str:
    """The plate that was being measured at a time.

    Raises
    ------
    UserError
        None of the four was.
    """
    for plate, begin in reversed(MEASUREMENTS.items()):
        if begin <= acquired:
            if acquired < begin + MEASUREMENT_TIME:
                return plate
            break
    raise UserError(f"an image of {acquired.isoformat()} was taken on none of the plates")


def read_upstream(path: Path) -> tuple[npt.NDArray[np.uint16], datetime]:
    """Image (Y, X) of an upstream file, and when it was taken."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        return page.asarray(), datetime.fromisoformat(page.tags["DateTime"].value)


def bin_2x2(image: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Mean of each 2x2 block, rounded half up.

    Parameters
    ----------
    image
        (Y, X), both even.

    Returns
    -------
    numpy.ndarray
        (Y / 2, X / 2) uint16.
    """
    height, width = image.shape
    blocks = image.reshape(height // 2, 2, width // 2, 2)
    return ((blocks.sum(axis=(1, 3), dtype=np.uint32) + 2) // 4).astype(np.uint16)


def write_tiff(path: Path, image: npt.NDArray[np.uint16]) -> None:
    """Write a grey image, deflated after differences along the rows: lossless."""
    import tifffile

    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            image,
            photometric="minisblack",
            compression="zlib",
            compressionargs={"level": 9},
            predictor=True,
            metadata=None,
            software=False,
        )


def build_images(upstream: Path, folder: Path) -> None:
    """Write ``images.csv`` and ``images/<plate>/<well>_s<site>_<stain>.tiff``.

    Parameters
    ----------
    upstream
        Folder that holds the upstream files, at any depth.
    folder
        The screen folder.

    Raises
    ------
    UserError
        A file is not there, has other bytes, or channels of a field lie on different plates.
    """
    rows = []
    for field in FIELDS:
        well, site = well_and_site(field)
        images, times = {}, []
        for stain, file in channel_files(field).items():
            images[stain], acquired = read_upstream(find_upstream(upstream, file))
            times.append(acquired)
        plates = {plate_of(acquired) for acquired in times}
        if len(plates) > 1:
            raise UserError(f"field {field} was taken on {' and '.join(sorted(plates))}")
        plate = plates.pop()
        row = {PLATE: plate, WELL: well, SITE: site, ACQUIRED: min(times).isoformat()}
        for stain in STAINS:
            row[f"PathName_{stain}"] = f"images/{plate}"
            row[f"FileName_{stain}"] = f"{well}_s{site}_{stain}.tiff"
            write_tiff(folder / "images" / plate / row[f"FileName_{stain}"], bin_2x2(images[stain]))
        rows.append(row)
    table = pd.DataFrame(rows).sort_values(FIELD_KEY)
    write_text(folder / "images.csv", table.to_csv(index=False, lineterminator="\n"))
