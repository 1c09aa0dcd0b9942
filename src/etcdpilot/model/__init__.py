"""The words: frozen values and closed sets. No I/O of any kind; everybody may import this room, it imports nobody."""
