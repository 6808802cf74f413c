"""The statistics that methods share: least squares, LASSO, kriging, and the coalitions they are drawn for."""
