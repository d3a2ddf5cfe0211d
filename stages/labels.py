"""Stage: labels (up / down / not / unclassified) and levels from the protein readout."""

from phenoprot.stage import run_stage


def labels(screen: str) -> None:
    """Label every compound and protein, and average levels per treatment."""
    from phenoprot.files import write_json, write_parquet
    from phenoprot.labels.single_dose import (
        label_counts,
        label_single_dose,
        standardised_readout,
    )
    from phenoprot.layout import Layout
    from phenoprot.params import load_params
    from phenoprot.profiles.treatments import treatment_profiles
    from phenoprot.screens.loader import load_screen

    params = load_params()
    source = load_screen(params.screen(screen).folder)
    wells = source.wells()
    readout = standardised_readout(source.proteomics(), wells, params.labels)
    table = label_single_dose(readout, wells, params.labels.single_dose)
    folder = Layout(screen).labels
    write_parquet(folder / "labels.parquet", table)
    write_parquet(folder / "levels.parquet", treatment_profiles(readout, wells))
    write_json(folder / "counts.json", label_counts(table))


if __name__ == "__main__":
    run_stage(labels)
