"""What makes the models that ship: `python -m training.text` and `python -m training.vision`."""
