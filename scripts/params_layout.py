"""Give params.yaml the layout of DVC (part of `make format`).

`dvc exp run -S` writes the whole file as ruamel.yaml does: lists not indented, an empty value for
null, no needless quotes. From any other layout one changed value is a difference of many lines.
"""

from pathlib import Path

from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

from phenoprot.core.files import write_text

PARAMS = Path("params.yaml")


def as_dvc_writes(text: str) -> str:
    """The same parameters and comments as DVC would write them."""
    return dumps_yaml(parse_yaml_for_update(text, PARAMS))


if __name__ == "__main__":
    write_text(PARAMS, as_dvc_writes(PARAMS.read_text(encoding="utf-8")))
