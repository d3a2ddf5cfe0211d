"""Rules on the rows and plates of profiles and readout: keys, coverage, negative controls."""

from __future__ import annotations

from phenoprot.screens.contract import PLATE, WELL
from phenoprot.validation.rule import Between, Rule

_AT_WELL = f"{{{PLATE}}} {{{WELL}}}"

ROW_RULES = (
    Rule(
        id="key_present",
        batch="rows",
        column="complete",
        limit=Between(minimum=1),
        demand="plate and well (and protein) are never missing",
        fault="{n} of {total} wells have rows without plate, well or protein: {items}",
        item=_AT_WELL,
        why="A row without its key belongs to nothing.",
        remedy="Fill in the key or leave the rows out.",
    ),
    Rule(
        id="key_unique",
        batch="rows",
        column="n_repeated",
        limit=Between(maximum=0),
        demand="plate and well (and protein) stand in one row only",
        fault="{n} of {total} wells occur more than once: {items}",
        item=_AT_WELL + " ({n_repeated} repeated)",
        why="Repeated rows weigh double, and joins multiply them. A column number cut to one "
        "digit looks like this, too.",
        remedy="Keep one row per key; check that well names are complete (B07, not B).",
    ),
    Rule(
        id="row_has_well",
        batch="rows",
        column="has_well",
        limit=Between(minimum=1),
        demand="every row of a profile or readout belongs to a well of the layout",
        fault="{n} of {total} wells are not in the wells table: {items}",
        item=_AT_WELL,
        why="A row without a well has no compound and is silently left out.",
        remedy="Add the wells to the wells table, or spell plates and wells as there.",
    ),
)

COVERAGE_RULES = (
    Rule(
        id="plates_measured",
        batch="layout_plates",
        column="measured",
        limit=Between(minimum=1),
        demand="every plate of the layout with treated wells is in a profile, the readout or the "
        "images",
        fault="{n} of {total} plates with treated wells are in no other table: {items}",
        item=f"{{{PLATE}}} ({{n_treated}} treated wells)",
        at=PLATE,
        why="A table that lost whole plates looks like a whole one.",
        remedy="Read these plates again from their source, or take them out of the wells table.",
    ),
    Rule(
        id="plates_missing",
        batch="table_plates",
        column="missing_share",
        limit=Between(maximum="max_missing_wells"),
        demand="a profile or readout has nearly all plates of the tables that it shares plates "
        "with (`max_missing_wells`)",
        fault="{items} (limit: {max_missing_wells:.0%})",
        item="{n_missing} of {n_plates} plates are missing, which other tables of the same plates "
        "have: {examples}",
        at=PLATE,
        why="Treatments silently lose replicates, and some of them all.",
        remedy="Read these plates again from their source, or take them out of all tables.",
    ),
    Rule(
        id="plates_incomplete",
        batch="table_plates",
        column="missing_share",
        limit=Between(maximum=0),
        demand="it has all of them",
        fault="{items}",
        item="{n_missing} of {n_plates} plates are missing, which other tables of the same plates "
        "have: {examples}",
        at=PLATE,
        severity="warning",
        unless="plates_missing",
        why="Their treatments have fewer replicates.",
        remedy="No action needed if these plates failed in the laboratory.",
    ),
    Rule(
        id="wells_missing",
        batch="plates",
        column="missing_share",
        limit=Between(maximum="max_missing_wells"),
        demand="nearly all wells of a plate have a profile or readout (`max_missing_wells`)",
        fault="{n} of {total} plates lack more than {max_missing_wells:.0%} of their wells: "
        "{items}",
        item=f"{{{PLATE}}} ({{n_missing}} of {{n_layout}})",
        why="A cut file looks like a whole one: every later number is made from what is left.",
        remedy="Read the plate again from its source, or take the missing wells out of the wells "
        "table.",
    ),
    Rule(
        id="wells_incomplete",
        batch="plates",
        column="missing_share",
        limit=Between(maximum=0),
        demand="all wells of a plate have a profile or readout",
        fault="{n} of {total} plates lack some of their wells: {items}",
        item=f"{{{PLATE}}} ({{n_missing}} of {{n_layout}})",
        severity="warning",
        unless="wells_missing",
        why="Their treatments have fewer replicates.",
        remedy="No action needed if these wells failed in the laboratory.",
    ),
    Rule(
        id="negative_controls",
        batch="plates",
        column="n_controls",
        limit=Between(minimum="min_negative_controls"),
        demand="every plate has enough negative controls (`min_negative_controls`)",
        fault="{n} of {total} plates have fewer than {min_negative_controls} negative-control "
        "wells: {items}",
        item=f"{{{PLATE}}} ({{n_controls}})",
        why="Every plate is normalised to, and its effects tested against, its own controls.",
        remedy="Mark the control wells negcon in the wells table, or leave the plate out.",
    ),
    Rule(
        id="control_mean",
        batch="plates",
        column="typical_shift",
        limit=Between(maximum="max_typical_control_shift"),
        demand="the negative controls' mean of a plate's median feature is near 0 after "
        "normalisation (`max_typical_control_shift`)",
        fault="{n} of {total} plates have negative controls whose mean is not near 0 (median "
        "feature more than {max_typical_control_shift:g} sd away): {items}",
        item=f"{{{PLATE}}} ({{typical_shift:.3g}} sd)",
        why="So it looks when values were normalised to something else than these controls, e.g. "
        "to all wells: plates cannot be compared.",
        remedy="Normalise to the plate's negative controls, or give raw values (profiles: "
        "'normalised: false', readout: 'kind: intensity').",
    ),
    Rule(
        id="control_mean_feature",
        batch="plates",
        column="worst_shift",
        limit=Between(maximum="max_control_shift"),
        demand="the same for every single feature or protein (`max_control_shift`)",
        fault="{n} of {total} plates have features whose negative-control mean is more than "
        "{max_control_shift:g} sd from 0: {items}",
        item=f"{{{PLATE}}} ({{n_shifted}} features, most {{worst}}: {{worst_shift:.3g}} sd)",
        unless="control_mean",
        why="A few outlying control wells, or a feature that was not normalised, fake an effect "
        "of every compound of the plate.",
        remedy="Look for outlying control wells, or drop the features.",
    ),
    Rule(
        id="control_spread",
        batch="plates",
        column="spread",
        limit=Between(minimum="min_control_spread", maximum="max_control_spread"),
        demand="negative controls of normalised profiles spread by about 1 "
        "(`min_control_spread`, `max_control_spread`)",
        fault="{n} of {total} plates have negative controls with a median standard deviation "
        "outside {min_control_spread:g} to {max_control_spread:g}: {items}",
        item=f"{{{PLATE}}} ({{spread:.3g}})",
        why="Profiles that are centred but not scaled, or scaled by something else, weigh plates "
        "unevenly.",
        remedy="Scale by the spread of the plate's negative controls, or give raw values with "
        "'normalised: false'.",
    ),
)

PLATE_RULES = (*ROW_RULES, *COVERAGE_RULES)
