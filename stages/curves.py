"""Stage: one curve per compound and protein of a dose-response screen."""


def curves(job):
    """Fit all curves; a single-dose screen has none, and the result says so."""
    import pandas as pd

    from phenoprot.core.files import write_json, write_parquet
    from phenoprot.core.paths import WORK
    from phenoprot.curves.blocks import FITTED
    from phenoprot.curves.designs import mean_ratios, screen_curves
    from phenoprot.curves.long import long_readout
    from phenoprot.curves.position import POSITION_TERMS, without_position
    from phenoprot.curves.screen import count_states, fit_screen_in_shards
    from phenoprot.curves.streamed import fit_screen_in_blocks, is_streamed
    from phenoprot.screens.loader import load_screen

    source, folder = load_screen(job.folder), job.paths.curves
    readout = source.info.tables.proteomics
    if readout is None or readout.design == "single_dose":
        write_parquet(folder / "curves.parquet", pd.DataFrame(columns=list(FITTED)))
        write_json(folder / "counts.json", {"curves": 0})
        return
    info = source.info
    settings = job.params.curves.for_screen(info.negative_control, info.concentration_unit)
    correct, title = job.params.labels.position_correction == "controls", f"{job.screen} curves"
    work, execution = WORK / "curves", job.execution
    if is_streamed(source, settings):
        counts = fit_screen_in_blocks(
            source, settings, work, title, folder, correct=correct, execution=execution
        )
        write_json(folder / "counts.json", counts)
        return
    proteomics, wells, terms = source.proteomics(), source.wells(), ()
    if correct:
        proteomics, terms = without_position(proteomics, wells)
    measured = screen_curves(long_readout(proteomics, wells), settings)
    fitted = fit_screen_in_shards(measured, settings, work, title, execution)
    write_parquet(folder / "curves.parquet", fitted)
    write_parquet(folder / "ratios.parquet", mean_ratios(measured, settings))
    write_json(folder / "counts.json", count_states(fitted) | {POSITION_TERMS: len(terms)})


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(curves)
