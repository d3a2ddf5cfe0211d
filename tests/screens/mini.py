"""The smallest screen.yaml: a wells table and nothing else."""

from typing import Any

INFO: dict[str, Any] = {
    "name": "mini",
    "title": "t",
    "organism": "o",
    "cell_line": "c",
    "stains": ["DNA"],
    "concentration_unit": "uM",
    "negative_control": "DMSO",
    "sources": [{"repository": "r", "commit": "0", "licence": "l", "content": "c"}],
    "caveats": [],
    "tables": {"wells": "wells.csv"},
}
