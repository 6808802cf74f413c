"""Many prompts as one tree of tokens, so that what they begin with goes through the model once."""
