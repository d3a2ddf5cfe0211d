"""What a run will cost: time, memory and disk of each stage, before it starts."""
