"""The simulated screen ``phantom``: latent programmes, the tables they leave, and the truth."""
