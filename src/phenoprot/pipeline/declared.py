"""Parameters as a stage may read them: the declared blocks, and no others."""

from __future__ import annotations

from typing import Any


class UndeclaredParameterError(AttributeError):
    """A stage read a parameter that its declaration does not name.

    DVC would not run the stage again if that parameter changed: its result would go stale.
    """


class DeclaredParams:
    """A view of settings that lets through what is declared.

    Parameters
    ----------
    settings
        Any object with the blocks as attributes.
    declared
        Dotted keys; a key lets through all that lies below it.
    stage
        Name of the stage, for the error.
    """

    def __init__(
        self, settings: Any, declared: tuple[str, ...], stage: str, above: str = ""
    ) -> None:
        self._settings = settings
        self._declared = declared
        self._stage = stage
        self._above = above

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        key = f"{self._above}{name}"
        value = getattr(self._settings, name)
        if any(key == block or key.startswith(f"{block}.") for block in self._declared):
            return value
        if any(block.startswith(f"{key}.") for block in self._declared):
            return DeclaredParams(value, self._declared, self._stage, f"{key}.")
        raise UndeclaredParameterError(
            f"stage {self._stage} reads {key} of params.yaml, which its declaration in "
            "phenoprot.pipeline.stages does not name"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return DeclaredParams, (self._settings, self._declared, self._stage, self._above)
