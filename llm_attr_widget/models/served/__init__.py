"""Models behind HTTP: one server, how it is asked for log-probs, and how requests are shared among servers."""
