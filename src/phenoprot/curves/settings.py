"""Settings of the dose-response fits: CurveCurator's options, and those of a whole screen."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from phenoprot.core.settings import Settings

Engine = Literal["batched", "curvecurator"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Limit = Annotated[float, Field(allow_inf_nan=True)]
Range = tuple[Limit, Limit]
"""Lower and upper limit; an infinite one is none, as in CurveCurator's ``[0, inf]``."""


class FitSettings(Settings):
    """One curve fit and its call; names and defaults are those of CurveCurator 0.6.0."""

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Significance level: the horizontal asymptote of the call, a probability."""
    fc_lim: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.45
    """Effect limit: the vertical asymptote of the call, absolute log2 fold change."""
    max_missing: Annotated[int, Field(ge=0)] | None = None
    """Most treated values of a curve that may be missing or 0 (count); None removes no curve."""
    imputation: bool = False
    """Fill missing and very low intensities with one low value drawn from the controls."""
    imputation_pct: Annotated[float, Field(ge=0, le=1)] = 0.005
    """Quantile of the control means that is the imputation value (fraction, 0..1)."""
    normalization: bool = False
    """Centre the log2 median of every experiment (column) on their common mean."""
    ratio_range: Range | None = None
    """Clip ratios into (lowest, highest); treated / mean control, no unit."""
    control_fold_change: bool = False
    """Fold change of the highest dose against the control (1) in place of the lowest dose."""
    interpolation: bool = False
    """Fit also to points interpolated between the doses; tests are made on the data alone."""
    front: Positive | None = None
    """Fix the plateau at dose 0 to this ratio."""
    slope: Positive | None = None
    """Fix the slope (per decade of concentration, no unit)."""
    back: Positive | None = None
    """Fix the plateau at infinite dose to this ratio."""
    optimized_dofs: bool = True
    """Recalibrated degrees of freedom (True) or k - 1 and n - k (False)."""
    loc: float = 0.12
    """Location of the F distribution."""
    scale: Positive = 1.0
    """Scale of the F distribution."""
    dfn: Positive | None = None
    """Numerator degrees of freedom, if they are to be fixed."""
    dfd: Positive | None = None
    """Denominator degrees of freedom, if they are to be fixed."""
    quality_min: float | None = None
    """Curves with a signal quality (log2 mean control intensity) up to this stay unclassified."""
    not_rmse_limit: Annotated[float, Field(ge=0)] = 0.1
    """Largest RMSE (ratio) of the null model of a curve called ``not``."""
    pec50_filter: Range | None = None
    """Range of pEC50 (-log10 of base unit) outside which nothing is called ``up`` or ``down``."""

    @model_validator(mode="after")
    def _ordered(self) -> FitSettings:
        for name in ("ratio_range", "pec50_filter"):
            limits = getattr(self, name)
            if limits is not None and not limits[0] < limits[1]:
                raise ValueError(f"{name} must be (lower, upper), not {limits}")
        return self

    @property
    def free_parameters(self) -> int:
        """Number of parameters that are fitted (4 less the fixed ones)."""
        return 4 - sum(value is not None for value in (self.front, self.slope, self.back))


class CurveSettings(FitSettings):
    """The ``curves`` block of a screen: how its proteomics table becomes calls."""

    engine: Engine = "batched"
    """``batched`` (this package) or ``curvecurator`` (the reference, some 1,000 times slower)."""
    minimum_valid_doses: Annotated[int, Field(ge=4)] = 5
    """Curves with fewer treated values than this are fitted but left unclassified (count)."""
    control_compound: str = "DMSO"
    """Name in ``Metadata_Compound`` of the negative controls."""
    control_group: tuple[str, ...] = ()
    """Columns within which treated samples are compared with their controls, e.g.
    ``Metadata_Plate``; () compares with all controls."""
    dose_unit: str = "uM"
    """Unit of ``Metadata_Concentration``: M, mM, uM, nM or pM."""
    device: str | None = None
    """Torch device of the batched engine, e.g. ``cuda``; None is the compiled code on the CPU."""

    @property
    def fit_settings(self) -> FitSettings:
        """Options of a fit, without ``normalization``: the samples of a screen come normalised."""
        fit = FitSettings(**self.model_dump(include=set(FitSettings.model_fields)))
        return fit.model_copy(update={"normalization": False})

    def for_screen(self, negative_control: str, concentration_unit: str) -> CurveSettings:
        """The same settings with the names that a screen.yaml gives."""
        return self.model_copy(
            update={"control_compound": negative_control, "dose_unit": concentration_unit}
        )
