"""
One call: what happens between the client's method and its transport.
"""
