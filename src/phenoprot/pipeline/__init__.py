"""The pipeline: its stages, their parameters, and dvc.yaml."""
