"""ChEMBL's SQLite release: the same activities and mechanisms by its tables."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import require_file
from phenoprot.core.sqlite import opened_sqlite
from phenoprot.imports.targets.chembl import (
    CONFIDENCE,
    HUMAN,
    Limits,
    Molecule,
    Names,
    drugs_of,
)
from phenoprot.imports.targets.source import LICENCES, Annotations

_REMEDY = "Give chembl_NN.db as it is unpacked from chembl_NN_sqlite.tar.gz."
_TABLES = (
    *("molecule_dictionary", "compound_structures", "activities", "assays"),
    *("target_dictionary", "target_components", "component_sequences", "component_synonyms"),
    *("drug_mechanism", "molecule_synonyms", "version"),
)
_MOLECULES = """
select m.molregno, m.chembl_id, m.pref_name, s.standard_inchi_key
from molecule_dictionary m left join compound_structures s on s.molregno = m.molregno
order by m.molregno"""
_SYNONYMS = "select molregno, synonyms from molecule_synonyms order by molregno, synonyms"
_GENES = """
select c.tid, coalesce(
    (select y.component_synonym from component_synonyms y
     where y.component_id = q.component_id and y.syn_type = 'GENE_SYMBOL'
     order by y.compsyn_id limit 1), q.accession)
from target_components c join component_sequences q on q.component_id = c.component_id
where q.accession is not null order by c.tid, c.targcomp_id"""
_ACTIVITIES = """
select a.molregno, y.tid, a.pchembl_value, t.target_type, t.organism
from activities a join wanted w on w.molregno = a.molregno
join assays y on y.assay_id = a.assay_id join target_dictionary t on t.tid = y.tid
where a.pchembl_value is not null and y.assay_type = 'B' and y.confidence_score >= ?
  and coalesce(a.potential_duplicate, 0) = 0
  and coalesce(a.data_validity_comment, 'Manually validated') = 'Manually validated'
order by a.activity_id"""
_MECHANISMS = """
select d.molregno, d.tid, null, t.target_type, t.organism
from drug_mechanism d join wanted w on w.molregno = d.molregno
join target_dictionary t on t.tid = d.tid order by d.mec_id"""


def read_sqlite(path: Path, limits: Limits, wanted: set[str], names: set[str]) -> Annotations:
    """Read ChEMBL's SQLite release (``chembl_NN.db``), for the molecules that are looked for.

    Activities count if they are of binding assays of a confidence of at least
    :data:`CONFIDENCE`, of single proteins, without a comment on their validity, and no repeats.
    Mechanisms count whatever their target: all proteins of a complex are its targets.

    Parameters
    ----------
    path
        The database, opened to be read only.
    limits
        Which annotations count.
    wanted
        First blocks of InChIKeys.
    names
        Names in lower case, for molecules whose structure does not fit.

    Raises
    ------
    UserError
        It is no SQLite database, is cut, or lacks tables or columns of ChEMBL.
    """
    require_file(path)
    with opened_sqlite(path, "is no release of ChEMBL", _REMEDY) as database:
        return _of_database(database, path, limits, wanted, names)


def _of_database(
    database: sqlite3.Connection, path: Path, limits: Limits, wanted: set[str], names: set[str]
) -> Annotations:
    present = {row[0] for row in database.execute("select name from sqlite_master")}
    missing = [name for name in _TABLES if name not in present]
    if missing:
        raise UserError(
            f"lacks {len(missing)} table(s) of ChEMBL: {listed(missing)}",
            where=str(path),
            remedy=_REMEDY,
        )
    release = database.execute("select name from version where name like 'ChEMBL%'").fetchone()
    source = str(release[0]).replace("_", " ") if release else "ChEMBL"
    annotations = Annotations(source, (), LICENCES["ChEMBL"])
    by_synonym = {
        number
        for number, synonym in database.execute(_SYNONYMS)
        if synonym and synonym.lower() in names
    }
    molecules: dict[int, Molecule] = {}
    for number, _, name, key in database.execute(_MOLECULES):
        block = (key or "").partition("-")[0]
        if block in wanted or number in by_synonym or (name or "").lower() in names:
            molecules[number] = Molecule(
                dict.fromkeys(filter(None, [name])), dict.fromkeys(filter(None, [key]))
            )
    for number, synonym in database.execute(_SYNONYMS):
        if number in molecules and synonym:
            molecules[number].names[synonym] = None
    database.execute("create temp table wanted (molregno integer primary key)")
    database.executemany("insert into wanted values (?)", ((number,) for number in molecules))
    genes: dict[str, list[tuple[str, str]]] = {}
    for target, gene in database.execute(_GENES):
        genes.setdefault(str(target), []).append((str(gene), "SINGLE PROTEIN"))
    left_out = annotations.left_out
    queries: list[tuple[str, tuple[int, ...]]] = []
    if limits.evidence != "mechanisms":
        queries.append((_ACTIVITIES, (CONFIDENCE,)))
    if limits.evidence != "activities":
        queries.append((_MECHANISMS, ()))
    for query, values in queries:
        for number, target, value, kind, organism in database.execute(query, values):
            if organism != HUMAN and not limits.all_organisms:
                left_out["rows of other organisms"] += 1
            elif value is None:
                molecules[number].acts_on[str(target)] = None
            elif kind != "SINGLE PROTEIN":
                left_out["rows of no single protein"] += 1
            else:
                molecules[number].values.setdefault(str(target), []).append(float(value))
    by_id = {str(number): molecule for number, molecule in molecules.items()}
    annotations.drugs = list(drugs_of(by_id, limits, Names(genes, None, True, left_out)))
    return annotations
