"""Reads the cluster file: text in, a ClusterSpec or every problem with its line out."""
