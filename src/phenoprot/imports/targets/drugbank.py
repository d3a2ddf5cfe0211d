"""DrugBank's full database: an XML file of more than a gigabyte, read drug by drug."""

from __future__ import annotations

import errno
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import require_file
from phenoprot.imports.targets.source import LICENCES, Annotations, Drug

NAMESPACE = "{http://www.drugbank.ca}"
HUMAN = "Humans"
Element = ElementTree.Element


def read_drugbank(
    path: Path, *, known_action: bool = False, all_organisms: bool = False
) -> Annotations:
    """Read the targets of all drugs; memory holds one drug at a time.

    Only the section ``targets`` counts: enzymes, carriers and transporters are what happens to a
    drug. Drugs that stand inside another one (in its pathways) are no entries.

    Parameters
    ----------
    path
        XML, plain, ``.gz``, or the ``.zip`` that DrugBank gives.
    known_action
        Only targets by which the drug is known to act (``known-action`` is ``yes``).
    all_organisms
        Targets of other organisms than human, too.

    Raises
    ------
    UserError
        It is no XML, no DrugBank file, or cut (while its drugs are read).
    """
    require_file(path)
    with _opened(path) as stream:
        version = _version(stream, path)
    source = f"DrugBank {version}".strip()
    annotations = Annotations(source, (), LICENCES["DrugBank"])
    annotations.drugs = _drugs(path, annotations, known_action, all_organisms)
    if known_action:
        annotations.notes.append("only targets with a known action")
    return annotations


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The XML, unpacked; what is damaged becomes an error with one line."""
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                members = [name for name in archive.namelist() if name.endswith(".xml")]
                if len(members) != 1:
                    raise UserError(
                        f"holds {len(members)} XML files, expected one",
                        where=str(path),
                        remedy="Unpack it, and name the full database.",
                    )
                with archive.open(members[0]) as stream:
                    yield stream
        else:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
                yield stream  # type: ignore[misc]  # gzip's file is one of bytes, too
    except (ElementTree.ParseError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise _damaged(path, error) from None
    except OSError as error:
        if error.errno not in {None, errno.EINVAL}:  # the latter: a zip that lacks its begin
            raise
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(
        f"is no whole XML file: {error}", where=str(path), remedy="Unpack or download it again."
    )


def _version(stream: IO[bytes], path: Path) -> str:
    """Release of the database, from the root element."""
    _, root = next(iter(ElementTree.iterparse(stream, events=("start",))))
    if root.tag != f"{NAMESPACE}drugbank":
        raise UserError(
            f"is no DrugBank file: its first element is {quoted(root.tag)}",
            where=str(path),
            remedy=f"Expected {NAMESPACE}drugbank, the full database in XML.",
        )
    return str(root.get("version", ""))


def _drugs(
    path: Path, annotations: Annotations, known_action: bool, all_organisms: bool
) -> Iterator[Drug]:
    with _opened(path) as stream:
        events = ElementTree.iterparse(stream, events=("start", "end"))
        _, root = next(events)
        depth = 1
        for event, element in events:
            depth += 1 if event == "start" else -1
            # A drug of the list, not one inside a drug: only the root is open around it.
            if event == "end" and depth == 1:
                if element.tag == f"{NAMESPACE}drug":
                    yield _drug(element, annotations, known_action, all_organisms, path)
                root.clear()


def _drug(
    drug: Element, annotations: Annotations, known_action: bool, all_organisms: bool, path: Path
) -> Drug:
    identifiers = [
        _text(found) for found in _children(drug, "drugbank-id") if found.get("primary") == "true"
    ]
    name = _text(drug.find(f"{NAMESPACE}name"))
    if len(identifiers) != 1 or not identifiers[0] or not name:
        raise UserError(
            f"drug {quoted(name or listed(identifiers))} has no name or not one primary id",
            where=str(path),
            remedy="Download the file again.",
        )
    keys = [
        _text(found.find(f"{NAMESPACE}value"))
        for found in _children(drug, "calculated-properties", "property")
        if _text(found.find(f"{NAMESPACE}kind")) == "InChIKey"
    ]
    keys += [_text(found) for found in _children(drug, "salts", "salt", "inchikey")]
    names = [name, *(_text(found) for found in _children(drug, "synonyms", "synonym"))]
    names += [_text(found) for found in _children(drug, "salts", "salt", "name")]
    targets: dict[str, None] = {}
    for target in _children(drug, "targets", "target"):
        action = _text(target.find(f"{NAMESPACE}known-action")).lower()
        organism = _text(target.find(f"{NAMESPACE}organism"))
        if known_action and action != "yes":
            annotations.left_out["no known action"] += 1
        elif not all_organisms and organism != HUMAN:
            annotations.left_out["of other organisms"] += 1
        elif not (genes := [_gene(found) for found in _children(target, "polypeptide")]):
            annotations.left_out["no protein"] += 1
        else:
            targets |= dict.fromkeys(gene for gene in genes if gene)
    return Drug(
        identifiers[0],
        tuple(filter(None, names)),
        tuple(filter(None, keys)),
        tuple(targets),
    )


def _gene(polypeptide: Element) -> str:
    """The gene of a protein; without one its UniProt identifier."""
    return _text(polypeptide.find(f"{NAMESPACE}gene-name")) or str(polypeptide.get("id", ""))


def _children(element: Element, *names: str) -> list[Element]:
    """Elements on a path of direct children."""
    return element.findall("/".join(f"{NAMESPACE}{name}" for name in names))


def _text(element: Element | None) -> str:
    return " ".join((element.text or "").split()) if element is not None else ""
