"""The tests, by what they hold: see docs/design.md. Shared pieces are imported as `tests.<area>.<module>`."""
