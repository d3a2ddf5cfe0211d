"""OpenPhenom-S/16 as a feature method of PhenoProt."""
