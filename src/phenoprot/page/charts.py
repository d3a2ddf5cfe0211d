"""The figures of the page in Vega-Lite, written with Altair.

Colours are those of Okabe and Ito. Ink and paper are the page's own (``currentColor``), so that a
figure follows the theme and prints dark on white.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import altair as alt

INK = "currentColor"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", INK)
"""Okabe and Ito without sky blue and yellow, which are faint on white; black is the page's ink."""
GREY = "#767676"
"""What is not told apart."""
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 2], [1, 3])
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
TABLE = "table"
"""Name of the data of a figure."""
STEP = 26
"""Height of a line of a figure of rows (px): two lines of a long name."""
AT_PLUS = "indexof(datum.label, '+') + 1"
IS_LONG = f"length(datum.label) > 26 && {AT_PLUS} > 0"
IN_TWO = (
    f"{IS_LONG} ? [slice(datum.label, 0, {AT_PLUS}), slice(datum.label, {AT_PLUS})] : datum.label"
)
"""A long name of a row, in two lines: names differ at their ends."""
LINE = 11
"""Height of one of these lines (px)."""
TOLD = ("told apart", "not told apart")
"""Of two scores whose difference is tested."""
Spec = dict[str, Any]


def _base(name: str = TABLE) -> alt.Chart:
    return alt.Chart(alt.NamedData(name=name))


def _finished(chart: alt.Chart | alt.LayerChart | alt.FacetChart, height: int = 240) -> Spec:
    """The specification: as wide as its place, without names and data of its own."""
    spec: Spec = chart.to_dict()
    spec |= {"width": "container", "height": height}
    for key in ("$schema", "config"):
        spec.pop(key, None)
    return spec


def _row_names() -> alt.Axis:
    # Two lines would hang from the middle of their row into the next one.
    up = {"condition": {"test": IS_LONG, "value": -LINE / 2}, "value": 0}
    return alt.Axis(
        labelLimit=200, labelPadding=6, labelExpr=IN_TWO, labelLineHeight=LINE, labelOffset=up
    )


def _told(shapes: Sequence[str]) -> tuple[alt.Color, alt.Shape]:
    """Colour and shape of what is told apart and what is not."""
    legend = alt.Legend(title=None, orient="bottom")
    colours = alt.Scale(domain=list(TOLD), range=[COLOURS[0], GREY])
    scale = alt.Scale(domain=list(TOLD), range=list(shapes))
    return alt.Color("told:N", scale=colours, legend=legend), alt.Shape("told:N", scale=scale)


def _lines(*, points: bool = True) -> tuple[alt.Color, alt.StrokeDash, alt.Shape]:
    """A colour, a dash and a shape for each line: the page fills in their names.

    The legend shows dashes of lines without points, else shapes.
    """
    legend = alt.Legend(title=None, orient="bottom", labelLimit=240)
    if points:
        legend.symbolStrokeWidth = 0
    dashes = alt.Scale(range=list(map(list, DASHES)))
    return (
        alt.Color("row:N", scale=alt.Scale(range=list(COLOURS)), legend=legend),
        alt.StrokeDash("row:N", scale=dashes, legend=legend),
        alt.Shape("row:N", scale=alt.Scale(range=list(SHAPES)), legend=legend),
    )


def rows_chart(
    title: str, chance: float, kinds: Sequence[str], n_rows: int, beside: Collection[str]
) -> Spec:
    """Scores of rows with intervals; what chance, the ceiling and the poster have.

    Kinds are at most as many as colours. Columns: ``row``, ``kind``, ``value``, ``low``,
    ``high``, ``text``, and those `beside`: ``ceiling``, ``poster``.
    """
    rows = alt.Y("row:N", sort=None, title=None, axis=_row_names())
    known = list(kinds)
    legend = alt.Legend(title=None, orient="bottom")
    colours = alt.Scale(domain=known, range=list(COLOURS[: len(known)]))
    colour = alt.Color("kind:N", scale=colours, legend=legend)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=known, range=list(SHAPES[: len(known)])))
    low = alt.X("low:Q", title=title, scale=alt.Scale(zero=False))
    marks = {
        "ceiling": _base().mark_tick(thickness=2, size=14, color=INK, opacity=0.6),
        "poster": _base().mark_point(size=70, filled=False, shape="diamond", color=INK),
    }
    chart = alt.layer(
        _rule(chance),
        _with_ends(_base().mark_rule(strokeWidth=2)).encode(
            x=low, x2="high:Q", y=rows, color=colour
        ),
        *(mark.encode(x=alt.X(f"{name}:Q", title=title), y=rows)
          for name, mark in marks.items() if name in beside),
        _base().mark_point(filled=True, size=60, opacity=1).encode(
            x=alt.X("value:Q", title=title), y=rows, color=colour, shape=shape,
            tooltip=[alt.Tooltip("row:N"), alt.Tooltip("text:N", title=title)],
        ),
    )  # fmt: skip
    return _finished(chart, STEP * n_rows)


def _rule(at: float, axis: str = "x") -> alt.Chart:
    """A fine line at a value: chance, no difference."""
    place = {axis: alt.datum(at)}
    rule = alt.Chart(alt.InlineData(values=[{}])).mark_rule(
        color=INK, opacity=0.5, strokeDash=[3, 3]
    )
    return rule.encode(**place)


def _with_ends(chart: alt.Chart, value: str = "value") -> alt.Chart:
    """Where there is no interval, its ends are the value: nothing is seen of it."""
    ends = {end: f"isValid(datum.{end}) ? datum.{end} : datum.{value}" for end in ("low", "high")}
    return chart.transform_calculate(**ends)


def doses_chart(title: str, unit: str, chance: float) -> Spec:
    """Scores by concentration.

    Columns: ``row``, ``concentration``, ``value``, ``low``, ``high``.
    """
    colour, dash, shape = _lines()
    dose = alt.X(
        "concentration:Q",
        scale=alt.Scale(type="log"),
        title=f"concentration ({unit})",
        axis=alt.Axis(format="~g", tickCount=5, grid=False),
    )
    score = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    band = _with_ends(_base().mark_area(opacity=0.12)).encode(
        x=dose, y=alt.Y("low:Q", title=title), y2="high:Q", color=colour
    )  # fmt: skip
    line = _base().mark_line(strokeWidth=2).encode(x=dose, y=score, color=colour, strokeDash=dash)
    points = _base().mark_point(filled=True, size=45, opacity=1).encode(
        x=dose, y=score, color=colour, shape=shape,
        tooltip=["row:N", "concentration:Q", "value:Q", "low:Q", "high:Q"],
    )  # fmt: skip
    return _finished(alt.layer(_rule(chance, "y"), band, line, points))


def sorted_chart(title: str, chance: float, noun: str) -> Spec:
    """Scores of all targets, sorted. Columns: ``row``, ``share``, ``value``."""
    colour, dash, _ = _lines(points=False)
    line = _base().mark_line(strokeWidth=2, interpolate="step-after").encode(
        x=alt.X("share:Q", title=f"share of the {noun} (%), best first"),
        y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)),
        color=colour, strokeDash=dash, tooltip=["row:N", "share:Q", "value:Q"],
    )  # fmt: skip
    return _finished(alt.layer(_rule(chance, "y"), line))


def differences_chart(first: str, n_rows: int) -> Spec:
    """The first row minus others. Columns: ``against``, ``value``, ``low``, ``high``, ``told``."""
    rows = alt.Y("against:N", sort=None, title=None, axis=_row_names())
    colour, shape = _told(SHAPES[:2])
    title = f"{first} minus row, mean AUC"
    low = alt.X("low:Q", title=title)
    chart = alt.layer(
        _rule(0),
        _with_ends(_base().mark_rule(strokeWidth=2)).encode(
            x=low, x2="high:Q", y=rows, color=colour
        ),
        _base().mark_point(filled=True, size=60, opacity=1).encode(
            x=alt.X("value:Q", title=title), y=rows, color=colour, shape=shape,
            tooltip=["against:N", "value:Q", "low:Q", "high:Q", "q:Q"],
        ),
    )  # fmt: skip
    return _finished(chart, STEP * n_rows)


def pairs_chart(linear: str) -> Spec:
    """Each target in the MLP and the linear model. Columns: ``linear``, ``gain``, ``told``."""
    colour, shape = _told(("triangle-up", "circle"))
    few = alt.Axis(tickCount=6)
    points = _base().mark_point(size=35).encode(
        x=alt.X("linear:Q", title=f"AUC, {linear}", scale=alt.Scale(zero=False), axis=few),
        y=alt.Y("gain:Q", title="MLP minus linear model"), color=colour, shape=shape,
        tooltip=["Target:N", "mlp:Q", "linear:Q", "gain:Q", "q:Q"],
    )  # fmt: skip
    return _finished(alt.layer(_rule(0, "y"), points))


def overlap_chart(n_rows: int) -> Spec:
    """Share of the targets above chance in both of two rows. Columns: ``a``, ``b``, ``share``."""
    names: dict[str, Any] = {"labelLimit": 230, "labelOverlap": False}
    cell = _base().encode(
        x=alt.X("a:N", sort=None, title=None, axis=alt.Axis(labelAngle=-40, **names)),
        y=alt.Y("b:N", sort=None, title=None, axis=alt.Axis(labelExpr=IN_TWO, **names)),
    )
    colour = alt.Color(
        "share:Q", scale=alt.Scale(domain=[0, 1], scheme="blues"), legend=None
    )  # fmt: skip
    ink = alt.condition("datum.share > 0.5", alt.value("white"), alt.value("black"))
    chart = alt.layer(
        cell.mark_rect().encode(color=colour, tooltip=["a:N", "b:N", "both:Q", "either:Q"]),
        cell.mark_text(fontSize=11).encode(text=alt.Text("share:Q", format=".2f"), color=ink),
    )
    return _finished(chart, 30 * n_rows)


def leak_chart(title: str, n_rows: int) -> Spec:
    """Scores under two kinds of folds. Columns: ``row``, ``compounds``, ``treatments``."""
    rows = alt.Y("row:N", sort=None, title=None, axis=alt.Axis(labelLimit=190))
    names = ["folds of compounds", "folds of treatments (leaking)"]
    folded = _base().transform_fold(["compounds", "treatments"], as_=["folds", "score"])
    folded = folded.transform_calculate(
        folds=f"datum.folds == 'compounds' ? '{names[0]}' : '{names[1]}'"
    )
    legend = alt.Legend(title=None, orient="bottom", columns=1)
    colours = alt.Scale(domain=names, range=list(COLOURS[:2]))
    shape = alt.Shape("folds:N", scale=alt.Scale(domain=names, range=["circle", "triangle-up"]))
    from_ = alt.X("compounds:Q", title=title, scale=alt.Scale(zero=False))
    chart = alt.layer(
        _rule(0.5),
        _base().mark_rule(color=INK, opacity=0.4).encode(x=from_, x2="treatments:Q", y=rows),
        folded.mark_point(filled=True, size=60, opacity=1).encode(
            x=alt.X("score:Q", title=title), y=rows,
            color=alt.Color("folds:N", scale=colours, legend=legend), shape=shape,
            tooltip=["row:N", "folds:N", "score:Q"],
        ),
    )  # fmt: skip
    return _finished(chart, STEP * n_rows + 20)


def thirds_chart(title: str, chance: float) -> Spec:
    """Scores within thirds of the cell number. Columns: ``row``, ``third``, ``value`` and ends."""
    colour, dash, shape = _lines()
    third = alt.X(
        "third:N", sort=None, title="cells of the treatments", axis=alt.Axis(labelAngle=0)
    )
    score = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    chart = alt.layer(
        _rule(chance, "y"),
        _base().mark_line(strokeWidth=1.5).encode(x=third, y=score, color=colour, strokeDash=dash)
        .transform_filter("datum.third != 'within thirds'"),
        _base().mark_point(filled=True, size=55, opacity=1).encode(
            x=third, y=score, color=colour, shape=shape,
            tooltip=["row:N", "third:N", "value:Q", "low:Q", "high:Q"],
        ),
    )  # fmt: skip
    return _finished(chart)


def active_chart(unit: str) -> Spec:
    """Active treatments. Columns: ``concentration``, ``percent``, ``n``, ``n_active``."""
    bars = _base().mark_bar(color=COLOURS[0]).encode(
        x=alt.X("concentration:O", sort=None, title=f"concentration ({unit})",
                axis=alt.Axis(labelAngle=0)),
        y=alt.Y("percent:Q", title="active treatments (%)", scale=alt.Scale(domain=[0, 100])),
        tooltip=["concentration:N", "n_active:Q", "n:Q"],
    )  # fmt: skip
    return _finished(bars, 200)


def loss_chart() -> Spec:
    """The loss of the masked autoencoder by step. Columns: ``step``, ``loss``."""
    line = _base().mark_line(strokeWidth=2, color=COLOURS[0]).encode(
        x=alt.X("step:Q", title="training step"),
        y=alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=False)),
        tooltip=["step:Q", "loss:Q"],
    )  # fmt: skip
    return _finished(line, 200)


def curves_chart(unit: str) -> Spec:
    """Dose responses of compounds: measured points, fitted lines.

    Data ``points`` and ``lines``, columns ``row`` (the compound), ``dose``, ``ratio``.
    """
    colour, dash, shape = _lines()
    dose = alt.X(
        "dose:Q",
        scale=alt.Scale(type="log"),
        title=f"concentration ({unit})",
        axis=alt.Axis(format="~g", tickCount=5, grid=False),
    )
    ratio = alt.Y("ratio:Q", title="ratio to the controls", scale=alt.Scale(zero=False))
    chart = alt.layer(
        _rule(1, "y"),
        _base("lines").mark_line(strokeWidth=2).encode(
            x=dose, y=ratio, color=colour, strokeDash=dash
        ),
        _base("points").mark_point(filled=True, size=45, opacity=1).encode(
            x=dose, y=ratio, color=colour, shape=shape, tooltip=["row:N", "dose:Q", "ratio:Q"]
        ),
    )  # fmt: skip
    return _finished(chart)


def predicted_chart() -> Spec:
    """Out-of-fold prediction against what was measured. Columns: ``x``, ``y``, ``group``."""
    colour = alt.Color("group:N", scale=alt.Scale(range=list(COLOURS)), sort=None,
                       legend=alt.Legend(title=None, orient="bottom", columns=3))  # fmt: skip
    shape = alt.Shape("group:N", scale=alt.Scale(range=list(SHAPES)), sort=None)
    points = _base().mark_point(size=28, opacity=0.8).encode(
        x=alt.X("x:Q", title="predicted, out of fold", scale=alt.Scale(zero=False)),
        y=alt.Y("y:Q", title="measured", scale=alt.Scale(zero=False)),
        color=colour, shape=shape, tooltip=["compound:N", "group:N", "x:Q", "y:Q"],
    )  # fmt: skip
    return _finished(points)


def carriers_chart() -> Spec:
    """What a score loses without a group of features. Columns: ``group``, ``drop``, ends.

    The ends are 2 standard errors away; none where the error is unknown.
    """
    groups = alt.Y("group:N", sort=None, title=None, axis=alt.Axis(labelLimit=170))
    chart = alt.layer(
        _rule(0),
        _base().mark_bar(color=COLOURS[0]).encode(
            x=alt.X("drop:Q", title="AUC lost when permuted"), y=groups,
            tooltip=["group:N", "drop:Q", "low:Q", "high:Q", "n_features:Q"],
        ),
        _with_ends(_base().mark_rule(color=INK), "drop").encode(
            x="low:Q", x2="high:Q", y=groups
        ),
    )  # fmt: skip
    return _finished(chart)


def heat_chart(n_targets: int, most: float) -> Spec:
    """Targets x groups of features. Columns: ``Target``, ``Group``, ``drop`` up to +-`most`."""
    scale = alt.Scale(scheme="blueorange", domain=[-most, 0, most], clamp=True)
    names = alt.Axis(labelAngle=-60, labelOverlap=False)
    lines = alt.Axis(labelLimit=110, labelOverlap=False)
    chart = _base().mark_rect().encode(
        x=alt.X("Group:N", sort=None, title=None, axis=names),
        y=alt.Y("Target:N", sort=None, title=None, axis=lines),
        color=alt.Color("drop:Q", scale=scale, legend=alt.Legend(title="AUC lost", orient="top")),
        tooltip=["Target:N", "Group:N", "drop:Q", "drop_se:Q", "auc:Q"],
    )  # fmt: skip
    return _finished(chart, 14 * n_targets)
