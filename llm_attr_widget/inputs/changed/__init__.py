"""Inputs made from others: with parts locked, with other words, with every token in its place."""
