"""What we ship for tests: paper cluster, paper host, clock, scenario player, and the fixture for a real local cluster."""
