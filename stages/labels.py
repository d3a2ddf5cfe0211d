"""Stage: labels (up / down / not / unclassified) and levels from the protein readout."""

from phenoprot.stage import run_stage


def labels(screen: str) -> None:
    """Label every compound and protein, and average levels per treatment."""
    from phenoprot.files import write_json, write_parquet
    from phenoprot.labels.screen import label_screen
    from phenoprot.labels.single_dose import label_counts
    from phenoprot.layout import Layout
    from phenoprot.params import load_params
    from phenoprot.screens.loader import load_screen

    params, layout = load_params(), Layout(screen)
    source = load_screen(params.screen(screen).folder)
    table, levels = label_screen(
        source, layout.curves / "curves.parquet", params.labels, params.curves
    )
    write_parquet(layout.labels / "labels.parquet", table)
    write_parquet(layout.labels / "levels.parquet", levels)
    write_json(layout.labels / "counts.json", label_counts(table))


if __name__ == "__main__":
    run_stage(labels)
