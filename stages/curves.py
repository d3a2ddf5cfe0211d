"""Stage: one curve per compound and protein of a dose-response screen."""

from phenoprot.pipeline.stage import run_stage


def curves(screen: str) -> None:
    """Fit all curves; a single-dose screen has none, and the result says so."""
    import pandas as pd

    from phenoprot.core.files import write_json, write_parquet
    from phenoprot.core.paths import Paths
    from phenoprot.curves.labels import count_states
    from phenoprot.curves.screen import FITTED, fit_screen
    from phenoprot.pipeline.params import load_params
    from phenoprot.readout.dose_response import long_readout
    from phenoprot.screens.loader import load_screen

    params = load_params()
    source = load_screen(params.screen(screen).folder)
    folder = Paths(screen).curves
    readout = source.info.tables.proteomics
    if readout is None or readout.design == "single_dose":
        write_parquet(folder / "curves.parquet", pd.DataFrame(columns=list(FITTED)))
        write_json(folder / "counts.json", {"curves": 0})
        return
    info = source.info
    settings = params.curves.for_screen(info.negative_control, info.concentration_unit)
    fitted = fit_screen(long_readout(source.proteomics(), source.wells()), settings)
    write_parquet(folder / "curves.parquet", fitted)
    write_json(folder / "counts.json", count_states(fitted))


if __name__ == "__main__":
    run_stage(curves)
