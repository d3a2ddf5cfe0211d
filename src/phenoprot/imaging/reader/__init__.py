"""Read a field of view: five TIFF files, here or at a URL, as one array in [0, 1]."""

from phenoprot.imaging.reader.fetch import ImageError, read_bytes, storage_options
from phenoprot.imaging.reader.field import (
    Floats,
    correct_field,
    corrected,
    divided,
    field_name,
    read_field,
    read_illumination,
    read_image,
    read_images,
)
from phenoprot.imaging.reader.tiff import Image, decode_image

__all__ = [
    "Floats", "Image", "ImageError", "correct_field", "corrected", "decode_image", "divided",
    "field_name", "read_bytes", "read_field", "read_illumination", "read_image", "read_images",
    "storage_options",
]  # fmt: skip
