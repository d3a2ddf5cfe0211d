"""Embeddings of published networks: CLOOME, DINO, and any model of timm."""
