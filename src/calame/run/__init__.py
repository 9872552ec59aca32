"""Run folders, the store, stages and their fingerprints, telemetry, the checkpoint format."""
