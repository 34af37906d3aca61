"""`python -m rushlight` is the command `rushlight`."""

from rushlight.cli import exit_main

if __name__ == "__main__":
    exit_main()
