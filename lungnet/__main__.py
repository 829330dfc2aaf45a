"""`python -m lungnet` is the same program as `lungnet`."""

from lungnet.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
