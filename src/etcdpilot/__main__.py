"""`python -m etcdpilot` is the same as `etcdpilot`."""

from etcdpilot.cli.main import run

if __name__ == "__main__":
    run()
