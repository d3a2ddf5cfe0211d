"""Rules on what others published per treatment: features without wells, and labels."""

from __future__ import annotations

from phenoprot.screens.contract import COMPOUND, CONCENTRATION, STATE
from phenoprot.validation.rule import Between, Rule

_ROW = f"row {{row}} '{{{COMPOUND}}}' {{{CONCENTRATION}:g}}"

TREATMENT_RULES = (
    Rule(
        id="treatment_key",
        batch="treatments",
        column="complete",
        limit=Between(minimum=1),
        demand="every row of a table of treatments has a compound and a finite concentration",
        fault="{n} of {total} rows lack a compound or a finite concentration: {items}",
        item="row {row}",
        why="Such a row is no treatment.",
        remedy="Fill them in, or leave the rows out.",
    ),
    Rule(
        id="treatment_dose",
        batch="treatments",
        column=CONCENTRATION,
        limit=Between(minimum=0, strict=True),
        demand="these concentrations are above 0",
        fault="{n} of {total} rows have a concentration of 0 or below: {items}",
        item=_ROW,
        at=CONCENTRATION,
        unless="treatment_key",
        why="A table of treatments has no controls; negative concentrations are often logarithms.",
        remedy="Write concentrations in the unit of screen.yaml, and leave controls out.",
    ),
    Rule(
        id="treatment_unique",
        batch="treatments",
        column="repeated",
        limit=Between(maximum=0),
        demand="a compound at one concentration stands in one row only",
        fault="{n} of {total} rows repeat a compound and concentration: {items}",
        item=_ROW,
        why="Repeated rows weigh double, and joins multiply them.",
        remedy="Average the measurements of a treatment.",
    ),
    Rule(
        id="row_has_treatment",
        batch="treatments",
        column="has_treatment",
        limit=Between(minimum=1),
        demand="every row of a further profile is of a treatment of tables.treatments",
        fault="{n} of {total} rows are of treatments that the screen does not have: {items}",
        item=_ROW,
        why="Their features are silently left out.",
        remedy="Spell compounds and concentrations as in the table of treatments.",
    ),
    Rule(
        id="treatments_without_profile",
        batch="profile_treatments",
        column="n_lost",
        limit=Between(maximum=0),
        demand="a further profile has every treatment",
        fault="{items}",
        item="{n_lost} of {n_treatments} treatments have no row: {examples}",
        severity="warning",
        why="They are in no row of the tables that has these features.",
        remedy="No action needed if they were not measured.",
    ),
)

GIVEN_LABEL_RULES = (
    Rule(
        id="label_key",
        batch="given_labels",
        column="n_incomplete",
        limit=Between(maximum=0),
        demand="given labels name a compound and a protein",
        fault="labels without a compound or protein: {items}",
        item="'{compound}' ({n_incomplete} rows)",
        why="They label nothing.",
        remedy="Fill them in, or leave the rows out.",
    ),
    Rule(
        id="label_unique",
        batch="given_labels",
        column="n_repeated",
        limit=Between(maximum=0),
        demand="a compound and protein have one label",
        fault="{n} of {total} compounds have more than one label of a protein: {items}",
        item="'{compound}' ({n_repeated} repeated)",
        why="Two labels of one pair contradict each other or count twice.",
        remedy="Keep one row per compound and protein; those of several doses must be reduced.",
    ),
    Rule(
        id="label_known",
        batch="given_labels",
        column="n_wrong",
        limit=Between(maximum=0),
        demand="labels of `kind: state` are up, down, not or masked",
        fault="{n} of {total} compounds have labels that are none of up, down, not, masked: "
        "{items}",
        item="'{compound}' ({n_wrong}: {wrong})",
        at=STATE,
        why="What cannot be read would silently be masked.",
        remedy="Write up, down, not or masked in small letters.",
    ),
    Rule(
        id="label_compounds",
        batch="label_compounds",
        column="n_unknown",
        limit=Between(maximum=0),
        demand="all compounds with given labels are in the screen",
        fault="{items}",
        item="{n_unknown} of {n_compounds} compounds with labels are not in the screen: {examples}",
        at=COMPOUND,
        severity="warning",
        why="Their labels are not used.",
        remedy="Check the spelling; nothing is to be done if they were not imaged.",
    ),
)
