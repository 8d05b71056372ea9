"""The page: the live picture, the road's signs, their history, and a place to drop a picture.

Only `edge.web.opening` may be imported without the extra `[web]`; it says what is missing.
"""
