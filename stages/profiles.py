"""Stage: one normalised profile per treatment, for every feature table that a row names."""

from phenoprot.stage import run_stage


def profiles(screen: str) -> None:
    """Normalise per plate to the negative controls, then average the replicate wells."""
    from phenoprot.files import write_parquet
    from phenoprot.layout import Layout
    from phenoprot.params import load_params
    from phenoprot.profiles.treatments import screen_profiles
    from phenoprot.screens.loader import load_screen

    params = load_params()
    block = params.screen(screen)
    names = dict.fromkeys(name for row in block.rows.values() for name in row.features)
    tables = screen_profiles(load_screen(block.folder), list(names), params.profiles.normalisation)
    for name, table in tables.items():
        write_parquet(Layout(screen).profiles / f"{name}.parquet", table)


if __name__ == "__main__":
    run_stage(profiles)
