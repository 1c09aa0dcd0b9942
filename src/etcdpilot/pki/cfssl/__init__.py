"""cfssl's inputs and outputs: who has its JSON files keeps them.

Texts in, texts and bytes out; what differs from cfssl 1.2 stands in `docs/decisions/cfssl.md`.
"""
