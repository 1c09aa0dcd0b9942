"""Makes and judges keys and certificates, in memory. Writes no file and asks no clock."""
