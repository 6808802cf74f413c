"""Images as inputs: read, segmented, filled in; `llm_attr_widget.inputs` offers them."""
