"""Stage: labels (up / down / not / unclassified) and levels from the protein readout."""

from phenoprot.pipeline.stage import run_stage


def labels(screen: str) -> None:
    """Label every compound and protein, and average levels per treatment."""
    from phenoprot.core.files import write_json, write_parquet
    from phenoprot.core.paths import Paths
    from phenoprot.pipeline.params import load_params
    from phenoprot.readout.screen import label_screen
    from phenoprot.readout.single_dose import label_counts
    from phenoprot.screens.loader import load_screen

    params, paths = load_params(), Paths(screen)
    source = load_screen(params.screen(screen).folder)
    table, levels = label_screen(
        source, paths.curves / "curves.parquet", params.labels, params.curves
    )
    write_parquet(paths.labels / "labels.parquet", table)
    write_parquet(paths.labels / "levels.parquet", levels)
    write_json(paths.labels / "counts.json", label_counts(table))


if __name__ == "__main__":
    run_stage(labels)
