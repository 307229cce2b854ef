"""
Where credentials come from, and when they are refreshed.

What is signed with them, and what a call does without any, is not decided here.
"""

from .cache import CachedCredentials
from .providers import AsyncCredentialsLike, AsyncCredentialsProvider, CredentialsLike, CredentialsProvider

__all__ = [
    "AsyncCredentialsLike",
    "AsyncCredentialsProvider",
    "CachedCredentials",
    "CredentialsLike",
    "CredentialsProvider",
]
