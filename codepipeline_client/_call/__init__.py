"""One call: its attempts, its retries and its limits."""
