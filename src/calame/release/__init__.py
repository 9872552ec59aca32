"""What leaves the house: exports, each through a gate."""
