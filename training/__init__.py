"""Data sets, drawn signs and drives, and the float models made of them."""
