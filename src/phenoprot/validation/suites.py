"""Run rules as Great Expectations suites, one per batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from phenoprot.core.errors import LONGEST_ITEM, LONGEST_MESSAGE, shortened
from phenoprot.validation.report import CheckResult
from phenoprot.validation.rule import TABLE, WEIGHT, Between, Matches, OneOf, Present, Rule

if TYPE_CHECKING:
    from great_expectations.datasource.fluent import PandasDatasource

SHOWN = 5
"""Failed rows that a message names."""
Limits = Mapping[str, Any]
"""Values of the settings that rules name."""


def judge(
    batches: Mapping[str, pd.DataFrame], rules: Sequence[Rule], limits: Limits
) -> list[CheckResult]:
    """Judge every batch by its rules.

    Parameters
    ----------
    batches
        Tables and summaries by name, each with a column ``table``, and `WEIGHT` where a row that
        breaks no rule stands for several. A batch that is missing or has no rows skips its rules.
    rules
        What must hold.
    limits
        Settings that the rules name.

    Returns
    -------
    list of CheckResult
        One per rule and table, in the order of `rules`, then of the tables in the batch.
    """
    # Importing Great Expectations takes seconds: nothing but a validation should pay for it.
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
            # Its default makes a temporary folder for HTML pages that nobody reads.
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        ),
    )
    # One source for all batches: adding one costs as much as judging a batch.
    source = context.data_sources.add_pandas("screen")
    failed: dict[str, pd.DataFrame] = {}
    for name, batch in batches.items():
        ours = [rule for rule in rules if rule.batch == name]
        if len(batch) and ours:
            failed |= _run_suite(source, name, batch.reset_index(drop=True), ours, limits)
    results = []
    for rule in rules:
        if rule.id not in failed:
            continue
        rows = failed[rule.id]
        if rule.unless:
            rows = rows[~rows.index.isin(failed[rule.unless].index)]
        for table, members in batches[rule.batch].groupby(TABLE, sort=False):
            bad = rows[rows[TABLE] == table]
            total = int(members[WEIGHT].sum()) if WEIGHT in members else len(members)
            results.append(_result(rule, str(table), bad, total, limits))
    return results


def _run_suite(
    source: PandasDatasource,
    name: str,
    batch: pd.DataFrame,
    rules: Sequence[Rule],
    limits: Limits,
) -> dict[str, pd.DataFrame]:
    """Failed rows of the batch by rule id."""
    import great_expectations as gx

    asset = source.add_dataframe_asset(name)
    data = asset.add_batch_definition_whole_dataframe(name).get_batch({"dataframe": batch})
    suite = gx.ExpectationSuite(
        name=name, expectations=[_expectation(rule, limits) for rule in rules]
    )
    outcome = data.validate(suite, result_format="COMPLETE")
    # Results come back in an order of their own: the rule's id travels in `meta`.
    failed = {}
    for result in outcome.results:
        config = result.expectation_config
        rule_id = config.meta["rule"] if config and config.meta else ""
        if "unexpected_index_list" not in result.result:
            raise RuntimeError(f"Great Expectations could not run {rule_id}: {result}")
        failed[rule_id] = batch.loc[sorted(result.result["unexpected_index_list"])]
    return failed


def _expectation(rule: Rule, limits: Limits) -> Any:
    import great_expectations.expectations as gxe

    common: dict[str, Any] = {
        "column": rule.column,
        "severity": rule.severity,
        "notes": rule.why,
        "meta": {"rule": rule.id, "remedy": rule.remedy},
    }
    match rule.limit:
        case Present():
            return gxe.ExpectColumnValuesToNotBeNull(**common)
        case OneOf(values):
            return gxe.ExpectColumnValuesToBeInSet(value_set=list(values), **common)
        case Matches(pattern):
            return gxe.ExpectColumnValuesToMatchRegex(regex=pattern, **common)
        case Between(minimum, maximum, strict, strict_maximum):
            return gxe.ExpectColumnValuesToBeBetween(
                min_value=_bound(minimum, limits),
                max_value=_bound(maximum, limits),
                strict_min=strict,
                strict_max=strict_maximum,
                **common,
            )


def _bound(value: float | str | None, limits: Limits) -> float | None:
    return limits[value] if isinstance(value, str) else value


def _result(rule: Rule, table: str, bad: pd.DataFrame, total: int, limits: Limits) -> CheckResult:
    where = f"{table}, {rule.at}" if rule.at else table
    what = remedy = ""
    if len(bad):
        rows: list[dict[str, Any]] = [
            {**limits, **{str(key): value for key, value in row.items()}}
            for row in bad.head(SHOWN).to_dict("records")
        ]
        # The only item may hold a list of its own; names in it may be of any length.
        room = LONGEST_MESSAGE // 2 if len(bad) == 1 else 2 * LONGEST_ITEM
        items = ", ".join(shortened(rule.item.format(**row), room) for row in rows)
        if len(bad) > SHOWN:
            items += f" and {len(bad) - SHOWN} more"
        what = rule.fault.format(**limits, n=len(bad), total=total, items=items)
        remedy = shortened(rule.remedy.format(**rows[0]), LONGEST_MESSAGE // 2)
    return CheckResult(
        check=rule.id,
        table=table,
        ok=not len(bad),
        where=where,
        n=len(bad),
        total=total,
        what=what,
        remedy=remedy,
        severity=rule.severity,
    )
