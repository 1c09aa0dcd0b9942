"""How values are shown: for people (short, aligned, coloured on a terminal alone) and for programs (one document)."""
