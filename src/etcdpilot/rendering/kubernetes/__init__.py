"""What the API server of Kubernetes keeps in etcd, made readable. Arbitrary bytes never crash it: what cannot be read is
shown by its numbers, or not at all.
"""

from etcdpilot.rendering.kubernetes.secrets import without_secrets
from etcdpilot.rendering.kubernetes.stored import KubernetesObject, read_stored

__all__ = ["KubernetesObject", "read_stored", "without_secrets"]
