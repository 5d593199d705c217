"""Re-enactment methods behind one protocol."""
