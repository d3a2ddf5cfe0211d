"""Prediction tasks: folds, models and nested cross-validation."""
