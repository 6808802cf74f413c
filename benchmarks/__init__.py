"""Side by side with what a user would pick instead. Each file says how to run it."""
