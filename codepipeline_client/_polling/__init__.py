"""Many calls: when one execution is polled, which of many is polled next, and the loops that poll."""
