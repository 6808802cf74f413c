"""Texts, tokens, templates and conversations as inputs; `llm_attr_widget.inputs` offers them."""
