"""The sentences of explanations in Simplified Chinese: English in, Chinese out. `words` looks them up."""

CHINESE: dict[str, str] = {}
