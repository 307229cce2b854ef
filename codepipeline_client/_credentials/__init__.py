"""
Where credentials come from, and when they are refreshed.

What is signed with them, and what a call does without any, is not decided here.
"""
