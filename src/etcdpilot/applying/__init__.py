"""Does: takes the steps as they are. The only room that changes anything."""
