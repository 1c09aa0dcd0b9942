"""Decides, purely: wanted minus seen gives ordered, fenced steps with the quorum proof, or a refusal."""
