"""What we ship for tests: paper cluster, clock, scenario player, the fixture for a real local cluster."""
